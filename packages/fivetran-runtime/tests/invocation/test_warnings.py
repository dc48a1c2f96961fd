"""Warnings of the connector's own: what becomes of `warn(...)`."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from fivetran import Reply, call

from fivetran_runtime import Config, Connector, Secret, warn

KEY = "a-long-secret-key"


class Acme(Config):
    """What is typed in."""

    key: Secret


class Broken:
    """Something whose text cannot be had."""

    def __str__(self) -> str:
        raise ValueError


def warned(act: Callable[[], object], **request: Any) -> Reply:
    """The answer of a connector that does this while it reads its table, and in its setup test."""
    app = Connector("acme", config=Acme)

    @app.table(key="id")
    def users(_: Acme) -> Any:
        act()
        yield {"id": 1}

    @app.check
    def can_log_in(_: Acme) -> None:
        act()

    reply = call(app.handler, {"secrets": {"key": KEY}, **request})
    assert reply.status == 200
    return reply


def report(reply: Reply) -> dict[str, Any]:
    """What the invocation says of itself."""
    found: dict[str, Any] = json.loads(reply.headers["X-Connector-Invocation"])
    return found


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The log's warnings."""
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [line for line in found if line["severity"] == "WARNING"]


def test_a_warning_is_a_line_of_the_log_and_a_part_of_the_report(capsys: pytest.CaptureFixture[str]) -> None:
    """The rows are sent as if nothing had been said."""
    reply = warned(lambda: warn("skipped product 17: 404"))
    assert reply.body["insert"] == {"users": [{"id": 1}]}
    assert report(reply)["warnings"] == {"skipped product 17: 404": 1}
    assert [line["message"] for line in lines(capsys)] == ["skipped product 17: 404"]


def test_warnings_of_a_kind_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """Twelve products are two lines: the first by its name, and how many they were."""

    def act() -> None:
        for number in range(12):
            warn(f"skipped product {number}: 404", counted_as="skipped product: 404")

    assert report(warned(act))["warnings"] == {"skipped product: 404": 12}
    first, counted = lines(capsys)
    assert (first["message"], first["counted_as"]) == ("skipped product 0: 404", "skipped product: 404")
    assert (counted["message"], counted["times"]) == ("skipped product: 404 (12 times)", 12)


def test_the_setup_test_may_warn() -> None:
    """It passes, and its report has the warning."""
    reply = warned(lambda: warn("no right to read groups"), setup_test=True)
    assert report(reply)["warnings"] == {"no right to read groups": 1}


def test_a_warning_shows_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither in the log nor in the header, in its text nor in what it is counted as."""

    def act() -> None:
        for number in range(2):
            warn(f"{KEY} {number}", counted_as=f"of {KEY}")

    reply = warned(act)
    assert report(reply)["warnings"] == {"of ***": 2}
    assert KEY not in reply.headers["X-Connector-Invocation"] + capsys.readouterr().out


def test_a_warning_from_a_thread_is_the_invocations() -> None:
    """Also of several at once."""

    def act() -> None:
        threads = [threading.Thread(target=warn, args=("late",)) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert report(warned(act))["warnings"] == {"late": 20}


def test_the_report_of_many_warnings_stays_small(capsys: pytest.CaptureFixture[str]) -> None:
    """It travels in a header; the rest is counted, and the log is not flooded either."""

    def act() -> None:
        for number in range(500):
            warn(f"\u2603 {'long ' * 100}{number}")

    reply = warned(act)
    found = report(reply)
    assert sum(found["warnings"].values()) + found["other_warnings"] == 500
    assert len(reply.headers["X-Connector-Invocation"]) < 4_000
    assert all(text.endswith("\N{HORIZONTAL ELLIPSIS}") for text in found["warnings"])
    assert len(lines(capsys)) == 100


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (ValueError("no such product"), "no such product"),
        ("two\nlines", "two lines"),
        ("", "a warning without a text (str)"),
        (None, "None"),
        (Broken(), "a warning without a text (Broken)"),
    ],
)
def test_whatever_is_said_fails_nothing(said: object, text: str) -> None:
    """A warning is the last thing that should end a sync."""
    assert report(warned(lambda: warn(said)))["warnings"] == {text: 1}


def test_a_failed_call_reports_its_warnings() -> None:
    """What was said before it failed may be why."""
    app = Connector("acme")

    @app.table(key="id")
    def users(_: Any) -> Any:
        warn("the source is older than 5.0")
        yield {"id": 1 / 0}

    reply = call(app.handler, {})
    assert reply.status == 500
    assert report(reply)["warnings"] == {"the source is older than 5.0": 1}


def test_outside_of_a_function_a_warning_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """In a notebook, for instance."""
    warn("skipped")
    assert [line["message"] for line in lines(capsys)] == ["skipped"]
