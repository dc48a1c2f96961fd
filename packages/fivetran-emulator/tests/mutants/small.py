"""Correct connectors of few rows, of one page, and of parents that take their children along, which no check may fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from mutants.reference import Reference, Row, State
from mutants.source import TOKEN, ticket
from mutants.wide import Lists, Wide, WithTotal

from fivetran_emulator.practice import Bearer, Offset, PageToken, Request, Source
from fivetran_emulator.practice.serving import Practice


def _source(rows: int, *, page: int) -> Practice:
    source = Source(access=Bearer(TOKEN))
    tickets = source.rows(
        "tickets", map(ticket, range(1, rows + 1)), cursor="updated_at", tombstone={"deleted": True}
    )
    source.listing("/tickets", tickets, pages=PageToken(size=page, param="bookmark"), since="updated_since")
    users = [
        {"id": f"u{number:02}", "name": f"User {number}", "age": number} for number in range(1, rows + 1)
    ]
    source.listing("/users", users, pages=Offset(size=page), within=None)
    _add_me(source)
    return Practice(source, {"url": "{url}", "token": TOKEN})


def _add_me(source: Source) -> None:
    @source.route("/me")
    def me(_request: Request) -> dict[str, object]:
        return {"id": 1}


class Few(Reference):
    """Three rows a table."""

    practice = staticmethod(lambda: _source(3, page=10))
    released = Reference.released.parent / "never_released.json"


class Short(Reference):
    """Twelve rows a table, in pages of five."""

    practice = staticmethod(lambda: _source(12, page=5))
    released = Few.released


class OnePage(Reference):
    """Forty rows a table, all in one page."""

    practice = staticmethod(lambda: _source(40, page=100))
    released = Few.released


def family_practice() -> Practice:
    """Ten projects with four issues each."""
    source = Source(access=Bearer(TOKEN))
    projects = [{"id": f"p{number}", "name": f"Project {number}"} for number in range(1, 11)]
    source.listing("/projects", projects, pages=WithTotal())
    issues = [
        {"id": number, "project": f"p{number % 10 + 1}", "title": f"broken {number}"}
        for number in range(1, 41)
    ]
    source.listing("/projects/<project>/issues", issues, pages=WithTotal())
    _add_me(source)
    return Practice(source, {"url": "{url}", "token": TOKEN})


class Family(Wide):
    """A list of each parent; what is deleted stays, of parents and of their children."""

    keys = dict.fromkeys(("projects", "issues"), "id")
    practice = staticmethod(family_practice)
    keeps_deleted: Mapping[str, str] = dict.fromkeys(keys, "the source does not say")

    def readings(self) -> list[tuple[str, Callable[[State], None]]]:
        lists: dict[str, Lists] = {
            "projects": lambda: {"": ("/projects", {})},
            "issues": lambda: {name: (f"/projects/{name}/issues", {}) for name in self.names("/projects")},
        }
        return [(table, partial(self.whole, table, its)) for table, its in lists.items()]

    def after_pass(self, part: State, found: set[Any]) -> Row:
        return {"digest": part.get("digest", "")}


SMALL: tuple[type[Reference], ...] = (Few, Short, OnePage, Family)
