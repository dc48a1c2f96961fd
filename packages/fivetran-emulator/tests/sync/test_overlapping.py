"""The next call begins while an answer is being loaded, unless the command says otherwise."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from scripted import Emulator, Json, ScriptedFunction, numbered, sync_command

from fivetran_emulator.errors import WarehouseError
from fivetran_emulator.sync.destination import Destination
from fivetran_emulator.warehouse.load import Loaded

KEYED = {"t": {"primary_key": ["id"]}}
BOTH_WAYS = pytest.mark.parametrize(
    "switch", [(), ("--one-at-a-time",)], ids=["overlapping", "one-at-a-time"]
)
"""The switch that turns it off."""


def page(n: int) -> Json:
    return {"insert": {"t": [{"id": n, "text": f"row {n}"}]}, "schema": KEYED}


class SlowWarehouse:
    """Commits as the real one, except that the answer `number` waits for `until` first, or fails."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, number: int, until: Callable[[], bool]) -> None:
        commit, self._count = Destination.commit, 0

        def slow(destination: Destination, *arguments: object) -> tuple[Loaded, object]:
            self._count += 1
            if self._count == number and not until():
                raise WarehouseError("the disk is full: no space left")
            return commit(destination, *arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(Destination, "commit", slow)


class Queue:
    """A source that hands each message out once, as a queue does: what a call has done is not undone."""

    def __init__(self, messages: int) -> None:
        self.left = list(range(messages))
        self.called = threading.Event()
        self.states: list[object] = []

    def answer(self, request: Json) -> Json:
        self.states.append(request["state"])
        if len(self.states) > 1:
            self.called.set()
        taken = self.left.pop(0)
        return {"state": {"taken": taken + 1}, "hasMore": bool(self.left), **page(taken)}


def committed(emulator: Emulator) -> tuple[str, list[int]]:
    """The state in the file, and the ids."""
    [(state,)] = emulator.rows("SELECT state FROM fivetran_emulator.connections")
    return state, [number for (number,) in emulator.rows("SELECT id FROM t ORDER BY id")]


def test_the_next_call_is_made_while_an_answer_is_loaded(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first answer's load waits until the second call has arrived; everything lands, in order."""
    queue = Queue(3)
    SlowWarehouse(monkeypatch, 1, lambda: queue.called.wait(30))
    emulator.function.answers = [queue.answer]
    outcome = emulator.sync("--json")
    assert outcome.status == 0
    assert [one["number"] for one in outcome.document["invocations"]] == [1, 2, 3]
    assert committed(emulator) == ('{"taken": 3}', [0, 1, 2])


def test_no_call_is_made_before_the_answer_is_loaded_where_the_switch_says_so(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then a state that was sent was kept."""
    queue = Queue(3)
    SlowWarehouse(monkeypatch, 1, lambda: not queue.called.wait(0.3))
    emulator.function.answers = [queue.answer]
    assert emulator.sync("--json", "--one-at-a-time").status == 0
    assert committed(emulator) == ('{"taken": 3}', [0, 1, 2])


@BOTH_WAYS
def test_a_failed_load_ends_the_sync_and_the_next_begins_before_that_answer(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, switch: tuple[str, ...]
) -> None:
    """Behaviour 12: Whatever the call that was under way has done at its source: nothing of its answer is kept, nor its state."""
    queue = Queue(5)
    with monkeypatch.context() as patched:
        SlowWarehouse(patched, 2, lambda: False)
        emulator.function.answers = [queue.answer]
        outcome = emulator.sync("--json", *switch)
    assert (outcome.status, outcome.document["outcome"]) == (3, "failed")
    assert committed(emulator) == ('{"taken": 1}', [0])
    asked = len(queue.states)
    assert emulator.sync("--quiet", *switch).status == 0
    assert queue.states[asked] == {"taken": 1}
    assert committed(emulator)[0] == '{"taken": 5}'


REFUSED: list[Json | bytes] = [
    b"no json",
    {"state": [], "hasMore": True},
    {"state": {"n": 2}, "insert": {"t": [{"id": None}]}, "schema": KEYED, "hasMore": True},
    {"state": {"n": 2}, "insert": {"t": [{"id": 2, "ID": 3}]}, "schema": KEYED, "hasMore": True},
    {"state": {"n": 2}, "insert": {"T": [{"id": 2}]}, "schema": {"T": {"primary_key": ["id"]}}, "hasMore": True},
    {"state": {"n": 2}, "insert": {"t": [{"id": 2}]}, "schema": {"t": {"primary_key": ["text"]}}, "hasMore": True},
    {"state": {"n": 2}, "delete": {"u": [{"id": 2}]}, "hasMore": True},
    b'{"state": {"n": 2}, "insert": {"t": [{"id": 2, "v": 1e400}]}, "hasMore": true}',
]  # fmt: skip


@BOTH_WAYS
@pytest.mark.parametrize("refused", REFUSED)
def test_the_state_of_an_answer_that_is_refused_is_never_sent(
    emulator: Emulator, refused: Json | bytes, switch: tuple[str, ...]
) -> None:
    """Behaviour 12: Each answer is wholly checked before the call that follows it."""
    outcome = emulator.answering(
        {"state": {"n": 1}, "hasMore": True, **page(1)}, refused, {"state": {"n": 3}, **page(3)}, arguments=switch
    )  # fmt: skip
    assert outcome.status == 1
    assert [request["state"] for request in emulator.function.requests] == [{}, {"n": 1}]
    assert committed(emulator) == ('{"n": 1}', [1])


@BOTH_WAYS
def test_an_answer_repeated_on_purpose_sends_the_state_before(
    emulator: Emulator, switch: tuple[str, ...]
) -> None:
    """Its rows are loaded, its state is lost."""
    emulator.function.answers = [numbered(3, page)]
    assert emulator.sync("--quiet", "--fault", "repeat@2", *switch).status == 0
    assert [request["state"] for request in emulator.function.requests] == [{}, {"n": 1}, {"n": 1}, {"n": 2}]


@BOTH_WAYS
def test_an_interrupt_leaves_one_of_the_committed_states(
    emulator: Emulator, tmp_path: Path, switch: tuple[str, ...]
) -> None:
    """While rows are loaded and the next call is under way, too; the next sync goes on from there."""
    emulator.function.answers = [numbered(60, lambda n: _many(n, 3_000))]
    command = sync_command(emulator.function.url, "--warehouse", emulator.path, *switch)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        _wait_for_calls(emulator.function, 4)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, "interrupted: " in said) == (130, True)
    [(state,)] = emulator.rows("SELECT CAST(state->>'n' AS INTEGER) FROM fivetran_emulator.connections")
    assert emulator.rows("SELECT count(*), count(DISTINCT id) FROM t") == [(state * 3_000, state * 3_000)]
    asked = len(emulator.function.requests)
    assert emulator.sync("--quiet").status == 0
    assert emulator.function.requests[asked]["state"] == {"n": state}
    with duckdb.connect(emulator.path, read_only=True) as warehouse:
        assert warehouse.execute("SELECT count(*) FROM t").fetchone() == (180_000,)


def _many(n: int, rows: int) -> Json:
    return {"insert": {"t": [{"id": n * rows + k, "text": "x" * 50} for k in range(rows)]}, "schema": KEYED}


def _wait_for_calls(function: ScriptedFunction, calls: int) -> None:
    waited = threading.Event()
    for _ in range(3_000):
        if len(function.requests) >= calls:
            return
        waited.wait(0.01)
    raise AssertionError("the function is not called")
