"""The commands that look into the warehouse, or change the state by hand: `tables`, `log`, `query`, `state`.

Whatever only looks opens it read-only, so that several may look at once; while a sync runs, nobody can.

A change of the state follows Fivetran's REST rules, see `docs/protocol.md`; a sync that runs has the file for itself, so nothing
can be changed under it.
"""

# ruff: noqa: S608 - every identifier in the SQL is quoted or our own, every value is a parameter

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import msgspec
from rich.table import Table
from rich.text import Text

from fivetran_emulator.errors import EmulatorError, UsageError
from fivetran_emulator.protocol.kept_state import doubts, explained, merged, refusals
from fivetran_emulator.report.screen import Screen, console_for
from fivetran_emulator.secrets import Secrets
from fivetran_emulator.sync.left_out import differences
from fivetran_emulator.warehouse.database import (
    LEDGER_SCHEMA,
    open_warehouse,
    quoted,
    require_schema,
    table_sql,
    transaction,
)
from fivetran_emulator.warehouse.ledger import Ledger, LoadedTable, connections, write_ledger_schema
from fivetran_emulator.warehouse.merge import SYNCED

__all__ = ["run_on_warehouse"]


def run_on_warehouse(options: argparse.Namespace) -> int:
    """Run the command that `options` name; the exit status."""
    try:
        if options.command == "state" and options.action != "get":
            print(_change_state(options))
            return 0
        with open_warehouse(options.warehouse, read_only=True) as warehouse:
            return _COMMANDS[options.command](warehouse, options)
    except EmulatorError as error:
        Screen(console_for(sys.stderr), Secrets()).show_error(error)
        return error.exit_status
    except duckdb.Error as error:
        lines = str(error).strip().splitlines()
        Screen(console_for(sys.stderr), Secrets()).show_error(UsageError(lines[0], details=lines[1:]))
        return UsageError.exit_status


def _schema(warehouse: duckdb.DuckDBPyConnection, options: argparse.Namespace) -> str:
    """The connection that is meant: the one named, or the only one there is."""
    known = connections(warehouse)
    if options.schema in known:
        return str(options.schema)
    if options.schema is None and len(known) == 1:
        return known[0]
    there = f"There are: {', '.join(known)}." if known else "Nothing was synced into it yet."
    if options.schema is None:
        raise UsageError(
            f"{options.warehouse} has no single connection to take", hint=f"Say --schema. {there}"
        )
    raise UsageError(f"{options.warehouse} has no connection `{options.schema}`", hint=there)


@dataclass(frozen=True)
class _LandedTable:
    """A table in the warehouse: its key, rows, SQL types by column, and when a row was last synced (UTC, ISO 8601)."""

    name: str
    key: tuple[str, ...]
    rows: int
    columns: Mapping[str, str]
    last_synced: str | None


def _tables(warehouse: duckdb.DuckDBPyConnection, options: argparse.Namespace) -> int:
    schema = _schema(warehouse, options)
    if options.against is not None:
        return _compare(warehouse, schema, options.against)
    tables = [_landed(warehouse, schema, table) for table in Ledger(warehouse, schema).tables().values()]
    if options.json:
        print(_document(msgspec.to_builtins(tables)))
        return 0
    for table in tables:
        key = f"key {', '.join(table.key)}" if table.key else "no key"
        print(
            f"{schema}.{table.name}: {table.rows:,} rows, {key}, last synced {table.last_synced or 'never'}"
        )
        for name, kind in table.columns.items():
            print(f"    {name} {kind}")
    return 0


def _landed(warehouse: duckdb.DuckDBPyConnection, schema: str, table: LoadedTable) -> _LandedTable:
    sql = table_sql(warehouse, schema, table.name)
    types = warehouse.execute(f"SELECT column_name, column_type FROM (DESCRIBE {sql})").fetchall()
    found = warehouse.execute(
        f"SELECT count(*), strftime(max({SYNCED}), '%Y-%m-%dT%H:%M:%SZ') FROM {sql}"
    ).fetchone()
    rows, last = found or (0, None)
    return _LandedTable(table.name, table.key, int(rows), dict(types), last)


def _compare(warehouse: duckdb.DuckDBPyConnection, schema: str, other: str) -> int:
    if other not in connections(warehouse):
        raise UsageError(f"there is no connection `{other}` to compare with")
    found = differences(warehouse, schema, other)
    print("\n".join(found) if found else f"every keyed table of {schema} and {other} has the same rows")
    return 1 if found else 0


def _log(warehouse: duckdb.DuckDBPyConnection, options: argparse.Namespace) -> int:
    syncs = _past_syncs(warehouse, _schema(warehouse, options), options.last)
    if options.json:
        print(_document(syncs))
        return 0
    for sync in syncs:
        took = f"{sync['seconds']} s" if sync["seconds"] is not None else "no end"
        print(f"{sync['started_at']}  {_ended(sync)}  {took}  {sync['sync_id']}  {sync['url']}")
        for invocation in sync["invocations"]:  # type: ignore[attr-defined]
            more, cut = (
                "hasMore" if invocation["has_more"] else "done",
                f" cut={invocation['cut']}" if invocation["cut"] else "",
            )
            print(
                f"    #{invocation['number']} {more}{cut}  {invocation['rows']:,} rows  {invocation['deletes']:,} deletes"
                f"  {invocation['bytes'] / 1e6:.2f} MB  {invocation['seconds']:.2f} s"
            )
        for warning in sync["warnings"]:  # type: ignore[attr-defined]
            print(f"    warning: {warning['text']}")
        if sync["error"]:
            print(f"    error: {sync['error']}")
    return 0


def _past_syncs(warehouse: duckdb.DuckDBPyConnection, schema: str, last: int) -> list[dict[str, object]]:
    """The `last` syncs of the connection with their invocations and warnings, oldest first, as plain data."""
    syncs = _records(
        warehouse,
        f"""SELECT sync_id, outcome, url, strftime(started_at, '%Y-%m-%dT%H:%M:%SZ') AS started_at,
            round(epoch(ended_at) - epoch(started_at), 1) AS seconds, error
        FROM (SELECT *, rowid AS place FROM {LEDGER_SCHEMA}.syncs WHERE connection = $1 ORDER BY place DESC LIMIT $2)
        ORDER BY place""",
        schema,
        last,
    )
    for sync in syncs:
        sync["invocations"] = _records(
            warehouse,
            f"""SELECT number, has_more, cut, row_count AS rows, delete_count AS deletes, bytes, seconds
            FROM {LEDGER_SCHEMA}.invocations WHERE connection = $1 AND sync_id = $2 ORDER BY number""",
            schema,
            sync["sync_id"],
        )
        sync["warnings"] = _records(
            warehouse,
            f"SELECT code, text, hint, times FROM {LEDGER_SCHEMA}.warnings WHERE connection = $1 AND sync_id = $2",
            schema,
            sync["sync_id"],
        )
    return syncs


def _records(warehouse: duckdb.DuckDBPyConnection, sql: str, *values: object) -> list[dict[str, object]]:
    found = warehouse.execute(sql, list(values))
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _ended(sync: dict[str, object]) -> object:
    """A sync that has no end was killed: one that runs has the file for itself."""
    return "killed" if sync["outcome"] == "running" else sync["outcome"]


def _state(warehouse: duckdb.DuckDBPyConnection, options: argparse.Namespace) -> int:
    schema = _schema(warehouse, options)
    state = Ledger(warehouse, schema).written_state()
    if state is None:
        raise UsageError(
            f"no state was ever written for `{schema}`", hint="A sync does, with its first answer."
        )
    if options.json:
        print(state)
        return 0
    print(json.dumps(json.loads(state), indent=2, ensure_ascii=False))
    for sentence in explained(state):
        print(sentence)
    return 0


def _query(warehouse: duckdb.DuckDBPyConnection, options: argparse.Namespace) -> int:
    schema = _schema(warehouse, options) if options.schema else None
    if schema:
        warehouse.execute(f"USE {quoted(schema)}")
    found = warehouse.execute(options.sql)
    if any("TIME ZONE" in str(column[1]) for column in found.description or ()):
        found = _with_instants_as_text(warehouse, options.sql)
    names = [column[0] for column in found.description or ()]
    rows = found.fetchmany(options.rows + 1)
    if options.json:
        shown = [dict(zip(names, row, strict=True)) for row in rows[: options.rows]]
        print(json.dumps(_without_nan(shown), indent=2, ensure_ascii=False, default=str, allow_nan=False))
    else:
        _print_rows(names, rows[: options.rows])
    if len(rows) > options.rows:
        print(f"only the first {options.rows:,} rows are shown; --rows N shows more", file=sys.stderr)
    return 0


def _with_instants_as_text(warehouse: duckdb.DuckDBPyConnection, sql: str) -> duckdb.DuckDBPyConnection:
    """The same question with its instants as DuckDB writes them: as Python's they would need a package for time zones."""
    query = sql.strip().rstrip(";")
    described = warehouse.execute(f"DESCRIBE {query}").fetchall()
    columns = ", ".join(
        f"CAST({quoted(name)} AS VARCHAR) AS {quoted(name)}" if "TIME ZONE" in kind else quoted(name)
        for name, kind, *_ in described
    )
    return warehouse.execute(f"SELECT {columns} FROM ({query})")


def _without_nan(value: object) -> object:
    """A value as JSON may have it: a number that JSON has no notation for as text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {name: _without_nan(one) for name, one in value.items()}
    return [_without_nan(one) for one in value] if isinstance(value, list | tuple) else value


def _print_rows(names: list[str], rows: list[tuple[object, ...]]) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for place, name in enumerate(names):
        numbers = all(isinstance(row[place], int | float) or row[place] is None for row in rows)
        table.add_column(Text(name), justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text("NULL", style="dim") if value is None else Text(str(value)) for value in row))
    console_for(sys.stdout).print(table)


def _document(facts: object) -> str:
    return json.dumps(facts, indent=2, ensure_ascii=False)


_COMMANDS: dict[str, Callable[[duckdb.DuckDBPyConnection, argparse.Namespace], int]] = {
    "tables": _tables,
    "log": _log,
    "state": _state,
    "query": _query,
}


def _change_state(options: argparse.Namespace) -> str:
    """Change the state as `options` say; what it means now. Raises UsageError or WarehouseError, changing nothing."""
    if not options.warehouse.exists():
        raise UsageError(f"there is no file {options.warehouse}", hint="Sync into it first, or name another.")
    value = "{}" if options.action == "reset" else _value(options.value)
    with open_warehouse(options.warehouse) as warehouse, transaction(warehouse):
        write_ledger_schema(warehouse)
        ledger = Ledger(warehouse, _connection(warehouse, options))
        before = ledger.state()
        if value == "null":
            return "The state is as before: null changes nothing."
        after = _patched(before, value) if options.action == "patch" else value
        _require_valid(after, before)
        ledger.accept(after, ledger.batch())
    new = msgspec.json.decode(after)
    warnings = [f"warning: {doubt}; is it spelt as in docs/state.md?" for doubt in doubts(new, before)]
    return "\n".join([*(explained(after) or ["The state is changed."]), *warnings])


def _connection(warehouse: duckdb.DuckDBPyConnection, options: argparse.Namespace) -> str:
    known = connections(warehouse)
    if options.schema is not None:
        require_schema(options.warehouse, options.schema)
        return str(options.schema)
    if len(known) != 1:
        raise UsageError(
            "which connection's state?", hint=f"Say --schema. There are: {', '.join(known) or 'none'}."
        )
    return known[0]


def _value(text: str) -> str:
    try:
        read = Path(text[1:]).read_text(encoding="utf-8") if text.startswith("@") else text
        msgspec.json.decode(read)
    except OSError as error:
        raise UsageError(f"{text[1:]} cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"that is not JSON: {error}", hint="For example: state reset, or state set '{}'"
        ) from error
    return read.strip()


def _patched(before: str, patch: str) -> str:
    return msgspec.json.encode(merged(msgspec.json.decode(before), msgspec.json.decode(patch))).decode()


def _require_valid(after: str, before: str) -> None:
    new = msgspec.json.decode(after)
    if not isinstance(new, dict):
        raise UsageError("a state is a JSON object")
    if problems := refusals(new, before):
        hint = "The connector would refuse it (docs/state.md); the state is as before."
        raise UsageError(*problems, hint=hint)
