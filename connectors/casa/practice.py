"""Biztera's API as the casa connector knows it, with rows made up.

The bookmark that Biztera hands out is not the one it accepts: see `Bookmark`. Ids are numbers, as in the tests of the
connector that this one replaces.
"""

from __future__ import annotations

from dataclasses import dataclass

from fivetran_emulator.practice import Bearer, Listed, Offset, Page, Request, Source

TOKEN = "practice-token"
STATUSES = ("draft", "active", "archived")

PROJECTS = [
    {
        "id": number,
        "name": f"Projekt {number}: Übersicht",
        "status": STATUSES[number % 3],
        "ownerId": number % 230 + 1,
        "createdAt": f"2025-{number % 12 + 1:02}-{number % 28 + 1:02}T08:{number % 60:02}:00.000Z",
        "settings": {"reviewers": number % 4, "tags": ["finance"] if number % 5 == 0 else []},
    }
    for number in range(1, 251)
]

USERS = [
    {
        "id": number,
        "email": f"user{number}@casa.example",
        "displayName": None if number % 40 == 0 else f"Zoë Müller {number}",
        "isActive": number % 7 != 0,
    }
    for number in range(1, 231)
]


@dataclass(frozen=True)
class Bookmark:
    """Continues behind the project whose id is given; the time in `nextPage` gets a 400 when sent back."""

    def page(self, listed: Listed, request: Request) -> Page:
        """Up to `limit` projects; the last page's metadata has no `nextPage`."""
        bookmark = request.args.get("bookmark")
        start = listed.after([int(bookmark) if bookmark.isdecimal() else bookmark]) if bookmark else 0
        rows = listed.rows[start : start + listed.size(request, "limit", 100)]
        members: dict[str, object] = {"metadata.totalCount": len(listed.rows)}
        if start + len(rows) < len(listed.rows):
            created = rows[-1]["createdAt"]
            members["metadata.nextPage"] = {"path": f"/projects?bookmark={created}", "bookmark": created}
        return Page(rows, members)


source = Source(access=Bearer(TOKEN))
source.listing("/projects", PROJECTS, pages=Bookmark())
source.listing("/users", USERS, pages=Offset(), within=None)

secrets = {"access_token": TOKEN, "url": "{url}"}
