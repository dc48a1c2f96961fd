"""A function in a process of its own, as Google runs it: real memory, real sockets, real seconds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from function_process import running
from source_server import Handler, Hangs, Received, Says, Script, serving

MILL = Path(__file__).parents[1] / "functions" / "mill.py"
MB = 1_000_000
TEXT = "漢字 🐛 ñandú " * 25
"""275 characters, 500 bytes."""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "function.log"


def test_memory_does_not_grow_with_the_number_of_rows(log: Path) -> None:
    """Twenty times as many, within a fifth of the memory: one answer is all that is ever held.

    Answers are small here so that both syncs take many: what the allocator keeps for each of the host's threads is then
    kept before the first look.
    """
    with running(MILL, log, FIVETRAN_ANSWER_BYTES="1000000") as function:
        few = function.sync(rows=20_000, text=TEXT)
        after_few = function.peak_memory()
        many = function.sync(rows=400_000, text=TEXT)
        after_many = function.peak_memory()
    assert sum(answer.report["rows"].get("grains", 0) for answer in few) == 20_000
    assert sum(answer.report["rows"].get("grains", 0) for answer in many) == 400_000
    assert after_many <= after_few * 1.2, f"{after_few / MB:.0f} MB, then {after_many / MB:.0f} MB"


def test_ids_whose_deletes_are_inferred_take_little_memory(log: Path) -> None:
    """A million of them take 180 of a function's 256 MB. Measured on fewer, of which each takes more."""
    few, many = 20_000, 200_000
    with running(MILL, log, FIVETRAN_ANSWER_BYTES="1000000") as function:
        function.sync(ids=few)
        after_few = function.peak_memory()
        function.sync(ids=many)
        each = (function.peak_memory() - after_few) / (many - few)
    assert each < 280, f"{each:.0f} bytes a key"


def test_no_answer_is_larger_than_google_lets_through(log: Path) -> None:
    """10 MB counted in bytes where it leaves the function, and most of it used: a character may take four of them."""
    with running(MILL, log) as function:
        answers = function.sync(rows=45_000, text=TEXT)
    assert len(answers) == 3
    assert all(answer.bytes == answer.announced == answer.report["bytes"] for answer in answers)
    assert max(answer.bytes for answer in answers) <= 10 * MB
    assert all(answer.bytes > 8 * MB for answer in answers[:-1])


def page_of(request: Received) -> Says:
    """A page of one row."""
    return Says([{"id": int(request.parameter("page") or 0)}])


@dataclass(frozen=True)
class Later:
    """An answer, a third of a second later."""

    answer: Says

    def write(self, handler: Handler) -> None:
        handler.source.closing.wait(0.3)
        self.answer.write(handler)


def before_page(number: int, then: Any) -> Script:
    """Pages up to a number, from there on something else."""
    return lambda request: page_of(request) if int(request.parameter("page") or 0) < number else then


def test_time_that_runs_out_cuts_the_answer_before_google_does(log: Path) -> None:
    """A source that gives a page every third of a second, without end: what came in three seconds is answered in three."""
    with (
        serving(script=lambda request: Later(page_of(request))) as source,
        running(MILL, log, FIVETRAN_TIMEOUT_S="3") as function,
    ):
        answer = function.call({"url": source.url}, {})
    assert answer.report["cut"] == "time"
    assert answer.has_more
    assert answer.report["rows"]["pages"] >= 2
    assert answer.seconds < 3


def test_a_wait_that_does_not_fit_is_not_begun(log: Path) -> None:
    """The source asks for half a minute: the rows before it are answered at once, and the next call may wait."""
    busy = Says(status=503, headers={"Retry-After": "30"})
    with (
        serving(script=before_page(3, busy)) as source,
        running(MILL, log, FIVETRAN_TIMEOUT_S="5") as function,
    ):
        answer = function.call({"url": source.url}, {})
    assert answer.report["cut"] == "wait"
    assert answer.has_more
    assert answer.report["rows"] == {"pages": 2}
    assert answer.seconds < 1
    assert answer.state["tables"]["pages"]["at"] == {"page": 3}


def test_a_source_that_stops_answering_does_not_take_the_rows_before_it_along(log: Path) -> None:
    """It hangs in the middle of a table: the answer comes within the function's three seconds."""
    with (
        serving(script=before_page(2, Hangs())) as source,
        running(MILL, log, FIVETRAN_TIMEOUT_S="3") as function,
    ):
        answer = function.call({"url": source.url}, {})
    assert answer.report["rows"] == {"pages": 1}
    assert answer.has_more
    assert answer.seconds < 3
