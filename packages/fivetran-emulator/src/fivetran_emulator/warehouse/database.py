"""The warehouse: one DuckDB file, opened by one process at a time.

A newcomer would expect to query the file while a sync runs. DuckDB locks it for the writer, so opening may fail because
somebody is looking at it; the message then names that process.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from fivetran_emulator.errors import UsageError, WarehouseError
from fivetran_emulator.warehouse.new_file import make_warehouse

__all__ = ["LEDGER_SCHEMA", "open_warehouse", "quoted", "refuse_schema", "table_sql", "transaction"]

LEDGER_SCHEMA = "fivetran_emulator"
"""The schema of everything the emulator keeps for itself."""

_TAKEN = {LEDGER_SCHEMA, "information_schema", "pg_catalog", "temp", "system"}
_CONFIG: Mapping[str, str] = {
    # DuckDB would else keep pages until four fifths of the machine are full,
    "memory_limit": "512MB",
    # and look for a table that is not there among the variables of this program.
    "python_enable_replacements": "false",
}


@contextmanager
def open_warehouse(path: Path, *, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """The file at `path`, made when it is not there unless `read_only`.

    Raises WarehouseError when it is locked or no warehouse.
    """
    if read_only and not path.exists():
        raise WarehouseError(
            f"there is no file {path}", hint="Sync into it first, or name another with --warehouse."
        )
    try:
        make_warehouse(path)
        connection = duckdb.connect(path, read_only=read_only, config=dict(_CONFIG))
    except (duckdb.Error, OSError) as error:
        raise _unusable(path, str(error)) from error
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def transaction(warehouse: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """All or nothing: committed at the end, rolled back by any exception.

    DuckDB's own errors become WarehouseError; an interrupt stays a KeyboardInterrupt.
    """
    try:
        warehouse.execute("BEGIN")
        yield
        warehouse.execute("COMMIT")
    except duckdb.InterruptException as error:
        raise KeyboardInterrupt from error
    except duckdb.Error as error:
        raise _broken(str(error)) from error
    finally:
        _roll_back(warehouse)


def refuse_schema(path: Path, schema: str) -> None:
    """Raises UsageError unless `schema` can be a destination schema in the file at `path`."""
    if not re.fullmatch(r"[a-z_][a-z0-9_]*", schema):
        hint = "Use lower-case letters, digits and underscores, and no digit first."
        raise UsageError(f"`{schema}` is no name for a schema", hint=hint)
    if schema in _TAKEN:
        raise UsageError(
            f"the schema `{schema}` is taken by the emulator or DuckDB", hint="Choose another name."
        )
    if schema == path.stem:
        problem = (
            f"the schema `{schema}` has the name of the file {path.name}: `{schema}.users` could mean either"
        )
        raise UsageError(problem, hint="Choose another --schema or another --warehouse.")


def quoted(*names: str) -> str:
    """The SQL identifier of `names`, a schema and a table for instance, whatever characters are in them."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def table_sql(warehouse: duckdb.DuckDBPyConnection, schema: str, table: str) -> str:
    """The SQL name of `table` in the warehouse's file.

    It begins with the file's own catalogue: `main.staged` alone would mean a temporary table of that name, if there is one.
    """
    catalogue = warehouse.execute("SELECT current_database()").fetchone() or ("",)
    return quoted(str(catalogue[0]), schema, table)


def _roll_back(warehouse: duckdb.DuckDBPyConnection) -> None:
    # Nothing is open when the transaction was committed, or is gone with its connection.
    with suppress(duckdb.Error):
        warehouse.execute("ROLLBACK")


def _unusable(path: Path, told: str) -> WarehouseError:
    holder = re.search(r"\(PID (\d+)\)", told)
    if holder:
        problem = f"{path} is in use by process {holder.group(1)}{_program(holder.group(1))}"
        return WarehouseError(
            problem, hint="Wait for it, or close it if it only looks: a notebook, a duckdb shell."
        )
    if "not a valid DuckDB database file" in told:
        return WarehouseError(f"{path} is not a DuckDB file", hint="Name another file with --warehouse.")
    if _is_full(told):
        return WarehouseError(
            f"the disk is full: {_first_line(told)}", hint="Make room and run the same command again."
        )
    hint = "Is the folder there, may you write to it, and was the file made by a newer DuckDB?"
    return WarehouseError(f"{path} cannot be opened: {_first_line(told)}", hint=hint)


def _program(process: str) -> str:
    """What runs as `process`, for the end of a sentence, where the system tells. Its arguments may be secret."""
    with suppress(OSError):
        words = Path("/proc", process, "cmdline").read_bytes()
        if b"fivetran_emulator" in words or b"fivetran-emulator" in words:
            return ", another emulator"
        if name := Path(words.split(b"\0")[0].decode(errors="replace")).name:
            return f", {name}"
    return ""


def _broken(told: str) -> WarehouseError:
    if _is_full(told):
        hint = "Everything accepted before is kept. Make room and run the same command again."
        return WarehouseError(f"the disk is full: {_first_line(told)}", hint=hint)
    hint = "Nothing of this answer was kept. If tables were changed by hand, start afresh with another --schema or file."
    return WarehouseError(f"the warehouse refused: {_first_line(told)}", hint=hint)


def _is_full(told: str) -> bool:
    """Whether the system had no room: on the disk, in the user's quota, or below the process's largest file size."""
    return any(reason in told.lower() for reason in ("no space left", "disk quota", "file too large"))


def _first_line(told: str) -> str:
    return told.strip().splitlines()[0] if told.strip() else "no reason given"
