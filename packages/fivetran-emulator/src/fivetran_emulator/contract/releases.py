"""What a connector has released: its tables, columns and secrets, and a state, by version; in tests/released.json.

Whoever reads a warehouse depends on the columns, whoever runs a connection on the secrets and the state. None of them is in the
tests of the next release, so each release leaves them here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from fivetran_emulator.contract.lab.connection import Connection

if TYPE_CHECKING:
    from fivetran_emulator.contract.subject import Subject

__all__ = [
    "Release",
    "ReleasedTable",
    "breaks",
    "fits",
    "following",
    "numbers",
    "read",
    "required_secrets",
    "tables_of",
    "version_of",
    "write",
]

_MADE_BY = "nox -s tests -- NAME -k C35 --write-released"
_WIDER = {("integer", "number")}
"""Changes of type that the warehouse makes by itself, without a loss: Fivetran widens whole numbers to fractions."""


class ReleasedTable(msgspec.Struct, frozen=True):
    """A table's key and the kinds of its columns: integer, number, boolean, text, list, object; null when it never had a value."""

    key: list[str]
    columns: dict[str, str]


class Release(msgspec.Struct, frozen=True):
    """What a version promised. `state` is the one after a first sync of its practice source."""

    version: str
    tables: dict[str, ReleasedTable]
    secrets: dict[str, Literal["required", "optional"]]
    state: Any


class _File(msgspec.Struct, rename={"made_by": "made by"}):
    made_by: str
    releases: list[Release]


def read(path: Path) -> list[Release]:
    """The releases of a file, oldest first; none when there is no file. Raises ValueError for one that cannot be read."""
    if not path.exists():
        return []
    try:
        releases = msgspec.json.decode(path.read_bytes(), type=_File).releases
        return _in_order(releases)
    except (msgspec.DecodeError, ValueError, OSError) as error:
        raise ValueError(f"{path} is not a record of releases: {error}") from None


def _in_order(releases: list[Release]) -> list[Release]:
    if len({one.version for one in releases}) < len(releases):
        raise ValueError("a version is in it twice")
    return sorted(releases, key=lambda one: numbers(one.version))


def write(path: Path, release: Release) -> None:
    """Record a release.

    Raises ValueError when it takes away what an earlier one with a compatible version has promised; nothing is
    written then.
    """
    recorded = read(path)
    broken = [line for one in recorded for line in _breaks_in_order(one, release)]
    if broken:
        raise ValueError(
            "\n".join(
                [*broken, f"{release.version} cannot promise less: raise it to {following(release.version)}"]
            )
        )
    others = [one for one in recorded if one.version != release.version]
    releases = sorted([*others, release], key=lambda one: numbers(one.version))
    built = msgspec.to_builtins(_File(_MADE_BY, releases))
    path.write_text(json.dumps(built, indent=2, ensure_ascii=False, sort_keys=True) + "\n", "utf-8")


def _breaks_in_order(one: Release, other: Release) -> list[str]:
    earlier, later = sorted([one, other], key=lambda release: numbers(release.version))
    return breaks(earlier, later)


def following(version: str) -> str:
    """The next version that may take something away."""
    major, minor, _patch = numbers(version)
    return f"{major + 1}.0.0" if major else f"0.{minor + 1}.0"


def tables_of(connection: Connection) -> dict[str, ReleasedTable]:
    """The tables with rows in what a connection was sent."""
    kinds: dict[str, dict[str, set[str]]] = {}
    for exchange in connection.exchanges:
        for name, row in exchange.rows():
            columns = kinds.setdefault(name, {})
            for column, value in row.items():
                columns.setdefault(column, set()).add(_kind(value))
    keys = connection.warehouse.keys
    return {
        name: ReleasedTable(
            list(keys.get(name, ())), {column: _one(found) for column, found in sorted(columns.items())}
        )
        for name, columns in sorted(kinds.items())
    }


def _kind(value: Any) -> str:
    names = {type(None): "null", bool: "boolean", int: "integer", float: "number", str: "text", list: "list"}
    return names.get(type(value), "object")


def _one(kinds: set[str]) -> str:
    """The kind of a column from those of its values."""
    kinds = kinds - {"null"} or {"null"}
    if kinds == {"integer", "number"}:
        return "number"
    return kinds.pop() if len(kinds) == 1 else "mixed"


_AS_TEXT = (("number", "text"), ("number", "mixed"))
"""What becomes of a column with fractions where they arrive as text; whole numbers stay what they are."""


def required_secrets(subject: Subject) -> list[str]:
    """The keys without which the function refuses a setup test."""
    trial = subject.trial()
    secrets = trial.connection.secrets
    return [key for key in secrets if _is_required(trial.connect(), key, secrets)]


def _is_required(connection: Connection, key: str, secrets: Mapping[str, Any]) -> bool:
    sent = {name: value for name, value in secrets.items() if name != key}
    call = connection.call(accept=False, setup_test=True, secrets=sent)
    # Without an address a function may ask its default one, and be refused there: that names no key.
    return call.failed and not call.asked and (key in call.error or not call.error)


def fits(
    recorded: Mapping[str, ReleasedTable], seen: Mapping[str, ReleasedTable], *, as_text: bool = False
) -> Iterator[str]:
    """Every difference of the tables that are seen from those recorded, as a sentence; fractions may be seen `as_text`."""
    yield from _missing(recorded, seen, "is missing")
    for name, table in seen.items():
        if name not in recorded:
            yield f"table {name} is new"
            continue
        had = recorded[name].columns
        yield from (f"{name}.{column} is new" for column in table.columns if column not in had)
        for column, kind in table.columns.items():
            if had.get(column, kind) != kind and kind == "null":
                yield f"{name}.{column} has no value any more"
            elif had.get(column, kind) != kind and not (as_text and (had[column], kind) in _AS_TEXT):
                yield f"{name}.{column} is {kind}, not {had[column]}"


def _missing(
    recorded: Mapping[str, ReleasedTable], seen: Mapping[str, ReleasedTable], what: str
) -> Iterator[str]:
    for name, table in recorded.items():
        if name not in seen:
            yield f"table {name} {what}"
            continue
        yield from (f"{name}.{column} {what}" for column in table.columns if column not in seen[name].columns)
        if table.key != seen[name].key:
            yield f"the key of {name} is {', '.join(seen[name].key)}, not {', '.join(table.key)}"


def breaks(earlier: Release, later: Release) -> list[str]:
    """What of an earlier release a later one breaks although its version says that it does not."""
    if _promise(earlier.version) != _promise(later.version):
        return []
    found = list(_missing(earlier.tables, later.tables, "is missing"))
    for name, table in earlier.tables.items():
        for column, kind in table.columns.items():
            now = later.tables[name].columns.get(column, kind) if name in later.tables else kind
            if now != kind and "null" not in (now, kind) and (kind, now) not in _WIDER:
                found.append(f"{name}.{column} is {now}, not {kind}")
    found += [
        f"the secret {key} is required now"
        for key, needed in later.secrets.items()
        if needed == "required" and earlier.secrets.get(key) != "required"
    ]
    return [f"{line}, unlike in {earlier.version}" for line in found]


def version_of(connector: Path) -> str | None:
    """The `__version__` in the source of a connector's folder; None when there is none."""
    for source in sorted(connector.glob("src/*/__init__.py")):
        if found := re.search(
            r"""^__version__(?:\s*:\s*\w+)?\s*=\s*["']([^"']*)["']""", source.read_text("utf-8"), re.MULTILINE
        ):
            return found[1]
    return None


def _promise(version: str) -> tuple[int, ...]:
    """The part of a version that stays while nothing breaks: the major one, and the minor one before 1.0."""
    major, minor, _patch = numbers(version)
    return (major,) if major else (major, minor)


def numbers(version: str) -> tuple[int, ...]:
    """The three numbers of a version. Raises ValueError for anything else, such as 1.0.0rc1."""
    if not re.fullmatch(r"(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}", version, re.ASCII):
        raise ValueError(f"the version {version!r} is not three numbers, such as 1.2.0")
    return tuple(map(int, version.split(".")))
