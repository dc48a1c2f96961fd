"""What a contestant left: the rows and the different keys of the one table `tickets` in a DuckDB file, as JSON."""

from __future__ import annotations

import json
import sys

import duckdb


def counted(database: str) -> dict[str, int]:
    """`rows`, `keys`, and `changed`, the rows that were updated after 2025. ValueError unless there is just one such table."""
    with duckdb.connect(database, read_only=True) as warehouse:
        found = warehouse.execute(
            "SELECT table_schema FROM information_schema.tables "
            "WHERE table_name = 'tickets' AND table_schema NOT LIKE '%_staging'"  # where dlt merges from
        ).fetchall()
        if len(found) != 1:
            raise ValueError(f"{len(found)} tables are called tickets")
        warehouse.execute(f'USE "{found[0][0]}"')
        query = "SELECT count(*), count(DISTINCT id), count(*) FILTER (CAST(updated_at AS VARCHAR) >= '2026') FROM tickets"
        row = warehouse.execute(query).fetchone()
    return dict(zip(("rows", "keys", "changed"), row or (), strict=True))


if __name__ == "__main__":
    print(json.dumps(counted(sys.argv[1])))
