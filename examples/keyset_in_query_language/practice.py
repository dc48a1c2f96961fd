"""Thirty tickets, of which twelve were changed in one instant: more than a page of five."""

import re

from fivetran_emulator.practice import Bearer, Refusal, Request, Source

TICKETS = [
    {
        "id": number,
        "Subject": f"Ticket {number}: " + "…" * 40,
        "LastUpdated": f"2026-01-{10 if 8 < number <= 20 else number % 28 + 1:02}T12:00:00Z",
    }
    for number in range(1, 31)
]
BEHIND = re.compile(r"LastUpdated > '(.+?)' OR \(LastUpdated = '\1' AND id > (\d+)\)")
SINCE = re.compile(r"LastUpdated >= '(.+?)'|id [>=] 0")

source = Source(access=Bearer("practice-token"))
tickets = source.rows("tickets", TICKETS, cursor="LastUpdated")


@source.route("/tickets")
def list_tickets(request: Request) -> object:
    """Five tickets that the query finds."""
    query = request.args.get("query", "id > 0")
    behind, since = BEHIND.fullmatch(query), SINCE.fullmatch(query)
    if not (behind or since):
        raise Refusal(400, f"cannot be read: {query}")
    rows = sorted(tickets.listed(), key=key)
    if behind:
        rows = [row for row in rows if key(row) > (behind[1], int(behind[2]))]
    elif since and since[1]:
        rows = [row for row in rows if key(row) >= (since[1], 0)]
    if query == "id = 0":
        rows = []
    return {"items": rows[: min(5, source.cap or 5)]}


def key(ticket: dict[str, object]) -> tuple[str, int]:
    """What tickets are sorted by."""
    return str(ticket["LastUpdated"]), int(str(ticket["id"]))


secrets = {"token": "practice-token", "url": "{url}"}
