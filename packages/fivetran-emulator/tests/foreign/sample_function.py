"""A function shaped as Fivetran's public samples are: one file, no library, a dict built by hand, JSON text returned.

It reads an API with pages and a timestamp, keeps a cursor in the state, flattens by hand, and sends a child table.
"""

from __future__ import annotations

import json
from typing import Any

ORDERS = [
    {
        "id": n,
        "updatedAt": f"2026-01-{n:02}T00:00:00Z",
        "customer": {"name": f"c{n % 3}"},
        "lines": [{"no": 1, "sku": "a"}],
    }
    for n in range(1, 8)
]
PAGE = 3


def handler(request: Any) -> tuple[str, int, dict[str, str]]:
    """What functions-framework calls."""
    body = request.get_json()
    response = update(body["state"], body["secrets"])
    return json.dumps(response), 200, {"Content-Type": "application/json"}


def update(state: dict[str, Any], secrets: dict[str, Any]) -> dict[str, Any]:
    """One page of orders after the cursor."""
    orders, more = api_response(state, secrets)
    insert: dict[str, list[dict[str, Any]]] = {"orders": [], "orderLines": []}
    for order in orders:
        insert["orders"].append(
            {"id": order["id"], "updatedAt": order["updatedAt"], "customerName": order["customer"]["name"]}
        )
        insert["orderLines"] += [{"orderId": order["id"], **line} for line in order["lines"]]
    return {
        "state": {"cursor": orders[-1]["updatedAt"] if orders else state.get("cursor", "")},
        "insert": insert,
        "delete": {"orders": [{"id": 1}]} if not more else {},
        "schema": {"orders": {"primary_key": ["id"]}, "orderLines": {"primary_key": ["orderId", "no"]}},
        "hasMore": more,
    }


def api_response(state: dict[str, Any], secrets: dict[str, Any]) -> tuple[list[dict[str, Any]], bool]:
    """The source's answer: the orders after the cursor, oldest first, and whether there are more."""
    if secrets.get("apiKey") != "key-123456":
        raise PermissionError("the API refused the key")
    later = [order for order in ORDERS if order["updatedAt"] > state.get("cursor", "")]
    return later[:PAGE], len(later) > PAGE
