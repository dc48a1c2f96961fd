"""Credentials that depend on the request, and tokens that are fetched: what goes to the source, and what is never shown."""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from source_server import CutsOff, Received, Says, Source, serving
from virtual_clock import VirtualClock

from fivetran_runtime import (
    At,
    Auth,
    Basic,
    Bearer,
    Client,
    ClientCredentials,
    ConfigurationError,
    DefectError,
    FetchedToken,
    HeaderKey,
    NextLink,
    OutgoingRequest,
    QueryKey,
    RefreshToken,
    Secret,
)
from fivetran_runtime._invocation.budget import Budget, Limits
from fivetran_runtime._invocation.context import Invocation, run_as

KEY = "k3y-0f-the-h0use"
FINE = Says({"fine": True})


@pytest.fixture(autouse=True)
def invocation(clock: VirtualClock) -> Iterator[Invocation]:
    """A call in which sessions and tokens come to their end."""
    with run_as(Invocation(Budget(Limits(seconds=3600)))) as invocation:
        yield invocation


def signature(nonce: str, method: str, path: str, query: list[tuple[str, str]], body: bytes) -> str:
    signed = "\n".join([nonce, method, path, urlencode(sorted(query))]).encode() + b"\n" + body
    return hmac.new(KEY.encode(), signed, hashlib.sha256).hexdigest()


class Signing(Auth):
    """HMAC over all that is sent, with a number that is used once."""

    def __init__(self) -> None:
        self.count = 0

    def headers(self, request: OutgoingRequest) -> Mapping[str, str]:
        self.count += 1
        nonce = str(self.count)
        text = signature(nonce, request.method, request.path, request.query, request.body)
        return {"X-Nonce": nonce, "X-Signature": text}


class SigningSource:
    """Takes each signature once, over what really arrived."""

    def __init__(self, *troubles: Any) -> None:
        self.troubles = [*troubles]
        self.nonces: set[str] = set()

    def __call__(self, request: Received) -> Any:
        nonce = request.headers.get("X-Nonce", "")
        right = signature(nonce, request.method, request.path, request.query, request.body)
        if nonce in self.nonces or request.headers.get("X-Signature") != right:
            return Says({"error": "bad signature"}, status=401)
        self.nonces.add(nonce)
        return self.troubles.pop(0) if self.troubles else FINE


# -- what credentials see -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/rows", "/rows?b=1&a=%C3%A9", "/a b/ü", "/rows?empty=", "/x%2Fy", "/rows?q=a+b&q=c%26"]
)
def test_a_signature_is_over_what_is_sent(path: str) -> None:
    """Address and query as they arrive, whatever had to be encoded in them."""
    with serving(script=SigningSource()) as source:
        client = Client(source.url, auth=Signing())
        assert client.get(path, since="2026-01-01T00:00:00+01:00", q=["x y", "ü&"], n=None) == {"fine": True}


@pytest.mark.parametrize("body", [{"json": {"query": "ü"}}, {"form": {"a": "b c", "ü": "&"}}, {}])
def test_a_signature_is_over_the_bodys_bytes(body: dict[str, Any]) -> None:
    """JSON and forms, or none."""
    with serving(script=SigningSource()) as source:
        assert Client(source.url, auth=Signing()).post("/rows", a=1, **body) == {"fine": True}


def test_the_query_of_the_clients_address_is_signed_too() -> None:
    """It belongs to every request."""
    with serving(script=SigningSource()) as source:
        assert Client(f"{source.url}/v2?site=a%20b", auth=Signing()).get("/rows", a=1) == {"fine": True}
        assert source.received[0].query == [("a", "1"), ("site", "a b")]


@pytest.mark.parametrize("trouble", [Says(status=503), CutsOff({"fine": True})])
def test_a_request_that_is_sent_again_is_signed_again(trouble: Any) -> None:
    """A signature holds once, or for a minute."""
    with serving(script=SigningSource(trouble, trouble)) as source:
        assert Client(source.url, auth=Signing()).get("/rows") == {"fine": True}
        assert [request.headers["X-Nonce"] for request in source.received] == ["1", "2", "3"]


def test_a_redirect_is_signed_for_where_it_leads() -> None:
    """Another path, another signature."""
    with serving(script=SigningSource(Says(status=307, headers={"Location": "/v3/rows?x=1"}))) as source:
        assert Client(source.url, auth=Signing()).post("/rows", json={"a": 1}) == {"fine": True}
        assert source.received[1].path == "/v3/rows"


def test_a_link_is_signed_page_by_page() -> None:
    """The position is the link, without anything of the signature."""
    with serving(script=SigningSource(Says({"rows": [1], "next": "/rows?page=2"}))) as source:
        pages = Client(source.url, auth=Signing()).pages("/rows", NextLink(next="next"), rows="rows")
        assert next(pages) == 1
        at = next(pages)
        assert isinstance(at, At)
        with pytest.raises(DefectError, match="no 'rows'"):  # the second page is FINE, which has none
            next(pages)
        assert len(source.received) == 2


class InQuery(Auth):
    """A signature in the query."""

    def query(self, request: OutgoingRequest) -> Mapping[str, str]:
        return {"signature": hashlib.sha256(f"{KEY}{request.url}".encode()).hexdigest()}


def test_a_signature_in_the_query_is_the_last_parameter_and_in_no_position() -> None:
    """A source's next link repeats it; the next page gets one of its own."""

    def answer(request: Received) -> Any:
        *others, (name, text) = request.query
        url = f"{source.url}{request.path}{'?' if others else ''}{urlencode(others)}"
        assert name == "signature"
        assert text == hashlib.sha256(f"{KEY}{url}".encode()).hexdigest()
        if request.parameter("page"):
            return Says({"rows": [2], "next": None})
        return Says({"rows": [1], "next": f"/rows?page=2&signature={text}"})

    with serving(script=answer) as source:
        client = Client(source.url, auth=InQuery())
        rows = list(client.pages("/rows", NextLink(next="next"), rows="rows"))
    assert [row for row in rows if not isinstance(row, At)] == [1, 2]
    assert "signature" not in str([row for row in rows if isinstance(row, At)])


def test_a_changing_signature_in_a_path_becomes_no_position() -> None:
    """The last ones are remembered, whichever request they were for."""

    def answer(request: Received) -> Any:
        return Says({"rows": [1], "next": f"/rows/{request.parameter('signature')}/2"})

    with serving(script=answer) as source:
        client = Client(source.url, auth=InQuery())
        with pytest.raises(DefectError, match="has the client's credentials in its path"):
            list(client.pages("/rows", NextLink(next="next"), rows="rows"))


def test_another_host_gets_nothing_of_an_auth_of_ones_own() -> None:
    """Nor is it asked to sign what goes there."""

    class Everything(Auth):
        def headers(self, request: OutgoingRequest) -> Mapping[str, str]:
            asked.append(request.host)
            return {"X-Key": KEY}

        def query(self, request: OutgoingRequest) -> Mapping[str, str]:
            return {"key": KEY}

    asked: list[str] = []
    with serving(FINE) as elsewhere, serving(FINE) as source:
        other = elsewhere.url.replace("127.0.0.1", "localhost")
        client = Client(source.url, auth=Everything(), allowed_hosts=("localhost",))
        client.get(f"{other}/rows?key={KEY}&a=1")
        client.get("/rows")
    [received] = elsewhere.received
    assert received.query == [("a", "1")]
    assert "X-Key" not in received.headers
    assert asked == [source.url.removeprefix("http://")]
    assert source.received[0].headers["X-Key"] == KEY


def test_a_request_says_what_else_is_sent() -> None:
    """Some sources want chosen headers signed."""

    class Looks(Auth):
        def headers(self, request: OutgoingRequest) -> Mapping[str, str]:
            seen.append(request)
            return {}

    seen: list[OutgoingRequest] = []
    with serving(FINE) as source:
        Client(source.url, auth=Looks(), headers={"X-Tenant": "one"}).post("/rows", json={"a": 1}, b=2)
    [request] = seen
    assert (request.method, request.path, request.query) == ("POST", "/rows", [("b", "2")])
    assert (request.headers["X-Tenant"], request.headers["Content-Type"]) == ("one", "application/json")
    assert request.headers["Content-Length"] == str(len(request.body))


def test_what_it_hides_is_hidden(invocation: Invocation) -> None:
    """A token that was made, or fetched past `FetchedToken`."""
    Auth().hide("a-made-up-token", Secret("and-another-one"))
    assert invocation.redactor.clean("a-made-up-token and-another-one") == "*** ***"


@pytest.mark.parametrize(
    "auth",
    [
        Bearer(Secret(KEY)),
        HeaderKey("X-Key", Secret(KEY)),
        QueryKey("key", Secret(KEY)),
        Basic("me", Secret(KEY)),
    ],
)
def test_a_key_that_is_no_secret_of_the_connection_is_hidden(auth: Auth, invocation: Invocation) -> None:
    """One from a secret manager or from the environment: a source may repeat it in what it refuses with."""
    Client("http://127.0.0.1:1", auth=auth)
    assert invocation.redactor.clean(f"no {KEY}") == "no ***"


# -- wrong uses ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("auth", [Secret(KEY), KEY, ("me", KEY), Bearer, {"Authorization": KEY}])
def test_credentials_that_say_nothing_of_their_way_are_refused(auth: Any) -> None:
    """One sentence, when the client is made, without the value."""
    with pytest.raises(
        DefectError, match=r"The client's auth= is a \w+, which says nothing .* Give Bearer"
    ) as caught:
        Client("http://127.0.0.1:1", auth=auth)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "Own.headers gave None, not a dict of names and texts. Where there is nothing to add"),
        (
            {"X-Key": Secret(KEY)},
            "Own.headers gave a Secret for X-Key, not a text. A Secret's text is its rev",
        ),
        ({"X-Key": 5}, "Own.headers gave an int for X-Key, not a text"),
        ([("X-Key", KEY)], "Own.headers gave a list, not a dict"),
    ],
)
def test_credentials_are_texts_by_name(given: Any, message: str) -> None:
    """The class and the header are named."""

    class Own(Auth):
        def headers(self, request: OutgoingRequest) -> Any:
            return given

    with serving(FINE) as source, pytest.raises(DefectError) as caught:
        Client(source.url, auth=Own()).get("/rows")
    assert message in str(caught.value)
    assert KEY not in str(caught.value)
    assert source.received == []


def test_a_header_that_cannot_be_sent_is_reported_without_it() -> None:
    """Also one that an auth of one's own made."""

    class Own(Auth):
        def headers(self, request: OutgoingRequest) -> Mapping[str, str]:
            return {"X-Key": f"{KEY}\n"}

    with serving(FINE) as source, pytest.raises(ConfigurationError, match="not valid HTTP") as caught:
        Client(source.url, auth=Own()).get("/rows")
    assert KEY not in str(caught.value)
    assert source.received == []


# -- the token endpoint -------------------------------------------------------------------------------------


class TokenEndpoint:
    """Exchanges what it is asked for; what it was shown is in the source's log."""

    def __call__(self, request: Received) -> Any:
        if request.path == "/token":
            return Says({"access_token": "access-1", "expires_in": 3600})
        fine = request.headers.get("Authorization") == "Bearer access-1"
        return FINE if fine else Says(status=401)


def form(source: Source) -> dict[str, str]:
    return dict(parse_qsl(source.received[0].body.decode()))


def test_client_credentials_may_be_shown_by_basic() -> None:
    """Then they are not in the form; `audience` and `scope` are."""
    with serving(script=TokenEndpoint()) as source:
        auth = ClientCredentials(
            f"{source.url}/token",
            client_id="me",
            client_secret=Secret("se:cret/+"),
            scope="read",
            parameters={"audience": "https://api"},
            basic=True,
        )
        assert Client(source.url, auth=auth).get("/rows") == {"fine": True}
        expected = {"grant_type": "client_credentials", "scope": "read", "audience": "https://api"}
        assert form(source) == expected
        shown = base64.b64decode(source.received[0].headers["Authorization"].removeprefix("Basic "))
        assert shown == b"me:se%3Acret%2F%2B"  # RFC 6749, 2.3.1


def test_a_refresh_token_may_be_shown_with_basic_and_parameters() -> None:
    """A secret among the parameters is sent as it is."""
    with serving(script=TokenEndpoint()) as source:
        auth = RefreshToken(
            f"{source.url}/token",
            client_id="me",
            client_secret=Secret(KEY),
            refresh_token=Secret("long-lived"),
            parameters={"device": Secret("d3vice-key")},
            basic=True,
        )
        assert Client(source.url, auth=auth).get("/rows") == {"fine": True}
        assert form(source) == {
            "grant_type": "refresh_token",
            "refresh_token": "long-lived",
            "device": "d3vice-key",
        }


def test_an_encoded_client_secret_is_hidden(invocation: Invocation) -> None:
    """An endpoint that repeats what it was shown shows nothing."""
    invocation.redactor.add("se:cret/+")
    with serving(Says({"error": "me:se%3Acret%2F%2B"}, status=401)) as source:
        auth = ClientCredentials(
            f"{source.url}/token", client_id="me", client_secret=Secret("se:cret/+"), basic=True
        )
        with pytest.raises(ConfigurationError) as caught:
            Client(source.url, auth=auth).get("/rows")
    assert "cret" not in invocation.redactor.clean(str(caught.value))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"client_id": "me"}, r"parameters= holds client_id, which is sent anyway\. .*argument client_id=\."),
        ({"grant_type": "password"}, "parameters= holds grant_type, .* fetch the token with FetchedToken"),
        ({"ttl": 60}, "parameters= holds an int for ttl, not a text"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(parameters: Any, message: str) -> None:
    """When they are given, with the class and the argument."""
    with pytest.raises(DefectError, match=f"ClientCredentials: {message}"):
        ClientCredentials(
            "http://127.0.0.1:1", client_id="me", client_secret=Secret(KEY), parameters=parameters
        )


# -- fetched tokens -----------------------------------------------------------------------------------------


class LogIn:
    """A log-in whose sessions end when the test says so."""

    def __init__(self) -> None:
        self.given = 0
        self.is_over = False

    def __call__(self, request: Received) -> Any:
        if request.path == "/login":
            self.given += 1
            self.is_over = False
            return Says({"session": f"session-{self.given}"})
        is_known = request.headers.get("X-Session") == f"session-{self.given}" and not self.is_over
        return FINE if is_known else Says(status=401)


def logged_in(source: Source, **options: Any) -> Client:
    log_in = Client(source.url)

    def fetch() -> Any:
        return log_in.post("/login", json={"user": "me", "password": KEY}, idempotent=True)["session"]

    return Client(source.url, auth=FetchedToken(fetch, header="X-Session", **options))


def test_a_session_is_begun_once_and_again_when_it_is_over(clock: VirtualClock) -> None:
    """Without a time of its own it holds until a 401."""
    server = LogIn()
    with serving(script=server) as source:
        client = logged_in(source)
        client.get("/rows")
        clock.sleep(3_000)
        client.get("/rows")
        assert server.given == 1
        server.is_over = True
        assert client.get("/rows") == {"fine": True}
        assert server.given == 2


@pytest.mark.parametrize(("seconds", "again_after"), [(600, 570), (20, 10)])
def test_a_session_with_a_time_is_begun_again_before_it_ends(
    seconds: float, again_after: float, clock: VirtualClock
) -> None:
    """Half a minute before, or after half of a short time."""
    server = LogIn()
    with serving(script=server) as source:
        client = logged_in(source, seconds=seconds)
        client.get("/rows")
        clock.sleep(again_after - 1)
        client.get("/rows")
        assert server.given == 1
        clock.sleep(2)
        client.get("/rows")
        assert server.given == 2


def test_threads_share_one_token() -> None:
    """Each would begin a session of its own, and some sources end the others'."""
    server = LogIn()
    with serving(script=server) as source:
        client = logged_in(source)
        threads = [threading.Thread(target=client.get, args=("/rows",)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert server.given == 1


def test_a_fetched_token_is_hidden(invocation: Invocation) -> None:
    """Whatever fetched it."""
    with serving(script=LogIn()) as source:
        logged_in(source).get("/rows")
    assert invocation.redactor.clean("bad session-1") == "bad ***"


@pytest.mark.parametrize(
    ("options", "header", "value"),
    [
        ({}, "Authorization", "Bearer a-token"),
        ({"scheme": "SSWS"}, "Authorization", "SSWS a-token"),
        ({"scheme": ""}, "Authorization", "a-token"),
        ({"header": "X-Session"}, "X-Session", "a-token"),
        ({"header": "Cookie", "scheme": ""}, "Cookie", "a-token"),
    ],
)
def test_a_token_goes_where_the_source_wants_it(options: Any, header: str, value: str) -> None:
    """The scheme of `Authorization` is Bearer; other headers have none."""
    with serving(FINE) as source:
        Client(source.url, auth=FetchedToken(lambda: Secret("a-token"), **options)).get("/rows")
        assert source.received[0].headers[header] == value


def test_a_fetch_that_is_no_function_is_refused() -> None:
    """The token itself would never be fetched again."""
    with pytest.raises(
        DefectError, match=r"fetch is a str, not a function .* FetchedToken\(log_in\)"
    ) as caught:
        FetchedToken(KEY)  # type: ignore[arg-type]
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("answer", [None, "", {}, {"token": KEY}, {"access_token": ""}, [KEY]])
def test_a_fetch_without_a_token_is_reported(answer: Any) -> None:
    """By its name and what it gave, without any value."""

    def log_in() -> Any:
        return answer

    with (
        serving(FINE) as source,
        pytest.raises(ConfigurationError, match=r"log_in fetched .* without a tok") as caught,
    ):
        Client(source.url, auth=FetchedToken(log_in)).get("/rows")
    assert KEY not in str(caught.value)
    assert source.received == []


def test_a_refused_log_in_is_the_persons_to_fix() -> None:
    """Asked once; what the source says of it is in the message."""
    with serving(Says({"error": "unknown user"}, status=403)) as source:
        with pytest.raises(ConfigurationError, match="unknown user"):
            logged_in(source).get("/rows")
        assert len(source.received) == 1


def test_the_ways_are_one_protocol() -> None:
    """What a client takes."""
    ways = [Bearer(Secret(KEY)), Basic("me", Secret(KEY)), QueryKey("key", Secret(KEY)), Signing()]
    assert all(isinstance(way, Auth) for way in ways)
    assert issubclass(ClientCredentials, FetchedToken)
    assert issubclass(RefreshToken, Auth)
