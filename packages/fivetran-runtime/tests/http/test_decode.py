"""Bodies that are no JSON, through a function of the author's, over real HTTP."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any

import pytest
from fivetran import Fivetran
from source_server import CutsOff, Received, Says, serving

from fivetran_runtime import Client, Connector, ConnectorError, DefectError, PageNumber, TransientError

BODY = b"<users page='1'><user id='1'>A</user><user id='2'>B</user></users>"
ROWS = [{"id": "1", "name": "A"}, {"id": "2", "name": "B"}]


pytestmark = pytest.mark.usefixtures("invocation")


def users(body: bytes) -> list[dict[str, str | None]]:
    return [{"id": user.attrib["id"], "name": user.text} for user in ET.fromstring(body)]  # noqa: S314 - a test's own


def xml(body: bytes) -> Says:
    return Says(body, kind="application/xml")


def test_a_function_makes_an_object_of_the_bytes() -> None:
    """Whatever the type; it is asked for without a word of JSON."""
    with serving(xml(BODY)) as source:
        assert Client(source.url).get("/users", decode=users, page=1) == ROWS
        (asked,) = source.received
    assert asked.headers["Accept"] == "*/*"
    assert asked.query == [("page", "1")]


def test_what_the_author_accepts_is_asked_for() -> None:
    """A source may give JSON to whoever takes anything."""
    with serving(xml(BODY)) as source:
        Client(source.url, headers={"Accept": "application/xml"}).get("/users", decode=users)
        assert source.received[0].headers["Accept"] == "application/xml"


def test_pages_are_read_through_it() -> None:
    """Rows and the end of the list are looked for in what it makes."""

    def script(request: Received) -> Says:
        return xml(BODY if request.parameter("page") == "1" else b"<users/>")

    with serving(script=script) as source:
        pages = Client(source.url).pages("/users", PageNumber(1), decode=users)
        assert [item for item in pages if isinstance(item, dict)] == ROWS


@pytest.mark.parametrize(
    "broken", [CutsOff({"id": 1}), xml(BODY[:30]), xml(b""), xml(b"\xff"), xml(b"log in")]
)
def test_a_body_that_it_cannot_read_is_asked_for_again(broken: Any) -> None:
    """As JSON that is cut is."""
    with serving(broken, xml(BODY)) as source:
        assert Client(source.url).get("/users", decode=users) == ROWS
    with serving(xml(b"<users>")) as source, pytest.raises(TransientError) as caught:
        Client(source.url).get("/users", decode=users)
    assert "/users: an answer that decode= cannot read (ParseError: no element found" in str(caught.value)


def test_an_error_of_the_functions_own_is_reported_with_its_line() -> None:
    """It is not asked for again: the next answer would be read as wrongly."""
    app = Connector("wrong", client=lambda _: Client(source.url))

    @app.table(key="id")
    def rows(acme: Client) -> Iterator[Any]:
        yield from acme.get("/users", decode=lambda body: body.no_such_thing)  # type: ignore[attr-defined]

    with serving(xml(BODY)) as source:
        (reply,) = Fivetran(app.handler).sync()
        assert len(source.received) == 1
    assert "Table rows: AttributeError" in reply.body["errorMessage"]
    assert "test_decode.py:" in reply.body["errorMessage"]


def test_a_refusal_is_not_put_to_it() -> None:
    """It says what it says, in the source's own words."""
    with serving(Says({"message": "no"}, 403)) as source, pytest.raises(ConnectorError) as caught:
        Client(source.url).get("/users", decode=users)
    assert "HTTP 403: no" in str(caught.value)


def test_a_status_without_a_body_is_none() -> None:
    """As of JSON."""
    with serving(Says(b"", 204)) as source:
        assert Client(source.url).get("/users", decode=users) is None


def test_what_is_no_function_is_refused() -> None:
    """It may be meant as a parameter of the query."""
    app = Connector("wrong", client=lambda _: Client("http://127.0.0.1:9"))

    @app.table(key="id")
    def rows(acme: Client) -> Iterator[Any]:
        yield from acme.get("/users", decode="xml")  # type: ignore[arg-type]

    (reply,) = Fivetran(app.handler).sync()
    said = "Table rows: decode='xml': it has to be a function that takes the body's bytes."
    assert reply.body["errorMessage"].startswith(said)
    with pytest.raises(DefectError):
        list(Client("http://127.0.0.1:9").pages("/users", PageNumber(1), decode=1))  # type: ignore[arg-type]
