"""The warehouse: one DuckDB file, opened by one process at a time.

DuckDB locks the file for the writer, so opening may fail because somebody has it open; the message then names that
process.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from fivetran_emulator.errors import UsageError, WarehouseError

__all__ = [
    "LEDGER_SCHEMA",
    "is_interrupt",
    "open_warehouse",
    "quoted",
    "require_schema",
    "table_sql",
    "transaction",
    "use_little",
    "use_more",
]

LEDGER_SCHEMA = "fivetran_emulator"
"""The schema of everything the emulator keeps for itself."""

_TAKEN = {LEDGER_SCHEMA, "information_schema", "pg_catalog", "temp", "system"}
_CONFIG: Mapping[str, str] = {
    # DuckDB would else keep pages until four fifths of the machine are full,
    "memory_limit": "512MB",
    # write the last 122,880 rows of a table again with every other answer (1,000,000 rows took 22 s of CPU, and take 16),
    "checkpoint_threshold": "64MB",
    # and look for a table that is not there among the variables of this program.
    "python_enable_replacements": "false",
    # A descriptor's path names one file after the other.
    "enable_external_file_cache": "false",
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
        _make(path)
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
    except (duckdb.Error, OSError, RuntimeError) as error:
        if is_interrupt(error):
            raise KeyboardInterrupt from error
        if not isinstance(error, duckdb.Error | OSError):
            raise
        raise _broken(str(error)) from error
    finally:
        _roll_back(warehouse)


def use_little(warehouse: duckdb.DuckDBPyConnection) -> None:
    """From now on little memory and one thread, which is enough for an answer of usual size.

    A second thread costs a tenth more CPU for 20,000 rows and is no faster; it is the function's, which runs meanwhile.
    """
    warehouse.execute("SET threads = 1; SET memory_limit = '128MB'")


def use_more(warehouse: duckdb.DuckDBPyConnection) -> None:
    """As much again as at the start: for hundreds of columns, an answer of 30 MB, or a question about all rows."""
    warehouse.execute(f"RESET threads; SET memory_limit = '{_CONFIG['memory_limit']}'")


def is_interrupt(error: Exception) -> bool:
    """Whether it is a Ctrl-C that came while DuckDB was at work; its Python module has two ways to say so."""
    return isinstance(error, duckdb.InterruptException) or str(error) == "Query interrupted"


def require_schema(path: Path, schema: str) -> None:
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


def _make(path: Path) -> None:
    """Make an empty DuckDB file at `path`; one that is there already, or comes there meanwhile, is left alone.

    DuckDB writes three blocks one after the other, and a kill or a full disk between them leaves a fragment that it refuses
    from then on. So the file is made beside its place and given its name when it is whole.
    Raises duckdb.Error or OSError when it cannot be made; nothing is left then.
    """
    if os.path.lexists(path):
        return
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        duckdb.connect(draft).close()
        _give_name(draft, path)
    finally:
        for left in (draft, Path(f"{draft}.wal")):
            left.unlink(missing_ok=True)


def _give_name(draft: Path, path: Path) -> None:
    # A link fails where a rename would replace the file another process has just made and opened.
    with suppress(FileExistsError):
        os.link(draft, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _roll_back(warehouse: duckdb.DuckDBPyConnection) -> None:
    try:
        warehouse.execute("ROLLBACK")
    except (duckdb.Error, RuntimeError) as error:
        if is_interrupt(error):
            with suppress(duckdb.Error, RuntimeError):
                warehouse.execute("ROLLBACK")
            raise KeyboardInterrupt from error
        # Nothing is open when the transaction was committed, or was lost with its connection.
        if not isinstance(error, duckdb.Error):
            raise


def _unusable(path: Path, reason: str) -> WarehouseError:
    holder = re.search(r"\(PID (\d+)\)", reason)
    if holder:
        problem = f"{path} is in use by process {holder.group(1)}{_program(holder.group(1))}"
        return WarehouseError(
            problem, hint="Wait for it, or close it if it only looks: a notebook, a duckdb shell."
        )
    if "not a valid DuckDB database file" in reason:
        return WarehouseError(f"{path} is not a DuckDB file", hint="Name another file with --warehouse.")
    if _is_full(reason):
        return WarehouseError(
            f"the disk is full: {_first_line(reason)}", hint="Make room and run the same command again."
        )
    hint = "Is the folder there, may you write to it, and was the file made by a newer DuckDB?"
    return WarehouseError(f"{path} cannot be opened: {_first_line(reason)}", hint=hint)


def _program(process: str) -> str:
    """What runs as `process`, for the end of a sentence, where the system says so. Its arguments may be secret."""
    with suppress(OSError):
        words = Path("/proc", process, "cmdline").read_bytes()
        if b"fivetran_emulator" in words or b"fivetran-emulator" in words:
            return ", another emulator"
        if name := Path(words.split(b"\0")[0].decode(errors="replace")).name:
            return f", {name}"
    return ""


def _broken(reason: str) -> WarehouseError:
    if _is_full(reason):
        hint = "Everything accepted before is kept. Make room and run the same command again."
        return WarehouseError(f"the disk is full: {_first_line(reason)}", hint=hint)
    hint = "Nothing of this answer was kept. If tables were changed by hand, start afresh with another --schema or file."
    return WarehouseError(f"the warehouse refused: {_first_line(reason)}", hint=hint)


def _is_full(reason: str) -> bool:
    """Whether the system had no room: on the disk, in the user's quota, or below the process's largest file size."""
    return any(cause in reason.lower() for cause in ("no space left", "disk quota", "file too large"))


def _first_line(reason: str) -> str:
    return reason.strip().splitlines()[0] if reason.strip() else "no reason given"
