"""Datasette: any table that a Datasette instance publishes, found when the sync runs.

A table with a cursor column is read from the last change on, every other one in full. The column is compared inside
SQLite, as text: that is why a day is asked for, never an instant (see `changes`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from msgspec import Meta

from fivetran_runtime import (
    At,
    Bearer,
    Client,
    Config,
    ConfigurationError,
    Connector,
    PageToken,
    Secret,
    Table,
)

__version__ = "0.1.0"

Rows = Iterator[dict[str, Any] | At]


class DatasetteConfig(Config):
    """What Fivetran sends as secrets."""

    url: Annotated[str, Meta(description="The instance.", examples=["https://datasette.example"])]
    database: Annotated[
        str, Meta(description="The database's name in the address.", examples=["nycflights13"])
    ]
    token: Annotated[Secret | None, Meta(description="An API token, if the instance asks for one.")] = None
    tables: Annotated[list[str], Meta(description="Tables to read; without it all that are published.")] = []
    cursors: Annotated[
        dict[str, str],
        Meta(
            description="Table to the column that says when a row changed.",
            examples=[{"flights": "time_hour"}],
        ),
    ] = {}
    keep_deleted: Annotated[
        list[str], Meta(description="Tables with too many keys to find deleted rows by; such rows stay.")
    ] = []


@dataclass(frozen=True)
class Instance:
    """A Datasette instance and the part of it that is read."""

    api: Client
    config: DatasetteConfig

    def published(self) -> list[dict[str, Any]]:
        """What the instance tells of each configured table; its own hidden ones (search indexes) are left out.

        Raises:
            ConfigurationError: naming every table and cursor column that is not there.
        """
        listed = self.api.get(f"/{quoted(self.config.database)}.json")["tables"]
        found = {table["name"]: table for table in listed if not table["hidden"]}
        wanted = self.config.tables or sorted(found)
        missing = [name for name in [*wanted, *self.config.cursors] if name not in found]
        missing += [
            f"{name}.{column}"
            for name, column in self.config.cursors.items()
            if name in found and column not in found[name]["columns"]
        ]
        if missing:
            message = f"{self.config.database} does not publish: {', '.join(dict.fromkeys(missing))}."
            raise ConfigurationError(message, hint=f"Its tables are: {', '.join(sorted(found))}.")
        return [found[name] for name in wanted]

    def rows(self, table: str, after: str | None, **query: Any) -> Rows:
        """A table's rows in order of its key (or of `_sort`), in the largest pages the instance gives."""
        yield from self.api.pages(
            f"/{quoted(self.config.database)}/{quoted(table)}.json",
            PageToken(after, next="next", param="_next", at="after"),
            rows="rows",
            _shape="objects",
            _size="max",
            _nofacet=1,  # neither facets nor the number of all rows: each would be a scan of the table, for every page
            _nocount=1,
            **query,
        )


def quoted(name: str) -> str:
    """A name as Datasette writes it in addresses: everything but letters, digits, - and _ as ~XX."""
    return "".join(
        chr(byte) if chr(byte).isascii() and (chr(byte).isalnum() or chr(byte) in "-_") else f"~{byte:02X}"
        for byte in name.encode()
    )


def connect(config: DatasetteConfig) -> Instance:
    """The instance at the address."""
    return Instance(Client(config.url, auth=Bearer(config.token) if config.token else None), config)


app = Connector("datasette", version=__version__, config=DatasetteConfig, client=connect)


@app.tables
def published(instance: Instance) -> Iterator[Table]:
    """The configured tables; one without a primary key is identified by SQLite's rowid."""
    for table in instance.published():
        name, key = table["name"], table["primary_keys"] or ["rowid"]
        if cursor := instance.config.cursors.get(name):
            yield Table(name, changes(name, cursor), key=key, cursor=cursor, lookback=timedelta(days=1))
        else:
            keeps = name in instance.config.keep_deleted
            yield Table(name, listing(name), key=key, on_missing="keep" if keeps else "delete")


def listing(table: str) -> Any:
    """How to read a table in full."""

    def read(instance: Instance, after: str | None = None) -> Rows:
        yield from instance.rows(table, after)

    return read


def changes(table: str, cursor: str) -> Any:
    """How to read what has changed in a table.

    SQLite compares the column's text, in whatever notation and zone it was written; a day before (`lookback`) is in
    every one of them a smaller text. Sorted by the cursor, a row that changes meanwhile comes again at the end.
    """

    def read(instance: Instance, since: datetime | None, after: str | None = None) -> Rows:
        recent = {} if since is None else {f"{cursor}__gte": since.date()}
        yield from instance.rows(table, after, _sort=cursor, **recent)

    return read


@app.check
def can_see_tables(instance: Instance) -> None:
    """Tells a wrong address, token, database, table or cursor."""
    instance.published()


main = app.handler
