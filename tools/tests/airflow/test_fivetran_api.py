"""The Fivetran API that the example DAGs run against: it keeps what it is sent, and refuses what Fivetran refuses."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tools.airflow.fivetran_api import KEY, SECRET, Connection, FivetranApi, served


def ask(
    api: FivetranApi, method: str, path: str, body: Any = None, *, secret: str = SECRET
) -> dict[str, Any]:
    """One request; the answer's JSON."""
    key = base64.b64encode(f"{KEY}:{secret}".encode()).decode()
    data = None if body is None else json.dumps(body).encode()
    request = Request(f"http://{api.host}{path}", data, {"Authorization": f"Basic {key}"}, method=method)
    with urlopen(request) as response:  # noqa: S310
        answer: dict[str, Any] = json.load(response)
    return answer


@pytest.mark.parametrize(("family", "start"), [("connectors", "force"), ("connections", "sync")])
def test_a_sync_runs_for_a_while_and_then_moves_succeeded_at(family: str, start: str) -> None:
    """On the older paths, which Airflow's provider asks, and on today's."""
    with served(Connection("one", paused=False)) as api:
        ask(api, "POST", f"/v1/{family}/one/{start}", {})
        states = [ask(api, "GET", f"/v1/{family}/one")["data"] for _ in range(3)]
    assert [one["status"]["sync_state"] for one in states] == ["syncing", "syncing", "scheduled"]
    assert [bool(one["succeeded_at"]) for one in states] == [False, False, True]


def test_a_paused_connection_does_not_sync() -> None:
    """Who forgets to unpause it learns it here."""
    with served(Connection("one")) as api:
        with pytest.raises(HTTPError, match="409"):
            ask(api, "POST", "/v1/connectors/one/force", {})
        ask(api, "PATCH", "/v1/connectors/one", {"paused": False})
        ask(api, "POST", "/v1/connectors/one/force", {})
    assert api.connections["one"].syncing == 2


@pytest.mark.parametrize(
    ("method", "path", "secret", "status"),
    [
        ("GET", "/v1/connectors/one", "wrong", "401"),
        ("GET", "/v1/connectors/two", SECRET, "404"),
        ("DELETE", "/v1/connectors/one", SECRET, "501"),
    ],
)
def test_a_wrong_request_is_refused(method: str, path: str, secret: str, status: str) -> None:
    """With Fivetran's statuses."""
    with served(Connection("one")) as api, pytest.raises(HTTPError, match=status):
        ask(api, method, path, secret=secret)
