"""Compares a warehouse with the CSV files it should hold; run by test_flights.py in the emulator's environment.

    python flights.py WAREHOUSE DATA      prints one JSON object: table -> {"rows": n, "wrong": [columns]}

Every column of both sides is brought to text by one rule and summed up as an order-free hash.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

import duckdb

TABLES = ("airlines", "airports", "flights", "planes", "weather")
Digests = dict[str, int]


def text(value: object) -> str:
    """A value as text: numbers by their value, so that 12, 12.0 and "12" are one; nothing as such."""
    if value is None or value in ("", "NA"):
        return "(null)"
    try:
        return repr(float(str(value)))
    except ValueError:
        return str(value)


def digests(columns: list[str], rows: Iterable[Iterable[object]]) -> tuple[int, Digests]:
    """How many rows, and per column the sum of its values' hashes, each value taken with its row's first column."""
    count, sums, known = 0, dict.fromkeys(columns, 0), dict[str, int]()
    for row in rows:
        count += 1
        for column, value in zip(columns, row, strict=True):
            shown = text(value)
            if shown not in known:
                known[shown] = int.from_bytes(hashlib.sha256(shown.encode()).digest()[:12])
            sums[column] += known[shown]
    return count, sums


def filed(data: Path, table: str) -> tuple[int, Digests]:
    """A table as the package's CSV file has it."""
    if table == "flights":
        with zipfile.ZipFile(data / "flights.csv.zip") as archive:
            raw = archive.read("flights.csv")
    else:
        raw = (data / f"{table}.csv").read_bytes()
    lines = csv.reader(io.StringIO(raw.decode()))
    return digests(next(lines), lines)


def landed(warehouse: duckdb.DuckDBPyConnection, table: str, columns: Iterable[str]) -> tuple[int, Digests]:
    """The same columns as they are in the warehouse."""
    names = list(columns)
    cursor = warehouse.execute(f"SELECT {', '.join(names)} FROM datasette_practice.{table}")  # noqa: S608 - ours
    return digests(names, iter(cursor.fetchone, None))


def main() -> None:
    """Print what differs, table by table."""
    warehouse = duckdb.connect(sys.argv[1], read_only=True)
    found = {}
    for table in TABLES:
        count, expected = filed(Path(sys.argv[2]), table)
        rows, sums = landed(warehouse, table, expected)
        wrong = [column for column in expected if expected[column] != sums[column]]
        found[table] = {"rows": rows, "expected": count, "wrong": wrong}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
