"""Thirty events, five a page. Its last page has a token like the others, and has_more is false."""

from fivetran_emulator.practice import Bearer, Request, Source

EVENTS = [{"uuid": f"e{number:03}", "text": f"Event {number}: " + "…" * 40} for number in range(30)]

source = Source(access=Bearer("practice-token"))
events = source.rows("events", EVENTS, key="uuid")


@source.route("/events")
def list_events(request: Request) -> object:
    """The events behind the token."""
    rows = sorted(events.listed(), key=lambda row: str(row["uuid"]))
    left = [row for row in rows if str(row["uuid"]) > request.args.get("cursor", "")]
    page = left[: min(5, source.cap or 5)]
    return {"items": page, "cursor": page[-1]["uuid"] if page else None, "has_more": len(left) > len(page)}


secrets = {"token": "practice-token", "url": "{url}"}
