"""The runtime's own part: pages of JSON to a whole answer, against msgspec alone that keeps the same digits.

Prints pairs of seconds as JSON: the runtime's, and those of decoding and encoding. No HTTP, so only the rows' way is in them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
from flask import Flask, request

from fivetran_runtime import Config, Connector

ROUNDS = 9
ROWS = 15_000
ROW = (
    '{{"id":{0},"price":{1}.25,"latitude":47.{2},"longitude":8.{3},"title":"Größe des Anhangs {0}","status":"open",'
    '"email":null,"is_public":true,"created_at":"2025-01-01T00:00:00Z","account_id":{2},"seconds_open":{3},'
    '"requester":{{"name":"Zoë","city":"Kraków","verified":true}},"tags":["billing","mobile"]}}'
)
PAGE = ("[" + ",".join(ROW.format(n, n % 997, n % 9973, n % 86_399) for n in range(ROWS)) + "]").encode()
DECODE = msgspec.json.Decoder(float_hook=Decimal).decode
ENCODE = msgspec.json.Encoder(decimal_format="number").encode

app = Connector("benchmark", config=Config, client=lambda _: DECODE)


@app.table(key="id")
def tickets(decode: Any) -> Iterator[Any]:
    """The rows of one page."""
    yield from decode(PAGE)


main = app.handler
HOST = Flask("benchmark")


def through_the_runtime() -> bytes:
    """One invocation's answer."""
    asked = {"agent": "benchmark", "state": {}, "secrets": {}, "sync_id": "1"}  # as Fivetran asks
    with HOST.test_request_context(method="POST", json=asked):
        return bytes(HOST.make_response(main(request)).get_data())


def seconds(work: Any) -> float:
    """How long one run of it takes on the processor."""
    began = time.process_time()
    work()
    return time.process_time() - began


if __name__ == "__main__":
    answer = json.loads(through_the_runtime())
    if len(answer["insert"]["tickets"]) != ROWS:
        raise SystemExit(f"{len(answer['insert']['tickets'])} rows of {ROWS} in the answer: {answer}")
    print(
        json.dumps(
            [(seconds(through_the_runtime), seconds(lambda: ENCODE(DECODE(PAGE)))) for _ in range(ROUNDS)]
        )
    )
