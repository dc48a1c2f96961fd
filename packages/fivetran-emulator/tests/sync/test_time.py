"""Time: six hours for a sync, the platform's seconds for a call, and what is shown meanwhile."""

from __future__ import annotations

import os
import pty
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import requests
from scripted import Emulator, Json, numbered, sync_command

from fivetran_emulator.errors import FunctionError
from fivetran_emulator.protocol.function import FunctionReply, FunctionRequest, HttpFunction, PlatformLimits
from fivetran_emulator.sync.loop import SyncClock

page = numbered(10, lambda n: {"insert": {"t": [{"n": n}]}})


class HourlyFunction:
    """Every call takes two hours of a clock that only these calls move."""

    url = "http://function"

    def __init__(self) -> None:
        self.seconds = 0.0

    def send(self, request: FunctionRequest) -> FunctionReply:
        import msgspec

        self.seconds += 7_200
        body = msgspec.json.encode(page({"state": msgspec.json.decode(request.state)}))
        return FunctionReply(body=body, headers={"Content-Type": "application/json"}, seconds=7_200)


def test_a_sync_stops_after_six_hours_and_the_next_goes_on(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behaviour 8: no call is begun after six hours; the state is kept; status 4, since the sync is not complete."""
    from fivetran_emulator.commands import sync as command

    function = HourlyFunction()
    began = datetime(2026, 1, 1, tzinfo=UTC)
    clock = SyncClock(
        now=lambda: began + timedelta(seconds=function.seconds), elapsed=lambda: function.seconds
    )
    monkeypatch.setattr(command, "SyncClock", lambda: clock)
    monkeypatch.setattr(command, "function_of", lambda *_: function)
    first = emulator.sync()
    assert first.status == 4
    assert "not complete: six hours are over, the next sync goes on from here" in first.out
    assert emulator.rows("SELECT n FROM t ORDER BY n") == [(0,), (1,), (2,)]
    second = emulator.sync()
    assert "stopped at six hours after 3 accepted answers" in second.out
    assert emulator.rows("SELECT count(*) FROM t") == [(6,)]
    assert [emulator.sync().status for _ in range(2)] == [4, 0]
    assert emulator.rows("SELECT count(*) FROM t") == [(10,)]


@contextmanager
def trickling(pieces: Iterator[bytes], pause: float) -> Iterator[str]:
    """A server that answers one request with `pieces`, one every `pause` seconds."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                for piece in pieces:
                    if over.wait(pause):
                        return
                    try:
                        connection.sendall(piece)
                    except OSError:
                        return

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            over.set()
            thread.join()


def drops(head: bytes, drop: bytes) -> Iterator[bytes]:
    yield head
    while True:
        yield drop


@pytest.mark.parametrize(
    ("head", "drop"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b" "),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        (b"HTTP/1.1 200 OK\r\nX-Long: ", b"x"),
        (b"HT", b""),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["sized", "chunked", "headers", "nothing", "continue"],
)
def test_an_answer_that_trickles_is_given_up_in_time(head: bytes, drop: bytes) -> None:
    """Behaviour 9: the platform's seconds are for the whole answer, however steadily it comes in drops."""
    began = time.monotonic()
    with trickling(drops(head, drop), 0.02) as url, requests.Session() as session:
        function = HttpFunction(
            url, session=session, limits=PlatformLimits(1_000_000, 0.3), elapsed=time.monotonic
        )
        with pytest.raises(FunctionError, match=r"did not finish within 0\.3 s"):
            function.send(FunctionRequest(agent="a", state="{}", secrets="{}", sync_id="s"))
    assert time.monotonic() - began < 5


def test_an_answer_that_stops_in_the_middle_is_given_up(emulator: Emulator) -> None:
    """Behaviour 9: and one whose connection breaks is reported as such."""
    head = b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"state"'
    with trickling(iter([head]), 0) as url:
        emulator.function.url = url
        outcome = emulator.sync()
    assert outcome.status == 1
    assert "broke before the answer was complete" in outcome.err


def test_a_terminal_shows_what_is_waited_for(emulator: Emulator) -> None:
    """A line with the call's number while the function works, away when it has answered; never in a pipe."""

    def slow(request: Json) -> Json:
        time.sleep(0.4)
        return {"state": {}, "insert": {"t": [{"a": 1}]}}

    emulator.function.answers = [slow]
    shown = in_a_terminal(emulator, columns=120)
    assert "#1 waiting for the function" in shown
    after = shown.rpartition("#1 waiting for the function")[2]
    assert "\x1b[2K" in after
    assert "done" in after
    emulator.path.unlink()
    assert "waiting for the function" not in emulator.sync().out


def test_eighty_columns_hold_whole_words(emulator: Emulator) -> None:
    """Lines end between words and names after an underscore, no number is cut, and a command to copy is one line."""
    name, member = "customer_addresses_archive_of_2026", "a_rather_long_member_of_the_state"
    rows = [{"id": number} for number in range(1_234)]
    emulator.answering({"state": {member: {"page": 12}}, "insert": {name: rows}, "has_more": True})
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", in_a_terminal(emulator, columns=80)).replace("\r", "")
    lines = [line.rstrip() for line in shown.splitlines() if "waiting" not in line]
    [command] = [line for line in lines if line.startswith("look at it: ")]
    assert command.endswith(f"'FROM main.{name} LIMIT 10'")
    whole = (command, emulator.function.url, str(emulator.path))  # a word longer than a line stays whole
    assert all(len(line) <= 80 or any(word in line for word in whole) for line in lines)
    words = {word for line in lines for word in line.split()}
    assert {"sync_id", "2,468", "unchanged", "`has_more`", "customer_addresses_", "archive_of_2026"} <= words


def in_a_terminal(emulator: Emulator, *, columns: int) -> str:
    """What a terminal of so many columns gets of a sync that succeeds."""
    leader, follower = pty.openpty()
    command = sync_command(emulator.function.url, "--warehouse", emulator.path)
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": str(columns)}
    with subprocess.Popen(command, stdout=follower, stderr=follower, env=environment) as process:
        os.close(follower)
        shown = _all_of(leader)
        assert process.wait(30) == 0
    os.close(leader)
    return shown


def _all_of(leader: int) -> str:
    read = b""
    while True:
        try:
            piece = os.read(leader, 65_536)
        except OSError:  # how Linux tells that the other end is closed
            piece = b""
        if not piece:
            return read.decode()
        read += piece
