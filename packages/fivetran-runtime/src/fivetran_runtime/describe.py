"""A connector's secrets and tables as text for its README, made from the code so that it cannot drift.

python -m fivetran_runtime.describe connector_acme      # the section between the README's two markers
"""

from __future__ import annotations

import argparse
import importlib
import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import msgspec

from fivetran_runtime.config import Config, default_of, described_type, metas_of
from fivetran_runtime.connector import Connector
from fivetran_runtime.tables import Table

START = "<!-- generated from the code by `nox -s update`: do not edit up to the end mark -->"
END = "<!-- end of the generated part -->"


def example(kind: type[Config]) -> dict[str, Any]:
    """Filled secrets: each key's first `msgspec.Meta` example, else its default, else a text that says what belongs.

    Keys whose default is None or empty, and that have no example, are left out.
    """
    filled = {field.encode_name: _example(field) for field in msgspec.structs.fields(kind)}
    return {key: value for key, value in filled.items() if value not in (None, [], {}, "")}


def _example(field: msgspec.structs.FieldInfo) -> Any:
    for meta in metas_of(field.type):
        if meta.examples:
            return meta.examples[0]
    if field.required:
        return f"<{field.encode_name}>"
    return _default(field)


def _default(field: msgspec.structs.FieldInfo) -> Any:
    return msgspec.to_builtins(default_of(field))


def readme_section(app: Connector) -> str:
    """Secrets and tables in Markdown, markers included."""
    parts = [START, *_secrets(app.config), *_tables(app.declared_tables), END]
    return "\n".join(parts) + "\n"


def _secrets(kind: type[Config] | None) -> Iterable[str]:
    if kind is None:
        return
    yield "## Secrets\n"
    yield f"```json\n{json.dumps(example(kind), indent=2, ensure_ascii=False)}\n```\n"
    yield "| key | type | | meaning |"
    yield "|---|---|---|---|"
    for field in msgspec.structs.fields(kind):
        meaning = " ".join(meta.description for meta in metas_of(field.type) if meta.description)
        yield f"| `{field.encode_name}` | {described_type(field.type)} | {_need(field)} | {meaning} |"
    yield ""


def _need(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "required"
    default = _default(field)
    return (
        "optional"
        if default in (None, [], {}, "")
        else f"default `{json.dumps(default, ensure_ascii=False)}`"
    )


def _tables(tables: Iterable[Table]) -> Iterable[str]:
    listed = list(tables)
    if not listed:
        return
    yield "## Tables\n"
    has_types = any(table.columns for table in listed)
    yield f"| table | key | read |{' types |' if has_types else ''}"
    yield f"|---|---|---|{'---|' if has_types else ''}"
    for table in listed:
        for name, key in table.keys.items():
            read = _reading(table) if name == table.name else f"with `{table.name}`"
            types = f" {_types(table.column_types.get(name, {}))} |" if has_types else ""
            yield f"| `{name}` | {_code(key)} | {read} |{types}"
    yield ""


def _types(columns: Mapping[str, str]) -> str:
    return ", ".join(f"`{column}` {kind}" for column, kind in columns.items())


def _code(columns: Iterable[str]) -> str:
    return ", ".join(f"`{column}`" for column in columns)


def _reading(table: Table) -> str:
    deletes = {"keep": "", "delete": "; rows missing twice are deleted"}.get(
        str(table.on_missing), "; rows missing twice are deleted if the secrets say so"
    )
    each = f", for each {table.parent}" if table.parent else ""
    if table.kept:
        return f"what has changed since the last sync, by the source's own token{deletes}"
    if table.cursor:
        lookback = f", the last {_span(table.lookback)} again" if table.lookback else ""
        return f"rows changed since the last sync, by `{table.cursor}`{lookback}{each}{deletes}"
    return f"whole, in every sync{each}{deletes}"


def _span(lookback: int | timedelta) -> str:
    if isinstance(lookback, int):
        return f"{lookback}"
    for unit, length in (
        ("day", timedelta(days=1)),
        ("hour", timedelta(hours=1)),
        ("minute", timedelta(minutes=1)),
    ):
        if lookback >= length and not lookback % length:
            return f"{lookback // length} {unit}{'s' if lookback > length else ''}"
    seconds = f"{lookback.total_seconds():g}"
    return f"{seconds} second{'' if seconds == '1' else 's'}"


def main() -> None:
    """Print the section of the connector whose module is named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m fivetran_runtime.describe", description=__doc__)
    parser.add_argument("module", help="the connector's import name, e.g. connector_acme")
    module = importlib.import_module(parser.parse_args().module)
    app = next((value for value in vars(module).values() if isinstance(value, Connector)), None)
    if app is None:
        parser.exit(
            1, f"{module.__name__} has no Connector; a plain function describes itself in its README.\n"
        )
    print(readme_section(app), end="")


if __name__ == "__main__":
    main()
