from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from itertools import repeat
from typing import TYPE_CHECKING, Any

import pytest
import requests
from werkzeug.wrappers import Request, Response

from fivetran_emulator.contract.lab.faults import FaultySource, cut_body, hang, kill, reset, slow
from fivetran_emulator.contract.lab.network import (
    ADDRESS,
    HOST,
    MAX_REQUESTS,
    PORT,
    Killed,
    Network,
    in_this_thread,
)
from fivetran_emulator.contract.lab.trial import InProcess, Trial
from fivetran_emulator.contract.lab.virtual_time import VirtualTime
from fivetran_emulator.practice.serving import Practice, serving

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication


@Request.application
def echo(request: Request) -> Response:
    """What was asked, as JSON."""
    body = {"method": request.method, "path": request.full_path, "body": request.get_data(as_text=True)}
    return Response(json.dumps(body), content_type="application/json")


@contextmanager
def wired(app: Callable[..., Any]) -> Iterator[tuple[FaultySource, VirtualTime]]:
    """An application on the wire, behind faults, in virtual time."""
    source = FaultySource(lambda environ: Response.from_app(app, environ, buffered=True))
    clock = VirtualTime()
    with clock.active(), Network(source, clock).active():
        yield source, clock


def by_requests(path: str) -> Any:
    return requests.get(ADDRESS + path, timeout=5).json()


def by_http_client(path: str) -> Any:
    with closing(http.client.HTTPConnection(HOST, PORT, timeout=5)) as connection:
        connection.request("GET", path)
        return json.load(connection.getresponse())


def by_urllib(path: str) -> Any:
    with urllib.request.urlopen(ADDRESS + path, timeout=5) as answer:  # noqa: S310 - our own address
        return json.load(answer)


@pytest.mark.parametrize("ask", [by_requests, by_http_client, by_urllib])
def test_any_library_on_blocking_sockets_gets_the_answer(ask: Callable[[str], Any]) -> None:
    """Whatever it does with its sockets, one request after the other."""
    with wired(echo) as (source, _clock):
        assert ask("/rows?a=%C3%A9")["path"] == "/rows?a=%C3%A9"
        assert ask("/rows")["method"] == "GET"
        assert [one.query for one in source.requests] == ["a=%C3%A9", ""]


def test_a_session_may_be_used_on_and_on() -> None:
    """Libraries keep connections; each of ours is closed by the source."""
    with wired(echo), requests.Session() as session:
        assert [session.get(f"{ADDRESS}/{n}", timeout=5).json()["path"] for n in range(3)] == [
            "/0?",
            "/1?",
            "/2?",
        ]


@pytest.mark.parametrize("body", [b"a=1", iter([b"a=", b"1"])], ids=["with a length", "in chunks"])
def test_a_body_arrives_whole(body: Any) -> None:
    """Also when it has no length."""
    with wired(echo):
        assert requests.post(ADDRESS, data=body, timeout=5).json()["body"] == "a=1"


def test_head_has_no_body() -> None:
    """Only what a GET would say of it."""
    with wired(echo):
        answer = requests.head(ADDRESS, timeout=5)
        assert answer.headers["Content-Length"] != "0"
        assert answer.content == b""


def test_an_answer_is_made_as_it_is_read() -> None:
    """An endless one costs nothing that is not read."""
    made: list[int] = []

    def pieces() -> Iterator[bytes]:
        while True:
            made.append(1_000_000)
            yield b"x" * made[-1]

    @Request.application
    def endless(_request: Request) -> Response:
        return Response(pieces())

    with Network(endless, VirtualTime()).active(), requests.get(ADDRESS, stream=True, timeout=5) as answer:
        assert len(answer.raw.read(2_500_000)) == 2_500_000
    assert len(made) <= 4


def test_a_reset_and_a_cut_body_are_what_they_are_on_a_network() -> None:
    """The library raises its own errors for them."""
    with wired(echo) as (source, _clock):
        source.fault = lambda _asked: reset
        with pytest.raises(requests.ConnectionError, match="reset by peer"):
            by_requests("/")
        source.fault = lambda _asked: cut_body
        with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
            by_requests("/")


def test_a_wait_takes_virtual_time_up_to_the_time_out() -> None:
    """The one that the function set, however the library sets it."""
    with wired(echo) as (source, clock):
        source.fault = lambda _asked: slow(4)
        assert by_requests("/")["path"] == "/?"
        assert clock.seconds == 4
        for ask in (by_requests, by_http_client, by_urllib):
            clock.seconds = 0
            source.fault = lambda _asked: slow(6)
            with pytest.raises((requests.ReadTimeout, TimeoutError)):
                ask("/")
            assert clock.seconds == 5


@pytest.mark.parametrize(("fault", "timeout"), [(hang, None), (kill, 5)])
def test_what_would_never_return_is_killed(fault: Any, timeout: float | None) -> None:
    """By something no function catches: it is no Exception."""
    with wired(echo) as (source, _clock):
        source.fault = lambda _asked: fault
        with pytest.raises(Killed):
            requests.get(ADDRESS, timeout=timeout)
    assert not issubclass(Killed, Exception)


def test_a_call_that_asks_for_ever_is_killed() -> None:
    """Every time: a loop that never looks at the time would take the test run's memory with it."""
    wire = Network(echo, VirtualTime())
    for _ in range(2):
        with wire.active(), pytest.raises(Killed):
            list(map(by_http_client, repeat("/")))
    assert len(wire.connect_timeouts) == 2 * MAX_REQUESTS


def test_connections_of_several_threads_stay_apart() -> None:
    """A function may read two lists at once."""
    with wired(echo), ThreadPoolExecutor(8) as pool:
        paths = [f"/{number}?" for number in range(40)]
        assert [one["path"] for one in pool.map(by_requests, paths)] == paths


def test_an_asynchronous_library_is_refused_in_words() -> None:
    """Its event loop would wait on a socket that nothing comes from."""

    async def ask() -> None:
        await asyncio.open_connection(HOST, PORT)

    with wired(echo), pytest.raises(ConnectionRefusedError, match="blocking sockets only"):
        asyncio.run(ask())


def test_every_other_address_of_this_machine_is_the_networks() -> None:
    """A function may talk to something beside its source; that it did is noted."""
    wire = Network(echo, VirtualTime())
    with serving(echo) as address, wire.active():
        assert requests.get(f"{address}/real", timeout=5).json()["path"] == "/real?"
    assert wire.hosts == {address.removeprefix("http://")}


def test_no_other_host_is_looked_up() -> None:
    """A check must not depend on a network, and what it would have asked is worth knowing."""
    wire = Network(echo, VirtualTime())
    with wire.active(), pytest.raises(requests.ConnectionError, match="checks have no network"):
        requests.get("http://telemetry.example/", timeout=5)
    assert wire.hosts == {"telemetry.example"}


async def asgi_echo(scope: Any, receive: Any, send: Any) -> None:
    """What was asked, as text, after a moment."""
    message = await receive()
    await asyncio.sleep(0.01)
    said = f"{scope['method']} {scope['path']} {scope['query_string'].decode()} {message['body'].decode()}"
    headers = [(b"content-type", b"text/plain"), (b"x-asked-by", dict(scope["headers"])[b"x-name"])]
    await send({"type": "http.response.start", "status": 201, "headers": headers})
    await send({"type": "http.response.body", "body": said.encode(), "more_body": True})
    await send({"type": "http.response.body", "body": b"!"})


def test_an_asgi_application_is_answered_in_the_thread_that_asks() -> None:
    """Its timers run on real time, or they would never be due."""
    app: WSGIApplication = in_this_thread(asgi_echo)
    with wired(app) as (_source, clock):
        answer = requests.post(f"{ADDRESS}/a b?c=d", data="body", headers={"X-Name": "me"}, timeout=5)
        assert (answer.status_code, answer.text) == (201, "POST /a b c=d body!")
        assert answer.headers["X-Asked-By"] == "me"
        assert clock.seconds == 0


def broken(_environ: Any, _start_response: Any) -> Any:
    """A WSGI application with a fault."""
    raise ValueError("broken")


async def asgi_broken(_scope: Any, _receive: Any, _send: Any) -> None:
    """And an ASGI one."""
    raise ValueError("broken")


@pytest.mark.parametrize("app", [broken, asgi_broken])
def test_a_source_that_fails_is_a_server_error(app: Any, capfd: pytest.CaptureFixture[str]) -> None:
    """And no exception of the function's; the traceback is on stderr, for the source's author."""
    with wired(in_this_thread(app)):
        assert requests.get(ADDRESS, timeout=5).status_code == 500
    assert "ValueError: broken" in capfd.readouterr().err


def test_a_kill_that_is_caught_is_a_kill_all_the_same() -> None:
    """The process has ended: nothing is asked any more, and no answer counts."""

    def main(_request: Any) -> Any:
        with contextlib.suppress(BaseException):
            requests.get(ADDRESS, timeout=5)
        with contextlib.suppress(BaseException):
            requests.get(ADDRESS, timeout=5)
        return {"state": {}, "hasMore": False}

    trial = Trial(InProcess(main), Practice(echo, {}))
    trial.at(1, kill)
    assert trial.connection.call().killed
    assert len(trial.source.requests) == 1


def test_a_fault_of_the_suites_own_comes_out() -> None:
    """And is no answer of the source's, which the function might make something of."""

    def main(_request: Any) -> Any:
        with contextlib.suppress(Exception):
            requests.get(ADDRESS, timeout=5)
        return {"state": {}, "hasMore": False}

    def broken_change(_number: int) -> None:
        raise ValueError("cannot change that")

    trial = Trial(InProcess(main), Practice(echo, {}))
    trial.source.before = broken_change
    with pytest.raises(ValueError, match="cannot change that"):
        trial.connection.call()


def test_an_answer_is_closed() -> None:
    """When it has been read, as a server does it: sources keep files and databases open until then."""
    closed: list[int] = []

    def pieces() -> Iterator[bytes]:
        try:
            yield b"a"
            yield b"b"
            yield b"c"
        finally:
            closed.append(1)

    def app(_environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Length", "2")])
        return pieces()

    with Network(app, VirtualTime()).active():
        assert requests.get(ADDRESS, timeout=5).text == "ab"
    assert closed == [1]
