"""A page that was asked for early keeps nothing else waiting: not a source that answers one request after the other, nor its own rows."""

from __future__ import annotations

import json
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fivetran import Fivetran
from source_server import Received, Says, serving
from virtual_clock import VirtualClock

from fivetran_runtime import Client, Connector, PageNumber
from fivetran_runtime._invocation.budget import Budget, Limits
from fivetran_runtime._invocation.context import Invocation, run_as
from fivetran_runtime.http import _sending

TEXT = "y" * 20_000
ROWS = 200
"""Of so many bytes that no system holds a page between the two, and that an answer takes two pages: four million."""


@contextmanager
def one_at_a_time(asked: list[str] | None = None, *, certificate: Path | None = None) -> Iterator[str]:
    """The address of a source that begins an answer when it has written the one before: two pages of every list, and one child.

    What it was asked for is put into `asked`. With a certificate, and its key in the same file, it speaks TLS.
    """
    with socket.create_server(("127.0.0.1", 0)) as listening:
        # Or the system might hold a page by itself.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
        secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if certificate else None
        if secure and certificate:
            secure.load_cert_chain(certificate)

        def serve() -> None:
            with suppress(OSError):  # closed
                while True:
                    connected = listening.accept()[0]
                    with suppress(ssl.SSLError):
                        connected = secure.wrap_socket(connected, server_side=True) if secure else connected
                        answer(connected, [] if asked is None else asked)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http{'s' if secure else ''}://127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A certificate for 127.0.0.1 with its key, which clients trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    began = datetime(2020, 1, 1, tzinfo=UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(began)
        .not_valid_after(began + timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    file = tmp_path / "source.pem"
    file.write_bytes(
        made.public_bytes(pem)
        + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(file))
    return file


def answer(connected: socket.socket, asked: list[str]) -> None:
    """Answer one request, and hang up."""
    with connected, suppress(OSError):
        received = b""
        while b"\r\n\r\n" not in received:
            if not (piece := connected.recv(65_536)):
                return
            received += piece
        target = received.split(b" ")[1].decode()
        asked.append(target)
        found = re.search(r"[?&]page=(\d)", target)
        body = json.dumps(page(int(found[1])) if found else {"v": 1}).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        connected.sendall(head.encode() + body)


def page(number: int) -> dict[str, Any]:
    """One of the two pages of a list."""
    return {"rows": [{"id": number * ROWS + row, "x": TEXT} for row in range(ROWS)], "more": number < 2}


def listed(client: Client, number: int, path: str = "/rows") -> Iterator[Any]:
    """The rows of a list from this page on."""
    yield from client.pages(path, PageNumber(number, more="more"), rows="rows")


def first(item: Any) -> bool:
    """Whether it is the first row of a page."""
    return isinstance(item, dict) and item["id"] % ROWS == 0


def rows_of_two_clients(url: str) -> int:
    """How many rows arrive in one call that asks for pages by one client and, for the first row of each, for a child by another."""
    app = Connector("generated", client=lambda _: (Client(url), Client(url)))

    @app.table(key="id")
    def rows(clients: tuple[Client, Client], page: int = 1) -> Iterator[Any]:
        for item in listed(clients[0], page):
            yield {**item, **clients[1].get("/child")} if first(item) else item

    fivetran = Fivetran(app.handler)
    assert [reply.status for reply in fivetran.sync()] == [200]
    return len(fivetran.tables["rows"])


@pytest.fixture
def short_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that hangs is cut soon."""
    monkeypatch.setenv("FIVETRAN_TIMEOUT_S", "6")


@pytest.mark.usefixtures("short_time")
@pytest.mark.parametrize("secure", [False, True])
def test_two_clients_of_a_source_that_answers_one_request_at_a_time(
    certificate: Path, *, secure: bool
) -> None:
    """The one takes what comes for the other while it waits: both would wait for each other. No page is asked for again."""
    asked: list[str] = []
    with one_at_a_time(asked, certificate=certificate if secure else None) as url:
        assert rows_of_two_clients(url) == 2 * ROWS
    pages = ["/rows?page=1", "/rows?page=2", "/child", "/child"]
    assert [target.partition("&")[0] for target in asked] == pages


@pytest.mark.usefixtures("short_time")
def test_another_thread_takes_what_comes_early() -> None:
    """It knows nothing of the page, and is the only one to read while the table's own waits for it."""
    app = Connector("generated", client=lambda _: Client(url))

    @app.table(key="id")
    def rows(client: Client, page: int = 1) -> Iterator[Any]:
        with ThreadPoolExecutor(1) as beside:
            for item in listed(client, page):
                yield {**item, **beside.submit(client.get, "/child").result()} if first(item) else item

    with one_at_a_time() as url:
        fivetran = Fivetran(app.handler)
        assert [reply.status for reply in fivetran.sync()] == [200]
    assert len(fivetran.tables["rows"]) == 2 * ROWS


@pytest.mark.usefixtures("short_time")
def test_tables_in_parallel_take_what_comes_for_each_other() -> None:
    """Each has asked for its next page; none is cut for want of time."""
    app = Connector("generated", client=lambda _: Client(url))
    for name in ("some", "others"):

        def rows(client: Client, page: int = 1, *, path: str = f"/{name}") -> Iterator[Any]:
            yield from listed(client, page, path)

        app.table(key="id", name=name, parallel=True)(rows)
    with one_at_a_time() as url:
        fivetran = Fivetran(app.handler)
        replies = fivetran.sync()
    sent = [{name: len(rows) for name, rows in reply.body["insert"].items()} for reply in replies]
    assert sent == [{"some": ROWS, "others": ROWS}] * 2


def test_a_page_that_does_not_come_takes_no_time_from_the_rows_before_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They have requests of their own, which the page is in the way of; the rows arrive, and the error names the page."""
    monkeypatch.setenv("FIVETRAN_TIMEOUT_S", "3")
    over = threading.Event()

    def script(request: Received) -> Any:
        if request.path != "/rows":
            return Says({"v": 1})
        if request.parameter("page") == "2":
            over.wait(20)
        return Says({"rows": [{"id": 1}], "more": True})

    app = Connector("generated", client=lambda _: Client(source.url))

    @app.table(key="id")
    def rows(client: Client, page: int = 1) -> Iterator[Any]:
        for item in listed(client, page):
            yield {**item, **client.get("/child")} if isinstance(item, dict) else item

    with serving(script=script) as source:
        fivetran = Fivetran(app.handler)
        replies = [fivetran.call(), fivetran.call()]
        over.set()
    assert [reply.status for reply in replies] == [200, 500]
    assert [*fivetran.tables["rows"].values()] == [{"id": 1, "v": 1}]
    assert "/rows: no answer in time" in replies[1].body["errorMessage"]


@pytest.mark.usefixtures("short_time")
def test_what_has_no_room_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A source with one worker would wait for ever with the rest of it."""
    monkeypatch.setattr(Invocation, "early_room", 1_000_000)
    asked: list[str] = []
    with one_at_a_time(asked) as url:
        assert rows_of_two_clients(url) == 2 * ROWS
    pages = ["/rows?page=1", "/rows?page=2", "/child", "/rows?page=2", "/child"]
    assert [target.partition("&")[0] for target in asked] == pages


class StaysWithAConnection(BaseHTTPRequestHandler):
    """One page or child; under HTTPServer, no other connection is served before this one is closed."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        found = re.search(r"[?&]page=(\d)", self.path)
        more = {"rows": [{"id": int(found[1])}], "more": int(found[1]) < 4} if found else {"v": 1}
        body = json.dumps(more).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.mark.usefixtures("short_time")
def test_a_thread_reads_the_page_that_is_in_its_way() -> None:
    """It asks over the connection that is free then: a source may serve no second one."""
    app = Connector("generated", client=lambda _: Client(url))

    @app.table(key="id")
    def rows(client: Client, page: int = 1) -> Iterator[Any]:
        with ThreadPoolExecutor(1) as beside:
            for item in listed(client, page):
                row = isinstance(item, dict)
                yield {**item, **beside.submit(client.get, "/child").result()} if row else item

    with HTTPServer(("127.0.0.1", 0), StaysWithAConnection) as source:
        url = f"http://127.0.0.1:{source.server_port}"
        threading.Thread(target=source.serve_forever, args=(0.01,), daemon=True).start()
        fivetran = Fivetran(app.handler)
        assert [reply.status for reply in fivetran.sync()] == [200]
        source.shutdown()
    assert [*fivetran.tables["rows"].values()] == [{"id": number, "v": 1} for number in (1, 2, 3, 4)]


def test_lists_of_a_slow_source_are_not_asked_early_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its work would be for nothing for each of them, and what follows would wait for it."""
    monkeypatch.setattr(_sending, "_SETTLED_S", 0.1)

    def script(request: Received) -> Any:
        if request.path == "/child":
            return Says({"v": 1})
        threading.Event().wait(0.4 if request.parameter("page") == "2" else 0)
        page = request.parameter("page")
        return Says({"rows": [{"id": f"{request.path} {page}"}], "more": page == "1"})

    app = Connector("generated", client=lambda _: Client(source.url))

    @app.table(key="id")
    def rows(client: Client) -> Iterator[Any]:
        for path in ("/a", "/b", "/c"):
            for item in client.pages(path, PageNumber(more="more"), rows="rows"):
                if isinstance(item, dict):
                    yield {**item, **client.get("/child")}

    with serving(script=script) as source:
        assert Fivetran(app.handler).call().status == 200
    slow = [request.path for request in source.received if request.parameter("page") == "2"]
    assert slow == ["/a", "/a", "/b", "/c"]


def test_a_wait_that_a_source_asks_for_is_waited_for_once(clock: VirtualClock) -> None:
    """Also where it has asked for it on several pages that were asked for early: once it is over, it is over for all."""
    refused: set[str] = set()

    def script(request: Received) -> Any:
        page = request.parameter("page") or ""
        if page in "234" and page not in refused:
            refused.add(page)
            return Says(status=429, headers={"Retry-After": "3"})
        return Says({"rows": [{"id": int(page)}], "more": page < "4"})

    app = Connector("generated", client=lambda _: Client(source.url))

    @app.table(key="id")
    def rows(client: Client, page: int = 1) -> Iterator[Any]:
        yield from client.pages("/rows", PageNumber(page, more="more"), rows="rows", ahead=4)

    with serving(script=script) as source:
        fivetran = Fivetran(app.handler)
        assert [reply.status for reply in fivetran.sync()] == [200]
    assert [row["id"] for row in fivetran.tables["rows"].values()] == [1, 2, 3, 4]
    assert sum(clock.slept) == pytest.approx(3, abs=1)


def test_a_page_is_read_by_one_thread_only_whatever_else_runs_in_the_process() -> None:
    """A thread of nobody's works for the invocation that began last: it must not leave the page to those that wait for another."""

    def script(request: Received) -> Any:
        return Says(page(int(request.parameter("page") or 1)))

    mine, other = Invocation(Budget(Limits())), Invocation(Budget(Limits()))
    with serving(script=script) as source, run_as(mine), mine.reading(lambda _size, _pages: True):
        rows = listed(Client(source.url), 1)
        next(rows)
        assert len(mine.early) == 1
        with run_as(other), ThreadPoolExecutor(1) as beside:
            rest = beside.submit(list, rows).result()
        assert mine.early == []
    assert [row["id"] for row in rest if isinstance(row, dict)] == [*range(ROWS + 1, 3 * ROWS)]


def test_a_collector_that_ends_a_list_does_not_wait_for_itself() -> None:
    """Python's may run in any code, also while what comes early is looked at."""
    invocation = Invocation(Budget(Limits()))

    def collect() -> None:
        with invocation.taking():
            invocation.count(dropped=1)

    thread = threading.Thread(target=collect, daemon=True)
    thread.start()
    thread.join(5)
    assert invocation.dropped == 1
