"""A connector as samples and many a repository have them: two loops over an offset, a timestamp, one dict."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import requests


def main(request: Any) -> dict[str, Any]:
    """What functions-framework calls."""
    body = request.get_json()
    state, secrets = body["state"], body["secrets"]
    headers = {"Authorization": f"Bearer {secrets['token']}"}
    offset = state.get("offset", 0)

    users: list[Any] = []
    while True:
        page = requests.get(f"{secrets['url']}/users?offset={len(users)}&limit=10", headers=headers).json()
        users += page
        if len(page) < 10:
            break

    params = {"updated_since": state.get("since"), "offset": offset, "limit": 10}
    response = requests.get(f"{secrets['url']}/tickets", params=params, headers=headers)
    tickets = response.json().get("data", [])
    more = len(tickets) == 10

    if more:
        state = {"since": state.get("since"), "offset": offset + len(tickets)}
    else:
        state = {"since": datetime.now().strftime("%Y-%m-%dT%H:%M:%SZ"), "offset": 0}

    return {
        "state": state,
        "insert": {"users": users, "tickets": tickets},
        "schema": {"users": {"primary_key": ["id"]}, "tickets": {"primary_key": ["id"]}},
        "hasMore": more,
    }
