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
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fivetran import Fivetran
from source_server import Received, Says, serving

from fivetran_runtime import Client, Connector, PageNumber

TEXT = "y" * 20_000
ROWS = 200
"""Of so many bytes that no system holds a page between the two, and that an answer takes two pages: four million."""


@contextmanager
def one_at_a_time(asked: list[str] | None = None, *, certificate: Path | None = None) -> Iterator[str]:
    """The address of a source that begins an answer when it has written the one before: two pages of every list, and one child.

    What it was asked for is put into `asked`. With a certificate, and its key in the same file, it speaks TLS.
    """
    with socket.create_server(("127.0.0.1", 0)) as listening:
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
    app = Connector("generated", client=lambda _: (Client(url), Client(url)))

    @app.table(key="id")
    def rows(clients: tuple[Client, Client], page: int = 1) -> Iterator[Any]:
        for item in listed(clients[0], page):
            yield {**item, **clients[1].get("/child")} if first(item) else item

    with one_at_a_time(asked, certificate=certificate if secure else None) as url:
        fivetran = Fivetran(app.handler)
        assert [reply.status for reply in fivetran.sync()] == [200]
    assert len(fivetran.tables["rows"]) == 2 * ROWS
    assert [target.partition("&")[0] for target in asked] == [
        "/rows?page=1",
        "/rows?page=2",
        "/child",
        "/child",
    ]


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
