"""Forty events, five a page, each page with a header Link: the last one, and the empty one behind it, too."""

import json

from werkzeug.wrappers import Response

from fivetran_emulator.practice import Bearer, Request, Source

EVENTS = [{"id": number, "text": f"Event {number}: " + "…" * 40} for number in range(1, 41)]

source = Source(access=Bearer("practice-token"))
events = source.rows("events", EVENTS)


@source.route("/events")
def list_events(request: Request) -> Response:
    """The events behind the number; the link is never the same one again."""
    after, number = int(request.args.get("after", "0")), int(request.args.get("n", "0"))
    rows = sorted(events.listed(), key=lambda row: int(str(row["id"])))
    page = [row for row in rows if int(str(row["id"])) > after][: min(5, source.cap or 5)]
    link = f"{request.base_url}?after={page[-1]['id'] if page else after}&n={number + 1}"
    return Response(
        json.dumps(page), headers={"Link": f'<{link}>; rel="next"'}, content_type="application/json"
    )


secrets = {"token": "practice-token", "url": "{url}"}
