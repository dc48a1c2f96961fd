"""One deadline for a request, however slowly its host, its headers or its body come, and within the memory there is."""

from __future__ import annotations

import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from source_server import Received, Says, serving

from fivetran_runtime import Bearer, Client, DefectError, Secret, TransientError
from fivetran_runtime._invocation.budget import Budget, Limits, OutOfBudget
from fivetran_runtime._invocation.context import Invocation, run_as
from fivetran_runtime.http import _deadlines as deadlines

Talk = Callable[[socket.socket, threading.Event], None]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@contextmanager
def talking(talk: Talk) -> Iterator[str]:
    """A server that says what `talk` does, to everybody."""
    closing = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    threading.Thread(target=speak, args=(connection,), daemon=True).start()

        def speak(connection: socket.socket) -> None:
            with suppress(OSError), connection:
                connection.recv(65_536)
                talk(connection, closing)

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            closing.set()
            server.shutdown(socket.SHUT_RDWR)


def slowly(*pieces: bytes, then: bytes = b"", every: float = 0.02) -> Talk:
    """Say these at once, and then the same for longer than any client here waits."""

    def talk(connection: socket.socket, closing: threading.Event) -> None:
        for piece in pieces:
            connection.sendall(piece)
        end = time.monotonic() + 15
        while not closing.wait(every) and time.monotonic() < end:
            if then:
                connection.sendall(then)

    return talk


def gzip_without_end() -> tuple[bytes, bytes]:
    """The beginning of a gzip body, and a block of it that holds nothing."""
    packer = zlib.compressobj(wbits=31)
    return packer.compress(b"") + packer.flush(zlib.Z_SYNC_FLUSH), packer.flush(
        zlib.Z_FULL_FLUSH
    ) or b"\x00\x00\x00\xff\xff"


OPENING, EMPTY_BLOCK = gzip_without_end()
SLOW = {
    "headers, then a stall": slowly(HEAD),
    "headers that trickle": slowly(b"HTTP/1.1 200 OK\r\n", then=b"X-More: y\r\n"),
    "half a status": slowly(b"HTTP/1.1", then=b" "),
    "100 Continue for ever": slowly(then=b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a body that trickles": slowly(HEAD + b"Content-Length: 1000000\r\n\r\n", then=b" "),
    "chunks": slowly(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", then=b"1\r\n \r\n"),
    "empty blocks": slowly(
        HEAD + b"Content-Encoding: gzip\r\nContent-Length: 1000000\r\n\r\n" + OPENING, then=EMPTY_BLOCK
    ),
}


@pytest.mark.parametrize("talk", SLOW.values(), ids=SLOW)
def test_a_request_is_over_when_the_time_is(talk: Talk) -> None:
    """Every byte comes in time, the answer never does; the error names the source."""
    with talking(talk) as url, run_as(Invocation(Budget(Limits(seconds=1)))) as invocation:
        with pytest.raises((OutOfBudget, TransientError)) as caught:
            Client(url).get("/rows")
        assert f"{url}/rows" in str(caught.value)
        assert invocation.budget.elapsed() < 10  # the source goes on for ever


@pytest.mark.parametrize("name", ["headers that trickle", "100 Continue for ever", "half a status"])
def test_headers_have_a_time_of_their_own(name: str) -> None:
    """They do not take all that the function has."""
    with talking(SLOW[name]) as url, run_as(Invocation(Budget(Limits(seconds=3600)))) as invocation:
        with pytest.raises(TransientError, match="no answer in time"):
            Client(url, read_timeout=0.3).post("/rows")
        assert invocation.budget.elapsed() < 30


def dead(count: int) -> list[Any]:
    """Addresses of a host that take no connection, as the system's look-up gives them."""
    return [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"127.0.0.{place + 2}", 9)) for place in range(count)
    ]


@pytest.fixture
def full() -> Iterator[int]:
    """A port that drops handshakes, as a firewall does."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(server.getsockname())
        yield server.getsockname()[1]
        for filler in fillers:
            filler.close()


def test_all_addresses_of_a_host_share_the_time(full: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four that are dead take no longer than one; a fifth that lives is reached."""
    address = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", full))
    with serving(Says([])) as source, run_as(Invocation(Budget(Limits(seconds=3600)))) as invocation:
        lives = (*address[:4], ("127.0.0.1", int(source.url.rpartition(":")[2])))
        monkeypatch.setattr(deadlines, "_look_up", lambda *_: [address] * 4)
        with pytest.raises(TransientError, match="no connection in time"):
            Client("http://acme.example", connect_timeout=0.4).post("/rows")
        assert invocation.budget.elapsed() < 20
        monkeypatch.setattr(deadlines, "_look_up", lambda *_: [address] * 4 + [lives])
        assert Client("http://acme.example", connect_timeout=2).get("/rows") == []


def test_a_name_that_nobody_looks_up_in_time_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Name servers that are silent take half a minute, in a call that nothing can interrupt."""
    asked = threading.Event()
    real = socket.getaddrinfo

    def silent(host: str, *arguments: Any, **named: Any) -> Any:
        if host == "acme.example" and not named.get("flags"):
            asked.wait(30)
        return real(host, *arguments, **named)

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    try:
        with run_as(Invocation(Budget(Limits(seconds=3600)))) as invocation:
            with pytest.raises(TransientError, match="no connection in time"):
                Client("http://acme.example", connect_timeout=0.2).post("/rows")
            assert invocation.budget.elapsed() < 20
    finally:
        asked.set()


def test_an_unknown_host_is_reported_as_an_address_to_look_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not asked for five times, for a minute."""

    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with run_as(Invocation(Budget(Limits(seconds=3600)))) as invocation:
        with pytest.raises(Exception, match="the host name is unknown 2 times"):
            Client("http://acme.example").get("/rows")
        assert invocation.requests == 2


# -- memory -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "row",
    [b'{"id": 1, "name": "x", "more": null}', b"{}", b"[]", b'"a"', b"1.5", b'{"a": {"b": {"c": [1, 2]}}}'],
)
def test_an_answer_that_would_not_fit_is_refused_in_words(row: bytes) -> None:
    """The platform would kill the function, in every sync again."""
    body = b"[" + b",".join([row] * (12_000_000 // (len(row) + 1))) + b"]"
    limits = Limits(seconds=3600, memory_bytes=64 * 2**20)
    with serving(Says(body)) as source, run_as(Invocation(Budget(limits))):
        with pytest.raises(DefectError, match="the function has 64 MB of memory") as caught:
            Client(source.url).get("/rows")
        assert f"{source.url}/rows" in str(caught.value)
        assert "smaller pages" in str(caught.value)


def test_a_short_answer_that_takes_much_memory_is_refused_in_words() -> None:
    """Six megabytes of empty objects are four hundred when they are decoded."""
    limits = Limits(seconds=3600, memory_bytes=256 * 2**20)
    with (
        serving(Says(b"[" + b",".join([b"{}"] * 2_000_000) + b"]")) as source,
        run_as(Invocation(Budget(limits))),
        pytest.raises(DefectError, match=r"take \d+ MB when decoded; the function has 256 MB"),
    ):
        Client(source.url).get("/rows")


def test_a_body_is_read_as_far_as_there_is_memory() -> None:
    """Not to its end, and then refused."""
    limits = Limits(seconds=3600, memory_bytes=64 * 2**20)
    with (
        serving(Says(b'["' + b"x" * 40_000_000 + b'"]')) as source,
        run_as(Invocation(Budget(limits))),
        pytest.raises(DefectError, match=r"answered more than \d+ MB; the function has 64 MB"),
    ):
        Client(source.url).get("/rows")


def test_a_large_answer_is_read_where_there_is_memory_for_it() -> None:
    """One long text takes little more than itself."""
    body = b'["' + b"x" * 20_000_000 + b'"]'
    with serving(Says(body)) as source, run_as(Invocation(Budget(Limits(memory_bytes=2 * 2**30)))):
        assert len(Client(source.url).get("/rows")[0]) == 20_000_000


# -- threads ------------------------------------------------------------------------------------------------


def test_budget_and_counting_hold_in_threads() -> None:
    """A table may ask with several; none of them knows which invocation it works for."""
    with serving(Says([])) as source, run_as(Invocation(Budget(Limits(seconds=3600)))) as invocation:
        client = Client(source.url)
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(client.get, ["/rows"] * 100)) == [[]] * 100
    assert invocation.requests == 100
    with serving(Says(status=429, headers={"Retry-After": "3600"})) as source:
        client = Client(source.url, auth=Bearer(Secret("k3y-0f-the-h0use")))
        with (
            run_as(Invocation(Budget(Limits(seconds=9)))),
            ThreadPoolExecutor(2) as pool,
            pytest.raises(OutOfBudget),
        ):
            list(pool.map(client.get, ["/rows"]))


def test_a_rate_holds_for_all_threads_together() -> None:
    """Not for each of them."""
    sent: list[float] = []

    def script(_: Received) -> Says:
        sent.append(time.monotonic())
        return Says([])

    with serving(script=script) as source, ThreadPoolExecutor(4) as pool:
        list(pool.map(Client(source.url, rate="20/s").get, ["/rows"] * 8))
    assert max(sent) - min(sent) >= 0.3


# -- the setup test -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", [{}, {"Retry-After": "60"}])
def test_a_setup_test_of_a_source_that_is_down_is_reported_soon(header: dict[str, str]) -> None:
    """A person waits for it: two tries, and no long wait."""
    with (
        serving(Says(status=503, headers=header)) as source,
        run_as(Invocation(Budget(Limits(seconds=60)))) as setup,
    ):
        setup.is_setup_test = True
        with pytest.raises(TransientError, match="HTTP 503"):
            Client(source.url).get("/rows")
        assert len(source.received) <= 2
        assert setup.waited_seconds <= 1
