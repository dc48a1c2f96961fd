"""{{ cookiecutter.title }}: its items, those changed since the last sync. Written by hand, without the runtime.

Made from the template: replace the items with what the source really has, here and in practice.py.
"""

from __future__ import annotations

from typing import Any
{% if "parse_qsl" in cookiecutter.choices.pages.following %}
from urllib.parse import parse_qsl, urlsplit
{% endif %}

import requests

__version__ = "0.1.0"

URL = "https://api.{{ cookiecutter.name }}.example"
SCHEMA = {"items": {"primary_key": ["id"]}}
SECONDS = 30
"""How long the source may be silent."""
{% if cookiecutter.choices.pages.served %}
PAGES = 20
"""How many pages one call reads; the next call goes on behind them."""
{% endif %}
{% set session = cookiecutter.choices.auth.session %}
{% set needs_url = "{url}" in session | join %}


def main(request: Any) -> dict[str, Any] | tuple[dict[str, Any], int]:
    """What Fivetran calls. After HTTP 500 it shows the message, and calls again with the state it has."""
    try:
        return answer(request)
    except requests.RequestException as error:
        return {"errorMessage": f"The source failed, or refused: {error}"}, 500


def answer(request: Any) -> dict[str, Any]:
    """One call of a sync. What it returns becomes rows, and the state of the next call."""
    asked = request.get_json()
    secrets, state = asked.get("secrets") or {}, asked.get("state") or {}
    url = secrets.get("url", URL)
    session = {% if session %}connect({% if needs_url %}url, {% endif %}secrets){% else %}requests.Session(){% endif %}

    if asked.get("setup_test"):
        list_items(session, url, {"limit": 1})
        return {"state": state, "schema": SCHEMA, "hasMore": False}
    return changed_items(session, url, state)

{% if session %}

def connect({% if needs_url %}url: str, {% endif %}secrets: dict[str, Any]) -> requests.Session:
    """A session that the source lets in."""
    session = requests.Session()
{% for line in session %}
    {{ line }}
{% endfor %}
    return session
{% endif %}


def list_items(session: requests.Session, url: str, query: dict[str, Any]) -> dict[str, Any]:
    """What the source answers. Raises RequestException when it refuses or fails."""
    response = session.get(f"{url}/items", params=query, timeout=SECONDS)
    response.raise_for_status()
    body: dict[str, Any] = response.json()
    return body

{% if cookiecutter.choices.pages.served %}

def changed_items(session: requests.Session, url: str, state: dict[str, Any]) -> dict[str, Any]:
    """The items changed since the last sync, from where the call before stopped."""
    rows: list[Any] = []
    since = state.get("since")
    newest = state.get("newest", since)
    query: dict[str, Any] | None = state.get("query", {})
    for _ in range(PAGES):
        body = list_items(session, url, {"updated_since": since, **(query or {})})
        rows += body["data"]
        query = following(query or {}, body)
        if query is None:
            break
    newest = newest_of(rows, newest)
    state = {"since": newest} if query is None else {"since": since, "newest": newest, "query": query}
    return {"state": state, "insert": {"items": rows}, "schema": SCHEMA, "hasMore": query is not None}


def following({{ "" if "query.get" in cookiecutter.choices.pages.following else "_" }}query: dict[str, Any], body: dict[str, Any]) -> dict[str, Any] | None:
    """What asks for the next page; None after the last."""
    return {{ cookiecutter.choices.pages.following }}
{% else %}

def changed_items(session: requests.Session, url: str, state: dict[str, Any]) -> dict[str, Any]:
    """The items changed since the last sync."""
    since = state.get("since")
    rows = list_items(session, url, {"updated_since": since})["data"]
    state = {"since": newest_of(rows, since)}
    return {"state": state, "insert": {"items": rows}, "schema": SCHEMA, "hasMore": False}
{% endif %}


def newest_of(rows: list[Any], newest: str | None) -> str | None:
    """The latest time of change there is. Of the rows and not of the clock: what changes meanwhile comes next time."""
    return max([*([newest] if newest else []), *(row["updated_at"] for row in rows)], default=None)
