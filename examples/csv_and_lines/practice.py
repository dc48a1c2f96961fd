"""Two files, whole each time they are asked for: CSV in windows-1252 with line breaks in its fields, and JSON lines as gzip."""

import gzip

from werkzeug.wrappers import Response

from fivetran_emulator.practice import Bearer, Csv, Lines, Request, Source

ORDERS = [
    {"number": f"{number:05}", "customer": f"Größe {number}; klein\nund fein", "amount": f"{number}.50"}
    for number in range(40)
]
EVENTS = [{"id": number, "text": f"Event {number} " + "…" * 40, "amount": number / 8} for number in range(40)]

source = Source(access=Bearer("practice-token"))
orders = source.rows("orders", ORDERS, key="number")
events = source.rows("events", EVENTS)


@source.route("/orders.csv")
def list_orders(_request: Request) -> Response:
    """The header also where there are no rows."""
    body, kind = Csv(";", "cp1252", columns=["number", "customer", "amount"])(orders.listed())
    return Response(body, content_type=kind)


@source.route("/events.jsonl")
def list_events(_request: Request) -> Response:
    """Compressed by itself, as a file."""
    body, _ = Lines()(events.listed())
    return Response(gzip.compress(body, mtime=0), content_type="application/gzip")


secrets = {"token": "practice-token", "url": "{url}"}
