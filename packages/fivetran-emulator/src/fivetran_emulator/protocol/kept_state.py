"""The state of a connection, explained in sentences and changed by hand.

A member that is new and that the runtime of this repository does not know is a warning, since another release may; only what
no release could read is an error. States of other functions are theirs alone and are left as they are.

Source: `docs/state.md`; the rules of Fivetran's REST API for states, see `docs/protocol.md`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeGuard

import msgspec

from fivetran_emulator.protocol.shared_facts import STATE_MEMBERS, TABLE_MEMBERS

__all__ = ["doubts", "explained", "is_number", "is_ours", "merged", "refusals"]

_KNOWN = {"version", *STATE_MEMBERS, *TABLE_MEMBERS}
_KINDS: dict[type, str] = {str: "text", int: "number", bool: "boolean", dict: "object", list: "list"}
_WRONG = {
    ("number", "text"): "neither a number nor text",
    ("object",): "not an object",
    ("text",): "not text",
    ("number",): "not a whole number",
    ("boolean",): "neither true nor false",
    ("list",): "not a list",
}


def explained(state: str) -> list[str]:
    """A sentence for each table of a state as fivetran-runtime writes them; nothing for other states."""
    members = msgspec.json.decode(state)
    if members == {}:
        return ["The state is empty: the next sync reads everything."]
    if not is_ours(members):
        return []
    tables = members.get("tables")
    parts = sorted(tables.items()) if isinstance(tables, dict) else []
    lines = [f"{name}: {_table(table)}" for name, table in parts if isinstance(table, dict)]
    return [*lines, *_sync(members.get("sync"))]


def refusals(new: object, old: str) -> list[str]:
    """Why fivetran-runtime would refuse the state `new` where `old` is that of the connection; nothing if it would not."""
    before = msgspec.json.decode(old)
    if new == {} or not (is_ours(before) or is_ours(new)):
        return []
    if not isinstance(new, dict):
        return ["a state is a JSON object"]
    return [*_version(new, before), *_owner(new, before), *_shape(new)]


def doubts(new: object, old: str) -> list[str]:
    """Members of the state `new` that neither the runtime nor the connection's state before knows: they may be misspelt."""
    before = msgspec.json.decode(old)
    if not (is_ours(new) and is_ours(before)):
        return []
    known = _KNOWN | {name for _, name in _members(before)}
    return [
        f"`{path}` is in no part of the state before" for path, name in _members(new) if name not in known
    ]


def merged(state: object, patch: object) -> object:
    """`state` with the members of `patch` put in; null removes one (RFC 7396)."""
    if not isinstance(patch, dict):
        return patch
    members = dict(state) if isinstance(state, dict) else {}
    for name, value in patch.items():
        if value is None:
            members.pop(name, None)
        else:
            members[name] = merged(members.get(name), value)
    return members


def is_ours(state: object) -> TypeGuard[dict[str, object]]:
    """Whether a state is of fivetran-runtime's making."""
    return isinstance(state, dict) and {"version", "connector"} <= state.keys()


def _table(table: Mapping[str, object]) -> str:
    mark = f"read completely up to {table['mark']}" if "mark" in table else "never read to its end"
    if "at" not in table and "since" not in table and "seen" not in table:
        return mark if "mark" in table else "read completely, and whole each time"
    asked = f", asking for {table['since']} on" if "since" in table else ""
    place = msgspec.json.encode(table["at"]).decode() if table.get("at") else "its beginning"
    return f"{mark}; a pass is open{asked} and goes on at {place}"


def _sync(sync: object) -> Iterator[str]:
    if isinstance(sync, dict):
        done = sync.get("done") or []
        yield f"A sync is under way: {', '.join(map(str, done)) or 'no table'} done in it."


def _members(state: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """The members of a state and of its tables: the path and the name of each."""
    yield from ((name, name) for name in state)
    tables = state.get("tables")
    for table, members in tables.items() if isinstance(tables, dict) else ():
        if isinstance(members, dict):
            yield from ((f"tables.{table}.{name}", name) for name in members)


def _version(state: Mapping[str, object], before: object) -> Iterator[str]:
    """The version is a release's to raise: by hand it stays as it was."""
    version, had = state.get("version"), before.get("version") if is_ours(before) else _VERSION
    if not is_number(version) or version not in (had, _VERSION):
        yield f"`version` is {_json(version)}, not {_json(had)}"


_VERSION = 1
"""Of all states so far: every release reads it, and none another that is not its own connection's."""


def is_number(value: object) -> TypeGuard[int]:
    """Whether a value of a state is a whole number; true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def _owner(state: Mapping[str, object], before: object) -> Iterator[str]:
    owner = before.get("connector") if is_ours(before) else state.get("connector")
    if state.get("connector") != owner or not isinstance(owner, str):
        yield f"`connector` is {_json(state.get('connector'))}, and the state belongs to {_json(owner)}"


def _shape(state: Mapping[str, object]) -> Iterator[str]:
    tables = state.get("tables", {})
    if not isinstance(tables, dict):
        yield "`tables` is not an object"
        return
    for name, table in tables.items():
        if not isinstance(table, dict):
            yield f"`tables.{name}` is not an object"
            continue
        yield from _values(f"tables.{name}", table)


def _values(path: str, table: Mapping[str, object]) -> Iterator[str]:
    for member, kinds in TABLE_MEMBERS.items():
        value = table.get(member)
        if value is not None and kinds and _KINDS.get(type(value)) not in kinds:
            yield f"`{path}.{member}` is {_json(value)}, {_WRONG[kinds]}"


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
