"""Its source: tickets that change, users that come and go."""

from __future__ import annotations

from fivetran_emulator.practice import Bearer, Offset, Source

TOKEN = "practice-token-0123456789"

TICKETS = [
    {"id": number, "subject": f"Ticket {number}", "updated_at": f"2026-01-{number:02}T12:00:00Z"}
    for number in range(1, 25)
]
USERS = [{"id": number, "name": f"User {number}"} for number in range(1, 16)]

source = Source(access=Bearer(TOKEN))
source.listing(
    "/tickets", TICKETS, pages=Offset(), cursor="updated_at", since="updated_since", order=["updated_at"]
)
source.listing("/users", USERS, pages=Offset(), within=None)

secrets = {"url": "{url}", "token": TOKEN}
