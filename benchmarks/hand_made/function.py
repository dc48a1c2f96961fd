"""A function written by hand with speed in mind: one session, ten pages a call, orjson both ways; no retries, no budget, no checks."""

from __future__ import annotations

from typing import Any

import orjson
import requests
from flask import Request, Response

PAGES_A_CALL = 10
SESSION = requests.Session()


def main(request: Request) -> Response:
    """One call: ten pages from where the state says, and the state that follows."""
    asked: dict[str, Any] = request.get_json()
    secrets, offset, rows, more = asked["secrets"], asked["state"].get("offset", 0), [], True
    for _ in range(PAGES_A_CALL):
        query = {"offset": offset, "limit": 1_000}
        answer = SESSION.get(f"{secrets['url']}/tickets", params=query, timeout=60)
        answer.raise_for_status()
        page = orjson.loads(answer.content)
        rows += page["data"]
        offset += len(page["data"])
        more = offset < page["total"]
        if not more:
            break
    body = {
        "state": {"offset": offset},
        "insert": {"tickets": rows},
        "schema": {"tickets": {"primary_key": ["id"]}},
        "hasMore": more,
    }
    return Response(orjson.dumps(body), mimetype="application/json")
