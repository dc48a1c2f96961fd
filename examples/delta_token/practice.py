"""Thirty events, four a page. A sync token stands for what the calendar held when its listing began."""

from fivetran_emulator.practice import Bearer, Refusal, Request, Source

EVENTS = [
    {"id": f"e{number:03}", "status": "confirmed", "title": f"Event {number} " + "…" * 40}
    for number in range(30)
]
PAGE = 4

source = Source(access=Bearer("practice-token"))
events = source.rows("events", EVENTS, tombstone={"status": "cancelled"})
snapshots: list[dict[str, dict[str, object]]] = []


@source.route("/events")
def list_events(request: Request) -> object:
    """A page of the listing that the page's token names, which may be the whole or what changed since a sync token."""
    shown = {str(row["id"]): row for row in events.listed()}
    if shown not in snapshots[-1:]:
        snapshots.append(shown)
    page = request.args.get("pageToken", f"{request.args.get('syncToken', '')}.{len(snapshots) - 1}.0")
    before, now, start = page.split(".")
    if int(before or 0) >= len(snapshots) or int(now) >= len(snapshots):
        raise Refusal(410, "the token has expired")
    known = snapshots[int(before)] if before else {}
    shown_since = [row for key, row in sorted(snapshots[int(now)].items()) if row != known.get(key)]
    left = [row for row in shown_since if before or row["status"] != "cancelled"][int(start) :]
    size = min(PAGE, source.cap or PAGE)
    if len(left) > size:
        return {"items": left[:size], "nextPageToken": f"{before}.{now}.{int(start) + size}"}
    return {"items": left, "nextSyncToken": now}


secrets = {"token": "practice-token", "url": "{url}"}
