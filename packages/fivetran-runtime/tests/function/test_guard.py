"""`@app.before`: one place to see that the source answers as it should, before any row is believed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fivetran import Fivetran, Reply, call

from fivetran_runtime import At, ConfigurationError, Connector, Table, TransientError

STATE = {"version": 1, "connector": "acme", "tables": {"users": {"at": {"page": 2}}}}


def guarded(guard: Callable[[Any], object], did: list[str]) -> Connector:
    """A connector with this guard; `did` says what ran, in order."""
    app = Connector("acme", client=lambda _: "client")

    @app.before
    def is_logged_in(client: Any) -> object:
        did.append(f"guard of the {client}")
        return guard(client)

    @app.table(key="id")
    def users(_: Any, page: int = 1) -> Iterator[Any]:
        did.append("users")
        yield {"id": page}

    @app.tables
    def discovered(_: Any) -> Iterator[Table]:
        did.append("discovery")
        yield Table("groups", lambda _: iter(()), key="id")

    @app.check
    def can_log_in(_: Any) -> None:
        did.append("check")

    return app


def says_no(_: Any) -> None:
    raise ConfigurationError("The source takes the key for nobody's.", hint="Give another key.")


def failing(app: Connector, **request: Any) -> Reply:
    reply = call(app.handler, {"state": STATE, **request})
    assert reply.status == 500
    return reply


def test_it_runs_once_and_before_everything_that_asks_the_source() -> None:
    """Also before tables are discovered: they would be those of nobody."""
    did: list[str] = []
    reply = call(guarded(lambda _: None, did).handler, {"state": STATE})
    assert reply.body["insert"] == {"users": [{"id": 2}]}
    assert did == ["guard of the client", "discovery", "users"]


def test_it_runs_before_the_setup_test() -> None:
    """Where a person waits for what is wrong with the key."""
    did: list[str] = []
    assert call(guarded(lambda _: None, did).handler, {"setup_test": True}).status == 200
    assert did == ["guard of the client", "check"]


def test_it_runs_in_every_call_of_a_sync() -> None:
    """A key may be withdrawn between two of them."""
    did: list[str] = []
    app = guarded(lambda _: None, did)

    @app.table(key="id")
    def large(_: Any, page: int = 0) -> Iterator[Any]:
        while page < 3:
            yield {"id": page, "text": "x" * 6_000_000}
            page += 1
            yield At(page=page)

    replies = Fivetran(app.handler).sync()
    assert len(replies) > 1
    assert did.count("guard of the client") == len(replies)


@pytest.mark.parametrize("request_", [{}, {"sync_id": "one"}, {"setup_test": True}])
def test_when_it_raises_nothing_is_read_and_no_state_is_sent(request_: dict[str, Any]) -> None:
    """What Fivetran holds stays as it is, and the person reads the sentence."""
    did: list[str] = []
    reply = failing(guarded(says_no, did), **request_)
    assert did == ["guard of the client"]
    assert reply.body["errorMessage"] == "The source takes the key for nobody's. Give another key."
    assert reply.body["errorType"] == "configuration"
    assert "state" not in reply.body


def test_it_fails_by_returning_false() -> None:
    """As the setup test does."""
    reply = failing(guarded(lambda _: False, []))
    assert reply.body["errorMessage"].startswith("The app.before is_logged_in returned False. Check the cred")


def test_an_outage_in_it_is_an_outage() -> None:
    """The next sync goes on from the same place."""

    def is_down(_: Any) -> None:
        raise TransientError("503")

    assert failing(guarded(is_down, [])).body["errorType"] == "transient"
