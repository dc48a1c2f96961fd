"""A source that nothing changes answers each request once, where it is known to answer alike, and never what is no longer true."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import pytest
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from fivetran_emulator.contract.lab.faults import FaultySource, SourceRequest
from fivetran_emulator.contract.lab.network import ADDRESS
from fivetran_emulator.contract.lab.remembered import RememberedSource, SharedPractice, shared_practice
from fivetran_emulator.contract.lab.virtual_time import VirtualTime
from fivetran_emulator.practice import Offset, RateLimit, Source
from fivetran_emulator.practice.serving import Practice

SECRETS = {"url": "{url}"}


class Counting:
    """Makes practice sources of three rows, and counts what they are asked and how many were made."""

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.asked: list[str] = []
        self.begun: list[Source] = []
        self.made = 0

    def __call__(self) -> Practice:
        self.made += 1
        source = Source(**self.options)
        snapshot: dict[str, int] = {}
        rows = source.listing("/rows", [{"id": number} for number in range(3)], pages=Offset(size=2))

        @source.route("/count")
        def count(request: Request) -> object:
            self.asked.append(request.full_path + request.headers.get("X-Key", ""))
            return {"rows": len(rows)}

        @source.route("/clock")
        def clock(_request: Request) -> object:
            return time.time()

        @source.route("/begin")
        def begin(_request: Request) -> object:
            self.begun.append(source)
            return {"next": "/more"}

        @source.route("/more")
        def more(_request: Request) -> object:
            return {"known": source in self.begun}

        @source.route("/changed")
        def changed(_request: Request) -> object:
            return {"new": len(rows) - snapshot.setdefault("rows", len(rows))}

        @source.route("/add", method="POST")
        def add(_request: Request) -> object:
            rows.put({"id": len(rows)})
            return {}

        return Practice(source, SECRETS)


def environ(path: str, method: str = "GET", **headers: str) -> dict[str, Any]:
    made = EnvironBuilder(path, method=method, headers=list(headers.items())).get_environ()
    return {**made, "contract.request": f"{method} {path} {headers}".encode()}


def body(source: RememberedSource, path: str, method: str = "GET", **headers: str) -> Any:
    return source.answer(environ(path, method, **headers)).get_json()


def remembered(make: Counting, clock: VirtualTime | None = None) -> RememberedSource:
    return RememberedSource(SharedPractice(make, make()), clock or VirtualTime())


def test_the_same_request_is_answered_from_memory_and_no_other_one() -> None:
    """Another query or header is another request."""
    make = Counting()
    source = remembered(make)
    for _ in range(2):
        body(source, "/count")
        body(source, "/count?page=2")
        body(source, "/count", **{"X-Key": "k"})
    assert make.asked == ["/count?", "/count?page=2", "/count?k"]


def test_a_source_is_asked_again_at_another_time() -> None:
    """It may show the time, or what is over by then."""
    make, clock = Counting(), VirtualTime()
    source = remembered(make, clock)
    with clock.active():
        times = []
        for seconds in (0, 0, 60):
            clock.advance(seconds)
            times.append(body(source, "/clock"))
    assert times == [times[0], times[0], times[0] + 60]


def test_trials_share_a_source_until_one_changes_it() -> None:
    """A trial that may change rows has a source of its own, and asks it again after each change; the other sees none of it."""
    make = Counting()
    shared = SharedPractice(make, make())
    one, other = RememberedSource(shared, VirtualTime()), RememberedSource(shared, VirtualTime())
    assert (body(one, "/count")["rows"], body(other, "/count")["rows"], make.made) == (3, 3, 1)
    rows = one.own.source.tables["rows"]  # type: ignore[attr-defined]
    seen = []
    for change, arguments in (
        (rows.put, [{"id": 3}]),
        (rows.remove, [3]),
        (rows.put, [{"id": 2, "name": "x"}]),
    ):
        change(*arguments)
        seen.append((body(one, "/count")["rows"], body(one, "/rows?offset=2")["data"]))
    assert seen == [(4, [{"id": 2}, {"id": 3}]), (3, [{"id": 2}]), (3, [{"id": 2, "name": "x"}])]
    assert (body(other, "/count")["rows"], make.made) == (3, 2)
    before = len(make.asked)
    body(one, "/count")
    assert len(make.asked) == before


def test_smaller_pages_are_asked_for() -> None:
    """What was answered in larger ones is no answer any more."""
    source = remembered(Counting())
    assert len(body(source, "/rows")["data"]) == 2
    assert source.cap(1)
    assert len(body(source, "/rows")["data"]) == 1
    assert source.cap(2)
    assert len(body(source, "/rows")["data"]) == 2


def test_a_request_that_may_change_something_ends_remembering() -> None:
    """It goes to a source of the trial's own, and every later one too."""
    make = Counting()
    shared = SharedPractice(make, make())
    one, other = RememberedSource(shared, VirtualTime()), RememberedSource(shared, VirtualTime())
    body(one, "/count")
    body(one, "/add", "POST")
    assert (body(one, "/count")["rows"], body(other, "/count")["rows"]) == (4, 3)


def test_a_practice_source_alone_is_asked_each_time() -> None:
    """That of a connector's own tests, which may change it in any way."""
    make = Counting()
    source = RememberedSource(make(), VirtualTime())
    body(source, "/count")
    body(source, "/count")
    assert len(make.asked) == 2


def asked_of(make: Counting, *paths: str) -> list[SourceRequest]:
    source = FaultySource(RememberedSource(make(), VirtualTime()).answer)
    for path in paths:
        list(source(EnvironBuilder(path).get_environ(), lambda *_: lambda _: None))
    return source.requests


def add_row(practice: Practice) -> None:
    practice.source.tables["rows"].put({"id": 9})  # type: ignore[attr-defined]


def secrets_of(practice: Practice) -> Mapping[str, object]:
    return practice.secrets_at(ADDRESS)


def test_a_source_whose_answers_stay_the_same_is_shared() -> None:
    """Known from what the undisturbed syncs asked."""
    make = Counting()
    asked = asked_of(make, "/count", "/rows", "/rows?offset=2", "/count")
    assert shared_practice(make, add_row, secrets_of(make()), asked) is not None


@pytest.mark.parametrize(
    "what",
    ["a limit of requests", "a token by POST", "secrets of each load", "a job", "a session", "a snapshot"],
)
def test_a_source_that_shows_anything_else_is_not_shared(what: str) -> None:
    """Then each trial has its own, which answers each request."""
    make = Counting(**({"rate": RateLimit(100)} if what == "a limit of requests" else {}))
    asked, secrets = asked_of(make, "/count"), secrets_of(make())
    if what == "a token by POST":
        asked = [*asked, SourceRequest(2, "POST", "/token", "", "localhost", {}, status=200)]
    if what == "secrets of each load":
        secrets = {**secrets, "token": "another"}
    if what == "a job":
        asked = [*asked, SourceRequest(2, "GET", "/count", "", "localhost", {}, status=200, body=b"later")]
    if what == "a session":
        asked = asked_of(make, "/begin", "/more")
    if what == "a snapshot":
        asked = asked_of(make, "/changed")
    assert shared_practice(make, add_row, secrets, asked) is None
