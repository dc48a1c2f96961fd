"""What a connector is made of, for the code of it, of its practice source and of its README."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tools.locked.creating.openapi.login import Login
from tools.locked.creating.openapi.operations import Place
from tools.locked.creating.openapi.schemas import Schemas
from tools.locked.creating.openapi.selection import Table

STYLES = {
    "page": "PageNumber",
    "offset": "Offset",
    "token": "PageToken",
    "link": "NextLink",
    "keyset": "Keyset",
}
"""By the style of paging, the class of the runtime and that of the practice kit, which has the same name."""


@dataclass(frozen=True)
class Plan:
    """What a connector is made of. `url` is empty where only the secrets can say it."""

    name: str
    title: str
    url: str
    tables: Sequence[Table]
    login: Login
    schemas: Schemas
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> list[str]:
        """The secrets that are parts of addresses."""
        return list(dict.fromkeys(name for table in self.tables for name in settings_of(table).values()))


def settings_of(table: Table) -> Mapping[str, str]:
    """The parameters of a table's addresses that come from the secrets, its parent's included."""
    return {**(table.parent.table.settings if table.parent else {}), **table.settings}


def keeps_deleted(table: Table) -> str:
    """Why rows that are deleted at the source stay in the warehouse; empty where they are found."""
    if table.cursor:
        return "the API is asked for changes, and does not say what was deleted"
    if table.paging.style == "none":
        return "the description names no paging, so that a row may be missing because the list is cut"
    return ""


def place(names: Place) -> str:
    """A place in a body as the runtime and the kit take it."""
    if any("." in name or not name.isascii() for name in names):
        return "[" + ", ".join(map(ascii, names)) + "]"
    return ascii(".".join(names))


def literal(values: Mapping[str, str]) -> str:
    """A dict of texts as Python source."""
    return "{" + ", ".join(f"{name!a}: {value!a}" for name, value in values.items()) + "}"


def key_literal(table: Table) -> str:
    """A table's key as Python source: a column, or a list of them."""
    return ascii(table.key.column) if not table.parent else "[" + ", ".join(map(ascii, table.keys)) + "]"
