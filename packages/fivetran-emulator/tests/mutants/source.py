"""The source that the reference connector and its mutants read: one list by token, one by offset."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from fivetran_emulator.practice import Bearer, Offset, PageToken, Request, Source
from fivetran_emulator.practice.serving import Practice

TOKEN = "practice-token-0123456789"
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


def ticket(number: int) -> dict[str, object]:
    """Ticket `number`; three of them share each minute."""
    moment = BEGINNING + timedelta(minutes=10 * (number // 3))
    return {
        "id": number,
        "subject": f"Ticket {number}: ñandú 漢",
        "price": number + 0.5,
        "deleted": False,
        "updated_at": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
    }


def practice() -> Practice:
    """A source as new."""
    source = Source(access=Bearer(TOKEN))
    tickets = source.rows(
        "tickets", map(ticket, range(1, 37)), cursor="updated_at", tombstone={"deleted": True}
    )
    source.listing("/tickets", tickets, pages=PageToken(size=10, param="bookmark"), since="updated_since")
    users = [{"id": f"u{number:02}", "name": f"User {number}", "age": number} for number in range(1, 48)]
    source.listing("/users", users, pages=Offset(size=10), within=None)

    @source.route("/me")
    def me(_request: Request) -> dict[str, object]:
        return {"id": 1}

    return Practice(source, {"url": "{url}", "token": TOKEN})
