"""A second correct connector, of the shapes that a check may mistake for faults, and its source.

Six readings; a request that each of them begins with; lists of one path that differ in their query; a list for each
parent; a request for each row; a list of two pages that says how many rows it has; rows whose only varied text is the
name of their parent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mutants.reference import Problem, Reference, Row, State
from mutants.source import TOKEN, ticket

from fivetran_emulator.practice import Bearer, Listed, Page, PageToken, Refusal, Request, Source
from fivetran_emulator.practice.serving import Practice

Lists = Callable[[], dict[str, tuple[str, Row]]]
"""The lists of a table by name: path and query of each. Asked for again in each call."""

SIZE = 10
STATES = ("closed", "open")


@dataclass(frozen=True)
class WithTotal:
    """Offset and limit, with the number of all rows."""

    def page(self, listed: Listed, request: Request) -> Page:
        """The rows from the offset on."""
        start = int(request.args.get("offset", 0))
        return Page(
            listed.rows[start : start + listed.size(request, "limit", SIZE)], {"total": len(listed.rows)}
        )


def wide_practice() -> Practice:
    """A source as new."""
    source = Source(access=Bearer(TOKEN))
    tickets = source.rows(
        "tickets", map(ticket, range(1, 25)), cursor="updated_at", tombstone={"deleted": True}
    )
    source.listing("/tickets", tickets, pages=PageToken(size=10, param="bookmark"), since="updated_since")
    users = [{"id": f"u{number:02}", "name": "Somebody", "age": number % 3} for number in range(1, 18)]
    source.listing("/users", users, pages=WithTotal())
    projects = [{"id": f"p{number}", "name": f"Project {number}"} for number in range(1, 4)]
    source.listing("/projects", projects, pages=WithTotal())
    issues = [{"id": number, "project": f"p{number % 3 + 1}", "title": "broken"} for number in range(1, 40)]
    source.listing("/projects/<project>/issues", issues, pages=WithTotal())
    orders = source.rows(
        "orders", ({"id": number, "state": STATES[number % 2], "note": "fragile"} for number in range(1, 9))
    )
    lines = source.rows(
        "lines",
        ({"id": f"l{number:02}", "order": number % 8 + 1, "text": "one bolt"} for number in range(1, 25)),
    )

    @source.route("/orders")
    def list_orders(request: Request) -> Row:
        state = request.args.get("state")
        return {"data": [row for row in orders.listed() if state in (None, row["state"])]}

    @source.route("/lines")
    def list_lines(request: Request) -> Row:
        if not (order := request.args.get("order")):
            raise Refusal(400, "order is missing")
        return {"data": [row for row in lines.listed() if str(row["order"]) == order]}

    @source.route("/me")
    def me(_request: Request) -> dict[str, object]:
        return {"id": 1}

    return Practice(source, {"url": "{url}", "token": TOKEN})


class Wide(Reference):
    """The connector; an instance is the function."""

    released = Reference.released.parent / "never_released.json"
    keys = dict.fromkeys(("users", "tickets", "projects", "issues", "orders", "lines"), "id")
    practice = staticmethod(wide_practice)

    def readings(self) -> list[tuple[str, Callable[[State], None]]]:
        lists: dict[str, Lists] = {
            "users": lambda: {"": ("/users", {})},
            "projects": lambda: {"": ("/projects", {})},
            "issues": lambda: {name: (f"/projects/{name}/issues", {}) for name in self.names("/projects")},
            "orders": lambda: {state: ("/orders", {"state": state}) for state in STATES},
            "lines": lambda: {name: ("/lines", {"order": name}) for name in self.order_names()},
        }
        whole = [
            (table, lambda state, of=table, its=its: self.whole(of, its, state))
            for table, its in lists.items()
        ]
        return [*whole[:1], ("tickets", self.tickets), *whole[1:]]

    def tickets(self, state: State) -> None:
        self.guard()
        super().tickets(state)

    def guard(self) -> None:
        """What each reading begins with."""
        self.get("/me")

    def names(self, path: str) -> list[str]:
        """The ids of a short list, all pages."""
        found: list[str] = []
        while rows := self.listed(page := self.get(path, offset=len(found), limit=SIZE), "data"):
            found += [row["id"] for row in rows]
            if len(found) >= page["total"]:
                break
        return sorted(found)

    def order_names(self) -> list[str]:
        pages = [self.get("/orders", state=state) for state in STATES]
        return sorted(str(row["id"]) for page in pages for row in self.listed(page, "data"))

    def whole(self, table: str, lists: Lists, state: State) -> None:
        """All rows of a table, list by list and page by page."""
        self.guard()
        part = state.setdefault(table, {})
        found, begun = set(part.get("found", [])), part.get("list", "")
        for name, (path, query) in lists().items():
            if name < begun:
                continue
            self.read_list(table, part, found, (name, path, query))
        removed = sorted(set(part.get("missed", [])) - found)
        self.require_likely(table, part, found)
        self.take(table, [], [{"id": id_} for id_ in removed])
        state[table] = self.after_pass(part, found)

    def read_list(self, table: str, part: State, found: set[Any], one: tuple[str, str, Row]) -> None:
        name, path, query = one
        offset = part.get("offset", 0) if part.get("list") == name else 0
        while True:
            page = (
                self.get(path, **query, offset=offset, limit=SIZE)
                if self.paged(path)
                else self.get(path, **query)
            )
            rows = self.listed(page, "data")
            total = page.get("total", len(rows)) if not self.paged(path) else page["total"]
            if rows and self.digest({}, [name, rows]) == part.get("last"):
                raise Problem(f"{path} answers the same page again and again")
            if not rows and offset < total:
                raise Problem(f"{path} answers an empty page before its end")
            self.take(table, rows)
            found |= {row["id"] for row in rows}
            last = offset + len(rows) >= total
            offset = self.next_offset(offset, rows)
            part["last"] = self.digest({}, [name, rows])
            if last:
                break
            part |= {
                "digest": self.digest(part, rows),
                "list": name,
                "offset": offset,
                "found": sorted(found),
            }
            self.pause()
        # Where the next list begins: a name that is greater than this one, and not than any other.
        digest = self.digest(part, rows)
        part |= {"digest": digest, "list": name + "\0", "offset": 0, "found": sorted(found)}
        self.pause()

    def paged(self, path: str) -> bool:
        return path not in ("/orders", "/lines")
