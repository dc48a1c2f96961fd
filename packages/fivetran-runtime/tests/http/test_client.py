"""The HTTP client against real servers: what is retried, what is reported, what is kept secret, and in which time."""

from __future__ import annotations

import base64
import gzip
import json
import socket
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from source_server import CutsOff, CutsOffChunked, Drips, Hangs, Received, Resets, Says, Source, serving
from virtual_clock import VirtualClock

from fivetran_runtime import (
    At,
    Basic,
    Bearer,
    Client,
    ClientCredentials,
    ConfigurationError,
    ConnectorError,
    DefectError,
    HeaderKey,
    NextLink,
    PageToken,
    QueryKey,
    RefreshToken,
    Secret,
    TransientError,
)
from fivetran_runtime._invocation.budget import Budget, Limits, OutOfBudget
from fivetran_runtime._invocation.context import Invocation, run_as
from fivetran_runtime.http.auth import Auth

KEY = "k3y-0f-the-h0use"
FINE = Says({"fine": True})


pytestmark = pytest.mark.usefixtures("invocation")


def failing(client: Client, kind: type[ConnectorError], path: str = "/rows", **query: Any) -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        client.get(path, **query)
    public = next(one for one in type(caught.value).__mro__ if one.__module__ == kind.__module__)
    assert public is kind
    return caught.value


# -- what is asked ------------------------------------------------------------------------------------------


def test_paths_are_relative_to_the_clients_address() -> None:
    """With or without slashes, below a path of the address's own."""
    with serving(FINE) as source:
        for address in (source.url + "/v2", source.url + "/v2/"):
            for path in ("rows", "/rows"):
                assert Client(address).get(path) == {"fine": True}
        assert [request.path for request in source.received] == ["/v2/rows"] * 4


class Colour(Enum):
    RED = "red"


class Shade(str, Enum):  # noqa: UP042 - as older code has it
    DARK = "dark"


class Level(IntEnum):
    HIGH = 3


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ({1, 2}, "a set"),
        ({"a": 1}, "a dict"),
        (b"x", "a bytes"),
        (range(2), "a range"),
        (Colour.RED, "a Colour"),
        (timedelta(1), "a timedelta"),
        (time(12), "a time"),
        (float("nan"), "not a finite number"),
        (Decimal("Infinity"), "not a finite number"),
        (object(), "an object"),
        ([[1]], "a list"),
        ([1, {"secret"}], "a set"),
    ],
)
def test_a_parameter_that_would_become_pythons_text_is_refused(value: Any, what: str) -> None:
    """A source that ignores it would give other rows. Its name is reported, and no value."""
    with serving(FINE) as source:
        error = failing(Client(source.url), DefectError, changed=value)
        assert f"The query parameter changed is {what}, which cannot be sent" in str(error)
        assert "secret" not in str(error)
        assert source.received == []


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (Shade.DARK, "dark"),
        (Level.HIGH, "3"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (1.5, "1.5"),
        (-7, "-7"),
    ],
)
def test_texts_and_numbers_of_a_kind_are_sent_as_what_they_are(value: Any, sent: str) -> None:
    """Not as Python shows them."""
    with serving(FINE) as source:
        Client(source.url).get("/rows", v=value)
        assert source.received[0].parameter("v") == sent


def test_parameters_are_sent_as_a_source_expects_them() -> None:
    """None is left out, lists are repeated, truth is lower case, instants are RFC 3339."""
    with serving(FINE) as source:
        Client(source.url).get(
            "/rows",
            none=None,
            many=[1, "b", None],
            yes=True,
            no=False,
            at=datetime(2026, 1, 31, 12, tzinfo=UTC),
            day=date(2026, 1, 31),
            exact=Decimal("1.10"),
            key=Secret(KEY),
            odd="a&b=c d/ü",
        )
        assert source.received[0].query == [
            ("many", "1"),
            ("many", "b"),
            ("yes", "true"),
            ("no", "false"),
            ("at", "2026-01-31T12:00:00Z"),
            ("day", "2026-01-31"),
            ("exact", "1.10"),
            ("key", KEY),
            ("odd", "a&b=c d/ü"),
        ]


def test_parameters_whose_names_python_has_not_stand_in_a_dict() -> None:
    """Beside the others, as a type checker takes it; a text called `query` is still a parameter of that name."""
    with serving(FINE) as source:
        client = Client(source.url)
        client.get("/rows", limit=1, query={"@sort": "id", "page[size]": 50})
        list(
            client.pages("/rows", PageToken(), rows="fine.rows", no_rows="absent", query={"@sort": "id"}, a=1)
        )
        client.get("/rows", query="words")
        assert [asked.query for asked in source.received] == [
            [("limit", "1"), ("@sort", "id"), ("page[size]", "50")],
            [("a", "1"), ("@sort", "id")],
            [("query", "words")],
        ]
    with pytest.raises(DefectError, match="parameter limit is given twice"):
        client.get("/rows", limit=1, query={"limit": 2})


@pytest.mark.parametrize(
    ("sent", "kind", "body"),
    [
        ({"json": {"a": 1}}, "application/json", b'{"a": 1}'),
        ({"form": {"a": "1"}}, "form-urlencoded", b"a=1"),
    ],
)
def test_post_sends_json_or_a_form(sent: dict[str, Any], kind: str, body: bytes) -> None:
    """And gives the JSON that comes back."""
    with serving(FINE) as source:
        assert Client(source.url).post("/search", **sent) == {"fine": True}
        assert source.received[0].method == "POST"
        assert source.received[0].body == body
        assert kind in source.received[0].headers["Content-Type"]


@pytest.mark.parametrize(
    "address",
    [
        "acme.example/v2",
        "ftp://acme.example",
        "https://",
        "",
        "https://h:port/",
        "https://[::1",
        "https://h:99999",
    ],
)
def test_an_address_that_is_none_is_reported_at_once(address: str) -> None:
    """It was typed by a person, into the connection's secrets."""
    with pytest.raises(ConfigurationError, match="not one of a web server"):
        Client(address)


def test_a_wrong_address_is_shown_without_its_secrets() -> None:
    """People paste whole addresses, with users and keys in them."""
    with pytest.raises(ConfigurationError) as caught:
        Client(f"user:{KEY}@acme.example/rest?key={KEY}")
    assert "acme.example/rest" in str(caught.value)
    assert KEY not in str(caught.value)


# -- what comes back ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        Says([1, 2]),
        Says(gzip.compress(b"[1, 2]"), headers={"Content-Encoding": "gzip"}),
        Says(b"[1, 2]", kind="text/plain"),
        Says([1, 2], status=206),
    ],
)
def test_json_is_decoded_however_it_is_sent(answer: Says) -> None:
    """Compressed, mislabelled, or with another status from 200 to 299."""
    with serving(answer) as source:
        assert Client(source.url).get("/rows") == [1, 2]


def test_an_empty_answer_is_none() -> None:
    """A 204 has no body."""
    with serving(Says(b"", status=204)) as source:
        assert Client(source.url).get("/rows") is None


def test_numbers_beyond_64_bit_are_not_rounded() -> None:
    """They are refused as rows later, not silently changed here."""
    with serving(Says(b"[123456789012345678901234567890]")) as source:
        assert Client(source.url).get("/rows") == [123456789012345678901234567890]


def test_a_header_of_one_request_is_sent_with_no_other() -> None:
    """Text, a secret, or an instant; a client's own header of the name gives way."""
    since = datetime(2026, 1, 1, 13, tzinfo=timezone(timedelta(hours=1)))
    with serving(FINE) as source:
        client = Client(source.url, headers={"X-Version": "1"})
        client.get(
            "/rows", headers={"X-Version": 2, "X-Key": Secret(KEY), "If-Modified-Since": since, "X-No": None}
        )
        client.post("/rows", json={}, headers={"Prefer": "count=exact"})
        first, second = (request.headers for request in source.received)
        assert (first["X-Version"], first["X-Key"]) == ("2", KEY)
        assert first["If-Modified-Since"] == "Thu, 01 Jan 2026 12:00:00 GMT"
        assert "X-No" not in first
        assert second["Prefer"] == "count=exact"
        assert second["X-Version"] == "1"
        assert "X-Key" not in second


@pytest.mark.parametrize(("value", "what"), [(datetime(2026, 1, 1), "without a zone"), ({}, "is a dict")])  # noqa: DTZ001 - what is refused
def test_a_header_without_a_text_is_refused(value: Any, what: str) -> None:
    """By its name."""
    with pytest.raises(DefectError, match=f"The header If-Modified-Since .*{what}"):
        Client("http://127.0.0.1:1").get("/rows", headers={"If-Modified-Since": value})


def test_not_modified_is_an_answer_to_who_asked_for_it() -> None:
    """To nobody else: without such a header it is a source's mistake."""
    with serving(Says(b"", status=304)) as source:
        assert Client(source.url).get("/rows", headers={"If-None-Match": '"a"'}) is None
        assert Client(source.url).request("GET", "/rows", headers={"If-None-Match": '"a"'}).status == 304
        failing(Client(source.url), ConfigurationError)


def test_a_status_may_be_an_answer() -> None:
    """Where the author says so; its body is there, too."""
    with serving(Says({"gone": True}, status=404)) as source:
        reply = Client(source.url).request("GET", "/rows", accept=[404, 410])
        assert (reply.status, reply.json) == (404, {"gone": True})


# -- what is asked again ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (Says({"error": "oops"}, status=500), "HTTP 500 5 times: oops"),
        (Says(status=502), "HTTP 502"),
        (Says(status=503), "HTTP 503"),
        (Says(b"<html>", status=504, kind="text/html"), "HTTP 504"),
        (Resets(), "connection broke"),
        (CutsOff([1, 2, 3]), "broke off"),
        (CutsOffChunked(), "broke off"),
        (
            Says(
                gzip.compress(json.dumps([*range(999)]).encode())[:500], headers={"Content-Encoding": "gzip"}
            ),
            "not whole JSON",
        ),
        (Says(b"not compressed", headers={"Content-Encoding": "gzip"}), "broke off"),
        (Says(b'{"rows": [1, 2'), "not whole JSON"),
    ],
)
def test_what_passes_by_itself_is_asked_again(
    trouble: Any, said: str, clock: VirtualClock, invocation: Invocation
) -> None:
    """Twice bad, then fine: nobody hears of it but the log. Always bad: a transient error that says what was."""
    with serving(trouble, trouble, FINE) as source:
        assert Client(source.url).get("/rows") == {"fine": True}
        assert (invocation.requests, invocation.retries, invocation.waited_seconds) == (3, 2, 3)
        assert clock.slept == [1, 2]
    with serving(trouble) as source:
        error = failing(Client(source.url), TransientError)
        assert said in str(error)
        assert f"GET {source.url}/rows" in str(error)
        assert len(source.received) == 5


def test_a_refused_connection_is_asked_again() -> None:
    """A source that restarts."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    error = failing(Client(url), TransientError)
    assert "connection refused 5 times" in str(error)


def test_a_post_is_only_sent_again_where_that_does_no_harm() -> None:
    """Half an answer to "create" does not say that nothing was created."""
    with serving(Says(status=503), FINE) as source:
        with pytest.raises(TransientError, match="HTTP 503"):
            Client(source.url).post("/search", json={})
        assert len(source.received) == 1
    with serving(Says(status=503), FINE) as source:
        assert Client(source.url).post("/search", json={}, idempotent=True) == {"fine": True}
        assert [request.body for request in source.received] == [b"{}", b"{}"]


@pytest.mark.parametrize(
    ("header", "waited"),
    [
        ("7", 7),
        ("Thu, 01 Jan 2026 00:00:09 GMT", 9),
        ("Thursday, 01-Jan-26 00:00:09 GMT", 9),
        ("Thu, 01 Jan 2026 00:00:09 -0000", 9),
        ("soon", 1),
        ("²", 1),
        ("1.5", 1),
        ("-3", 1),
        ("", 1),
    ],
)
def test_retry_after_is_kept_to_the_second(header: str, waited: float, clock: VirtualClock) -> None:
    """As a number or as a date; what is neither counts as not said."""
    with serving(Says(status=429, headers={"Retry-After": header}), FINE) as source:
        Client(source.url).get("/rows")
    assert clock.slept == [waited]


@pytest.mark.parametrize("header", ["0", "Wed, 31 Dec 2025 23:59:00 GMT"])
def test_retry_after_zero_or_past_means_now(header: str, clock: VirtualClock) -> None:
    """No back-off is added to it."""
    with serving(Says(status=503, headers={"Retry-After": header}), FINE) as source:
        assert Client(source.url).get("/rows") == {"fine": True}
    assert clock.slept == []


@pytest.mark.parametrize("header", ["90", "3600", "Fri, 02 Jan 2026 00:00:00 GMT", "9" * 30])
def test_a_wait_longer_than_the_time_left_ends_the_invocation(header: str, clock: VirtualClock) -> None:
    """At once: the next invocation comes after the wait, and this one's rows are sent."""
    with serving(Says(status=429, headers={"Retry-After": header}), FINE) as source:
        with pytest.raises(OutOfBudget) as caught:
            Client(source.url).get("/rows")
        assert caught.value.cut == "wait"
        assert clock.slept == []
        assert len(source.received) == 1


@pytest.mark.parametrize(
    ("headers", "waited"),
    [
        ({"Retry-After": "7"}, [7]),
        ({"X-RateLimit-Remaining": "0"}, [1]),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1767225609"}, [9]),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1767225590"}, []),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1767225609000"}, [9]),
        ({"X-RateLimit-Remaining": "0.0", "X-RateLimit-Reset": "8.5"}, [8.5]),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "2026-01-01T00:00:09Z"}, [9]),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "Thu, 01 Jan 2026 00:00:09 GMT"}, [9]),
        ({"x-rate-limit-remaining": "0", "x-rate-limit-reset": "1767225609"}, [9]),
        ({"RateLimit-Remaining": "0", "RateLimit-Reset": "8"}, [8]),
        ({"RateLimit": "limit=100, remaining=0, reset=50"}, [50]),
        ({"RateLimit": '"day";r=9;t=3600, "minute";r=0;t=30'}, [30]),
        ({"RateLimit": '"minute";r=0;t=30', "RateLimit-Policy": '"minute";q=100;w=60'}, [30]),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "soon"}, [1]),
        ({"Retry-After": "0", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "8"}, []),
    ],
)
@pytest.mark.parametrize("status", [403, 429])
def test_a_rate_limit_is_waited_for_whatever_its_status(
    status: int, headers: dict[str, str], waited: list[float], clock: VirtualClock
) -> None:
    """GitHub refuses with 403 what it will answer a moment later."""
    with serving(Says({"message": "rate limit"}, status=status, headers=headers), FINE) as source:
        assert Client(source.url).get("/rows") == {"fine": True}
    assert clock.slept == waited


def test_a_rate_limit_that_stays_is_nobodys_mistake() -> None:
    """The next sync tries again; the credentials are right."""
    says = Says({"message": "slow down"}, status=403, headers={"Retry-After": "1"})
    with serving(*[says] * 5) as source:
        error = failing(Client(source.url), TransientError)
        assert "HTTP 403, a rate limit 5 times: slow down" in str(error)


@pytest.mark.parametrize(
    ("headers", "waited"),
    [
        ({"X-RateLimit-Reset": "40"}, [40]),
        ({"RateLimit-Reset": "40"}, [40]),
        ({"RateLimit": '"minute";t=40'}, [40]),
        ({"X-RateLimit-Remaining": "3", "X-RateLimit-Reset": "40"}, [1]),
    ],
)
def test_a_429_need_not_say_that_nothing_is_left(
    headers: dict[str, str], waited: list[float], clock: VirtualClock
) -> None:
    """Its status does; where another limit has some left, when that one counts again says nothing."""
    with serving(Says(status=429, headers=headers), FINE) as source:
        assert Client(source.url).get("/rows") == {"fine": True}
    assert clock.slept == waited


def test_a_limit_by_the_minute_that_says_nothing_is_waited_for(clock: VirtualClock) -> None:
    """Most are: 63 seconds are enough for the next one to begin."""
    with serving(*[Says(status=429)] * 6, FINE) as source:
        assert Client(source.url).get("/rows") == {"fine": True}
    assert sum(clock.slept) == 63


def test_a_limit_that_says_nothing_and_stays_is_given_up() -> None:
    """In the source's own words, which often say of which limit."""
    says = Says({"message": "slow down"}, status=429)
    with run_as(Invocation(Budget(Limits(seconds=540)))), serving(says) as source:
        assert "HTTP 429 7 times: slow down" in str(failing(Client(source.url), TransientError))


def test_a_refusal_without_a_limit_is_one() -> None:
    """That so many requests are left is no reason to ask again."""
    says = Says({"message": "no"}, status=403, headers={"X-RateLimit-Remaining": "4999"})
    with serving(says) as source:
        failing(Client(source.url), ConfigurationError)
        assert len(source.received) == 1


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("150", "150 s"),
        ("21600", "21600 s, until 2026-01-01 06:00 UTC,"),
        ("864000", "10 days"),
        ("9" * 30, "more than ten years"),
        ("9" * 400, "more than ten years"),
    ],
)
def test_a_long_wait_is_reported_in_words(header: str, words: str) -> None:
    """A number of thirty digits says nothing."""
    with (
        serving(Says(status=429, headers={"Retry-After": header})) as source,
        pytest.raises(OutOfBudget, match=f"would take {words} and "),
    ):
        Client(source.url).get("/rows")


@pytest.mark.parametrize("encoding", ["br", "gzip, zstd"])
def test_a_body_in_an_encoding_that_cannot_be_read_is_named(encoding: str) -> None:
    """Asking again gives the same."""
    with serving(
        Says(b"\x0b\x04\x80", headers={"Content-Encoding": encoding.replace("gzip, ", "")})
    ) as source:
        error = failing(Client(source.url), DefectError)
        assert f"Content-Encoding {encoding.rsplit(', ', maxsplit=1)[-1]}" in str(error)
        assert "Accept-Encoding" in str(error)
        assert len(source.received) == 1


def test_a_refusal_in_an_encoding_that_cannot_be_read_is_reported_by_its_status() -> None:
    """Without the bytes."""
    with serving(Says(b"\x0b\x04\x80", status=404, headers={"Content-Encoding": "br"})) as source:
        assert "HTTP 404 Is the address right" in str(failing(Client(source.url), ConfigurationError))


def test_the_same_host_by_another_scheme_is_called_that() -> None:
    """To name it in allowed_hosts would send it no credentials."""
    with serving(script=lambda _: Says({"rows": [{"id": 1}], "next": link})) as source:
        link = source.url.replace("http://", "https://") + "/rows?page=2"
        with pytest.raises(DefectError, match="the same host by another scheme or port") as caught:
            list(Client(source.url).pages("/rows", NextLink(next="next"), rows="rows"))
    assert "allowed_hosts" not in str(caught.value)
    assert "give the client that address" in str(caught.value)


def test_no_request_begins_when_the_time_is_used_up(clock: VirtualClock) -> None:
    """Its answer could not be sent any more."""
    with serving(FINE) as source:
        clock.sleep(95)
        with pytest.raises(OutOfBudget) as caught:
            Client(source.url).get("/rows")
        assert caught.value.cut == "time"
        assert source.received == []


# -- time-outs and sizes ------------------------------------------------------------------------------------


def test_a_source_that_says_nothing_is_given_up() -> None:
    """The read time-out is the client's; requests has none of its own."""
    with serving(Hangs()) as source, pytest.raises(TransientError, match="no answer in time"):
        Client(source.url, read_timeout=0.05).post("/rows")


def test_a_host_that_takes_no_connection_is_given_up() -> None:
    """A full backlog drops the handshake, as a firewall does."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        fillers = [socket.socket() for _ in range(3)]
        try:
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(full.getsockname())
            url = f"http://127.0.0.1:{full.getsockname()[1]}"
            with pytest.raises(TransientError, match="no connection in time"):
                Client(url, connect_timeout=0.1).post("/rows")
        finally:
            for filler in fillers:
                filler.close()


def test_time_outs_shrink_to_the_time_that_is_left(clock: VirtualClock) -> None:
    """A minute's patience is no use in a function's last tenth of a second."""
    with serving(Hangs()) as source:
        clock.sleep(89.9)
        with pytest.raises(TransientError, match="no answer in time"):
            Client(source.url, read_timeout=3600).post("/rows")


def test_a_body_that_drips_does_not_outlast_the_budget(clock: VirtualClock) -> None:
    """Each byte comes in time, the whole never does."""
    with serving(Drips(between=lambda: clock.sleep(10))) as source:
        with pytest.raises(OutOfBudget) as caught:
            Client(source.url).get("/rows")
        assert caught.value.cut == "time"


def test_a_body_without_end_is_not_read_to_its_end() -> None:
    """Memory is small; compressed bytes count as what they become."""
    with serving(Says(gzip.compress(b" " * 3_000_000), headers={"Content-Encoding": "gzip"})) as source:
        error = failing(Client(source.url, max_bytes=1_000_000), DefectError)
        assert "more than 1 MB" in str(error)
        assert len(source.received) == 1
        assert Client(source.url, max_bytes=3_000_000).get("/rows") is None


# -- what is reported -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422])
def test_a_refused_request_is_a_persons_to_fix(status: int) -> None:
    """Never asked again; the endpoint and the source's own words are named, the query is not."""
    with serving(Says({"error": "no such project"}, status=status), FINE) as source:
        error = failing(Client(source.url), ConfigurationError, project="my-project")
        assert len(source.received) == 1
        assert error.status == status
        assert f"GET {source.url}/rows: HTTP {status}" in str(error)
        assert "no such project" in str(error)
        assert "my-project" not in str(error)


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_say_where_to_look(status: int) -> None:
    """The two statuses that are about who asks."""
    with serving(Says(status=status)) as source:
        assert "Check the credentials" in str(failing(Client(source.url), ConfigurationError))


def test_an_outage_of_the_source_is_not_the_persons_to_fix() -> None:
    """The source's own words are in the error."""
    with serving(Says({"error": "oops"}, status=501)) as source:
        error = failing(Client(source.url), TransientError)
        assert error.status == 501
        assert "oops" in str(error)
        assert len(source.received) == 1


def test_a_page_for_people_is_an_error_with_status_200_too() -> None:
    """A login page is not an empty list."""
    with serving(Says(b"<html>Please log in</html>", kind="text/html; charset=utf-8")) as source:
        error = failing(Client(source.url), TransientError)
        assert "HTTP 200 with text/html" in str(error)
        assert "Please log in" in str(error)


def test_a_long_error_is_cut() -> None:
    """A stack trace of the source's fits into no message."""
    with serving(Says({"trace": "x" * 10_000}, status=400)) as source:
        assert len(str(failing(Client(source.url), ConfigurationError))) < 500


@pytest.mark.parametrize(
    "answer",
    [
        *(Says({"echo": KEY}, status=status) for status in (400, 401, 404, 429, 500, 503)),
        Says(b"x" * 290 + KEY.encode(), status=400, kind="text/plain"),
        Says({"filler": "x" * 280, "echo": KEY}, status=400),
        Says(b"x" * 70 + KEY.encode(), kind="text/html"),
        Says(b'{"cut'),
        CutsOff([KEY]),
        Resets(),
    ],
)
def test_a_key_in_the_query_is_in_no_message(answer: Any, invocation: Invocation) -> None:
    """Not even a half of it, when the source repeats it where a message is cut."""
    invocation.redactor.add(KEY)
    with serving(answer) as source:
        client = Client(source.url, auth=QueryKey("api_key", Secret(KEY)))
        with pytest.raises(ConnectorError) as caught:
            client.get("/rows", other=Secret(KEY))
        assert source.received[0].parameter("api_key") == KEY
        assert KEY[:5] not in invocation.redactor.clean(f"{caught.value} {caught.value!r}")
        assert caught.value.__cause__ is None  # a traceback would print it


def test_a_key_in_the_clients_own_address_is_a_secret(invocation: Invocation) -> None:
    """Its query belongs to every request, so a source may repeat it; words of fewer than eight characters are words."""
    Client(f"http://127.0.0.1:1/?api_key={KEY}&format=json")
    assert invocation.redactor.clean(f"key {KEY[:12]} is not json") == "key *** is not json"


def test_a_password_in_the_clients_own_address_is_a_secret(invocation: Invocation) -> None:
    """Also where another way to say who asks takes its place."""
    Client("http://me:pa55w0rd@127.0.0.1:1/", auth=Bearer(Secret(KEY)))
    assert invocation.redactor.clean("me and pa55w0rd") == "me and ***"


def test_a_link_with_only_a_part_of_the_key_is_followed(invocation: Invocation) -> None:
    """What is hidden in messages may be anything's name in an address."""
    pages = [
        Says({"rows": [{"id": 1}], "next": f"/rows/{KEY[:12]}/2"}),
        Says({"rows": [{"id": 2}], "next": None}),
    ]
    with serving(*pages) as source:
        client = Client(source.url, auth=Bearer(Secret(KEY)))
        rows = list(client.pages("/rows", NextLink(next="next"), rows="rows"))
    assert [row["id"] for row in rows if not isinstance(row, At)] == [1, 2]


def test_a_broken_connections_error_holds_no_key() -> None:
    """urllib3's own text has the whole address in it."""
    with serving(Resets()) as source:
        error = failing(Client(source.url, auth=QueryKey("api_key", Secret(KEY))), TransientError)
        assert KEY not in str(error)
        assert "api_key" not in str(error)


@pytest.mark.parametrize("key", ["line-break\n", "two\r\nX-Other: lines", " leading", "snow\u2603man"])
def test_a_key_that_no_header_can_hold_is_reported_without_it(key: str) -> None:
    """Pasted with a line break, usually; asking again would not help."""
    with serving(FINE) as source:
        error = failing(Client(source.url, auth=HeaderKey("X-Key", Secret(key))), ConfigurationError)
        assert "pasted" in str(error)
        assert key.strip() not in str(error)
        assert source.received == []


# -- who asks -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        (Bearer(Secret(KEY)), "Authorization", f"Bearer {KEY}"),
        (HeaderKey("X-Api-Key", Secret(KEY)), "X-Api-Key", KEY),
        (
            Basic("üser", Secret(KEY)),
            "Authorization",
            "Basic " + base64.b64encode(f"üser:{KEY}".encode()).decode(),
        ),
        (
            Basic(Secret("user"), Secret(KEY)),
            "Authorization",
            "Basic " + base64.b64encode(f"user:{KEY}".encode()).decode(),
        ),
    ],
)
def test_credentials_are_sent_as_the_scheme_says(auth: Auth, header: str, value: str) -> None:
    """In its header, and in no query."""
    with serving(FINE) as source:
        Client(source.url, auth=auth).get("/rows")
        assert source.received[0].headers[header] == value
        assert source.received[0].query == []


def test_a_query_key_is_sent_with_every_request() -> None:
    """Beside the request's own parameters."""
    with serving(FINE) as source:
        Client(source.url, auth=QueryKey("api_key", Secret(KEY))).get("/rows", a=1)
        assert source.received[0].query == [("a", "1"), ("api_key", KEY)]


def test_netrc_is_not_asked_for_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests would send a developer's own password to the source."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password mine\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with serving(FINE) as source:
        Client(source.url).get("/rows")
        assert "Authorization" not in source.received[0].headers


def test_the_environments_proxy_is_asked_unless_it_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    """As requests does it: HTTP_PROXY for every host but those of NO_PROXY."""
    with serving(FINE) as proxy, serving(FINE) as source:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        Client(source.url).get("/rows")
        Client("http://source.example").get("/rows")
        assert [len(one.received) for one in (source, proxy)] == [1, 1]


def test_the_environments_certificates_are_the_trusted_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is not there is an error, not a reason to trust others."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "company.pem"))
    with serving(FINE) as source, pytest.raises(OSError, match=r"company\.pem"):
        Client(source.url.replace("http:", "https:")).get("/rows")


class TokenServer:
    """A source whose access tokens are numbered and can be revoked."""

    def __init__(self, *, lifetime: object = 3600) -> None:
        self.lifetime = lifetime
        self.given = 0
        self.valid: set[str] = set()
        self.troubles: list[Any] = []

    def __call__(self, request: Received) -> Any:
        if request.path == "/token":
            return self.give()
        if self.troubles:
            return self.troubles.pop(0)
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return FINE if token in self.valid else Says({"error": f"bad {token}"}, status=401)

    def give(self) -> Says:
        self.given += 1
        token = f"access-{self.given}"
        self.valid = {token}
        return Says({"access_token": token, "expires_in": self.lifetime})


def credentials(source: Source) -> ClientCredentials:
    return ClientCredentials(f"{source.url}/token", client_id="me", client_secret=Secret(KEY), scope="read")


def test_client_credentials_are_exchanged_for_a_token_once() -> None:
    """And the token is used until it expires."""
    server = TokenServer()
    with serving(script=server) as source:
        client = Client(source.url, auth=credentials(source))
        client.get("/rows")
        client.get("/rows")
        assert server.given == 1
        assert json.loads(json.dumps(source.received[0].body.decode())) == (
            f"grant_type=client_credentials&client_id=me&client_secret={KEY}&scope=read"
        )


def test_a_refresh_token_is_exchanged_too() -> None:
    """The other grant without a person."""
    with serving(script=TokenServer()) as source:
        auth = RefreshToken(
            f"{source.url}/token",
            client_id="me",
            client_secret=Secret(KEY),
            refresh_token=Secret("long-lived"),
        )
        assert Client(source.url, auth=auth).get("/rows") == {"fine": True}
        assert b"grant_type=refresh_token" in source.received[0].body
        assert b"refresh_token=long-lived" in source.received[0].body


@pytest.mark.parametrize(("lifetime", "again_after"), [(100, 70), ("100", 70), (None, 270)])
def test_a_token_is_renewed_before_it_expires(
    lifetime: object, again_after: float, clock: VirtualClock
) -> None:
    """Half a minute before; five minutes are taken where the server does not say."""
    server = TokenServer(lifetime=lifetime)
    with serving(script=server) as source, run_as(Invocation(Budget(Limits(seconds=3600)))):
        client = Client(source.url, auth=credentials(source))
        client.get("/rows")
        clock.sleep(again_after - 1)
        client.get("/rows")
        assert server.given == 1
        clock.sleep(2)
        client.get("/rows")
        assert server.given == 2


def test_a_revoked_token_is_fetched_again_once() -> None:
    """A 401 in the middle of a sync is not the end of it."""
    server = TokenServer()
    with serving(script=server) as source:
        client = Client(source.url, auth=credentials(source))
        client.get("/rows")
        server.valid.clear()
        assert client.get("/rows") == {"fine": True}
        assert server.given == 2


def test_a_new_token_that_is_refused_too_is_reported() -> None:
    """Fetching for ever would not help."""
    server = TokenServer()
    with serving(script=server) as source:
        client = Client(source.url, auth=credentials(source))
        server.troubles = [Says(status=401), Says(status=401)]
        assert failing(client, ConfigurationError).status == 401
        assert server.given == 2


def test_a_token_revoked_during_an_outage_is_renewed_after_it() -> None:
    """Renewing takes none of the tries."""
    server = TokenServer()
    with serving(script=server) as source:
        client = Client(source.url, auth=credentials(source))
        client.get("/rows")
        server.valid.clear()
        server.troubles = [Says(status=503)] * 4
        assert client.get("/rows") == {"fine": True}


def test_a_fetched_token_is_hidden_like_the_secrets(invocation: Invocation) -> None:
    """It opens the same doors."""
    with serving(script=TokenServer()) as source:
        Client(source.url, auth=credentials(source)).get("/rows")
        assert invocation.redactor.clean("Bearer access-1") == "Bearer ***"


@pytest.mark.parametrize("answer", [{}, {"access_token": ""}, {"access_token": 5}, []])
def test_an_answer_without_a_token_is_reported(answer: object) -> None:
    """With the address that gave none."""
    with serving(Says(answer)) as source:
        error = failing(Client(source.url, auth=credentials(source)), ConfigurationError)
        assert f"{source.url}/token gave no access_token" in str(error)


# -- where requests go --------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_within_the_host_is_followed_with_credentials(status: int) -> None:
    """Relative ones too; the query is the redirect's."""
    moved = Says(status=status, headers={"Location": "/v3/rows?a=1"})
    with serving(moved, FINE) as source:
        client = Client(source.url, auth=Bearer(Secret(KEY)))
        assert client.get("/rows", b=2) == {"fine": True}
        assert source.received[1].path == "/v3/rows"
        assert source.received[1].query == [("a", "1")]
        assert source.received[1].headers["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    ("status", "method", "body"), [(303, "GET", b""), (307, "POST", b"{}"), (308, "POST", b"{}")]
)
def test_a_post_stays_one_unless_the_redirect_says_otherwise(status: int, method: str, body: bytes) -> None:
    """303 means "look there", 307 and 308 mean "say it there"."""
    with serving(Says(status=status, headers={"Location": "/there"}), FINE) as source:
        Client(source.url).post("/here", json={})
        assert (source.received[1].method, source.received[1].body) == (method, body)


def test_redirects_without_end_are_reported() -> None:
    """Not followed until the time is used up."""
    with serving(Says(status=302, headers={"Location": "/again"})) as source:
        error = failing(Client(source.url), ConfigurationError)
        assert "redirects" in str(error)
        assert "Is the address right" in str(error)
        assert len(source.received) == 6


@pytest.mark.parametrize("status", [300, 302, 305])
def test_a_redirect_to_nowhere_is_a_wrong_address(status: int) -> None:
    """What a wrong path is answered with stays so: no later sync helps."""
    with serving(Says(status=status)) as source:
        assert "Is the address right" in str(failing(Client(source.url), ConfigurationError))


def other(source: Source) -> str:
    """The same server under another name: another host, as far as credentials go."""
    return source.url.replace("127.0.0.1", "localhost")


def test_another_host_is_not_followed_unless_it_is_named() -> None:
    """Neither by a redirect nor by a link."""
    with serving(FINE) as elsewhere, serving(FINE) as source:
        source.script = lambda _: Says(status=302, headers={"Location": other(elsewhere)})
        error = failing(Client(source.url), ConfigurationError)
        assert "another host" in str(error)
        assert "allowed_hosts=" in str(error)
        with pytest.raises(DefectError, match="another host"):
            Client(source.url).get(f"{other(elsewhere)}/rows")
        assert elsewhere.received == []


@pytest.mark.parametrize(
    "auth",
    [
        Bearer(Secret(KEY)),
        Basic("me", Secret(KEY)),
        HeaderKey("X-Key", Secret(KEY)),
        QueryKey("key", Secret(KEY)),
    ],
)
def test_no_credentials_go_to_another_host(auth: Auth) -> None:
    """Even to one that is named, and even when the source's own redirect repeats the key."""
    with serving(FINE) as elsewhere, serving(FINE) as source:
        source.script = lambda _: Says(
            status=302, headers={"Location": f"{elsewhere.url}/rows?a=1&key={KEY}"}
        )
        client = Client(source.url.replace("127.0.0.1", "localhost"), auth=auth, allowed_hosts=("127.0.0.1",))
        assert client.get("/rows") == {"fine": True}
        arrived = elsewhere.received[0]
        assert ("a", "1") in arrived.query
        assert "Authorization" not in arrived.headers
        assert "X-Key" not in arrived.headers
        assert ("key", KEY) not in arrived.query or not isinstance(auth, QueryKey)


def test_another_port_is_another_host_for_credentials() -> None:
    """Two services on one machine are two owners."""
    with serving(FINE) as elsewhere, serving(FINE) as source:
        client = Client(source.url, auth=Bearer(Secret(KEY)), allowed_hosts=("127.0.0.1",))
        client.get(f"{elsewhere.url}/rows")
        assert "Authorization" not in elsewhere.received[0].headers


# -- how fast -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rate", "spacing"), [("10/s", 0.1), ("30/min", 2), ("7200/h", 0.5)])
def test_requests_are_spread_to_keep_a_rate(rate: str, spacing: float, clock: VirtualClock) -> None:
    """Evenly, so that no window of the source's holds more; the first goes at once."""
    sent: list[float] = []

    def script(_: Received) -> Says:
        sent.append(clock.monotonic())
        return FINE

    with serving(script=script) as source:
        client = Client(source.url, rate=rate)
        for _ in range(4):
            client.get("/rows")
    assert sent == pytest.approx([0, spacing, 2 * spacing, 3 * spacing])


def test_time_that_passes_anyway_is_not_waited_again(clock: VirtualClock) -> None:
    """A slow source needs no brake, and earns no burst afterwards."""
    with serving(FINE) as source:
        client = Client(source.url, rate="1/s")
        client.get("/rows")
        clock.sleep(10)
        client.get("/rows")
        client.get("/rows")
    assert clock.slept == [10, 1]


@pytest.mark.parametrize("rate", ["fast", "10", "10/d", "0/s", "-1/s", "1.5/s", "/s", "²/s"])
def test_a_rate_that_is_none_is_reported(rate: str) -> None:
    """When the client is made, not at its first request."""
    with pytest.raises(DefectError, match="10/s"):
        Client("https://acme.example", rate=rate)


def test_json_nested_too_deeply_is_an_error_of_the_source() -> None:
    """No RecursionError of Python's reaches a person."""
    deep = Says(b"[" * 100_000 + b"]" * 100_000)
    with serving(deep) as source, pytest.raises(DefectError, match="nested too deeply to be read"):
        Client(source.url).get("/rows")


# -- addresses are put together from their parts --------------------------------------------------------------


def two_pages(link: str) -> Any:
    """A script of a list of two pages, the first of which links to the second."""

    def script(request: Received) -> Says:
        if request.parameter("page"):
            return Says([{"id": 2}])
        return Says([{"id": 1}], headers={"Link": f'<{link}>; rel="next"'})

    return script


def test_an_addresses_query_belongs_to_every_request() -> None:
    """Behind the path, and once: a link of the source's may carry it already."""
    script = two_pages("/v1/tickets?tenant=acme&page=2")
    with serving(script=script) as source:
        client = Client(f"{source.url}/v1?tenant=acme")
        items = list(client.pages("/tickets", NextLink()))
        client.get("/tickets?a=1", b=2)
        client.get("", tenant="other")
    assert [(r.path, r.query) for r in source.received] == [
        ("/v1/tickets", [("tenant", "acme")]),
        ("/v1/tickets", [("page", "2"), ("tenant", "acme")]),
        ("/v1/tickets", [("a", "1"), ("b", "2"), ("tenant", "acme")]),
        ("/v1", [("tenant", "other")]),
    ]
    assert "acme" not in repr(items)  # it may be a key


def test_a_user_and_a_password_in_the_address_are_sent_with_every_page(invocation: Invocation) -> None:
    """Not only with the first; and they are in no position and in no message."""
    script = two_pages("/v1/t?page=2")
    with serving(script=script) as source:
        url = source.url.replace("http://", "http://m%40e:p%2Fw0rd-long@")
        client = Client(f"{url}/v1")
        items = list(client.pages("/t", NextLink()))
    sent = base64.b64encode(b"m@e:p/w0rd-long").decode()
    assert [r.headers["Authorization"] for r in source.received] == [f"Basic {sent}"] * 2
    assert "w0rd" not in repr(items) + client.url
    assert invocation.redactor.clean("p/w0rd-long") == "***"


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("", "is empty"),
        ("acme.example/rest", "does not start with https://"),
        ("htp://acme.example", "starts with something other"),
        ("https://acme example", "a blank or a line break"),
        ("https://acme.example:80a", "has no host name, or a port that is none"),
    ],
)
def test_why_an_address_is_none_is_reported_in_words(typed: str, why: str) -> None:
    """What was typed may be hidden, being among untyped secrets."""
    with pytest.raises(ConfigurationError, match=why):
        Client(typed)


def test_an_address_pasted_with_blanks_around_it_is_taken() -> None:
    """Nobody sees them."""
    with serving(FINE) as source:
        assert Client(f" {source.url}\n").get("/rows") == {"fine": True}


class Tls:
    """A client of an address with TLS, as far as it says where it would go."""

    def __init__(self, url: str) -> None:
        self.client = Client(url, auth=Bearer(Secret(KEY)))

    def follow(self, link: str) -> str:
        return self.client._hosts.follow(f"{self.client.url}/rows", link)


@pytest.mark.parametrize(
    ("link", "followed"),
    [
        ("http://acme.example/v1/rows?page=2", "https://acme.example/v1/rows?page=2"),
        ("http://acme.example:80/rows", "https://acme.example/rows"),
        ("http://me:pw@acme.example/rows#x", "https://acme.example/rows"),
        ("?page=2", "https://acme.example/v1/rows?page=2"),
        ("/two", "https://acme.example/two"),
    ],
)
def test_a_server_behind_tls_may_write_http(link: str, followed: str) -> None:
    """It is followed by TLS, on the same host, with credentials."""
    assert Tls("https://acme.example/v1").follow(link) == followed


@pytest.mark.parametrize(
    "link", ["http://acme.example:8080/rows", "http://other.example/", "https://acme.example:444/"]
)
def test_another_port_is_another_server(link: str) -> None:
    """Whatever scheme it is asked by."""
    with pytest.raises(DefectError, match=r"another (host|scheme or port)"):
        Tls("https://acme.example/v1").follow(link)


def test_a_host_may_be_asked_more_safely_than_was_typed() -> None:
    """Servers redirect http to https."""
    assert (
        Tls("http://acme.example/v1").follow("https://acme.example/v1/rows") == "https://acme.example/v1/rows"
    )


def test_a_redirect_that_ends_at_a_page_is_a_wrong_address() -> None:
    """A login page at the end of one is nothing that passes by itself."""
    page = Says(b"<html><title>Log in</title></html>", kind="text/html")
    script = lambda r: page if r.path == "/login" else Says(status=302, headers={"Location": "/login"})  # noqa: E731
    with serving(script=script) as source:
        assert "Is the address right" in str(failing(Client(source.url), ConfigurationError))


def test_a_position_at_another_address_is_one_the_source_no_longer_knows() -> None:
    """The address was changed while a list was being read: its reading begins again."""
    with serving(FINE) as source, pytest.raises(ConfigurationError, match="another host") as caught:
        Client(source.url).get("http://before.example/rows?page=2")
    assert caught.value.status == 410


# -- what goes to another host --------------------------------------------------------------------------------


def test_no_header_of_the_clients_goes_to_another_host() -> None:
    """Sources take keys in headers of any name."""
    with serving(FINE) as elsewhere, serving(FINE) as source:
        source.script = lambda _: Says(status=302, headers={"Location": f"{elsewhere.url}/rows"})
        client = Client(
            other(source), headers={"X-Own": KEY, "Cookie": f"session={KEY}"}, allowed_hosts=("127.0.0.1",)
        )
        client.get("/rows")
        client.get(f"{elsewhere.url}/rows", key=Secret(KEY), a=1)
    assert source.received[0].headers["X-Own"] == KEY
    assert KEY not in repr(elsewhere.received)
    assert elsewhere.received[1].query == [("a", "1")]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("sent", [{"json": {"password": KEY}}, {"form": {"password": KEY}}])
def test_no_body_is_redirected_to_another_host(status: int, sent: dict[str, Any]) -> None:
    """It was meant for the client's own; an error, and nothing is sent."""
    with serving(FINE) as elsewhere, serving(FINE) as source:
        source.script = lambda _: Says(status=status, headers={"Location": f"{elsewhere.url}/rows"})
        with pytest.raises(DefectError, match="redirects a request with a body"):
            Client(other(source), allowed_hosts=("127.0.0.1",)).post("/rows", **sent)
        assert elsewhere.received == []


@pytest.mark.parametrize(
    "auth",
    [
        QueryKey("api_key", Secret(KEY)),
        Bearer(Secret(KEY)),
        HeaderKey("X-Key", Secret(KEY)),
        Basic("me", Secret(KEY)),
    ],
)
def test_a_key_under_another_name_does_not_become_a_position(auth: Auth) -> None:
    """Nor encoded; in the path it cannot be taken out, and is an error."""
    link = f"/rows?page=2&token={KEY}&auth={base64.b64encode(f'me:{KEY}'.encode()).decode()}"
    with serving(Says({"rows": [{"id": 1}], "next": link}), Says({"rows": [], "next": None})) as source:
        items = list(Client(source.url, auth=auth).pages("/rows", NextLink(next="next"), rows="rows"))
        assert items[1] == At(link=f"{source.url}/rows?page=2")
    with serving(Says({"rows": [{"id": 1}], "next": f"/{KEY}/rows"})) as source:
        with pytest.raises(DefectError, match="credentials in its path") as caught:
            list(Client(source.url, auth=auth).pages("/rows", NextLink(next="next"), rows="rows"))
        assert f"{source.url}/rows" in str(caught.value)


# -- numbers and charsets -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "digits",
    ["12345678901234567.89", "0.10000000000000001", "1.0", "0.1", "-0.0", "1e5", "1E-7", "5e-324", "1e400"],
)
def test_a_fraction_is_a_decimal_with_all_its_digits(digits: str) -> None:
    """Always: the type does not depend on the digits."""
    with serving(Says(f"[{digits}]".encode())) as source:
        (value,) = Client(source.url).get("/rows")
        assert type(value) is Decimal
        assert value == Decimal(digits)
        assert str(value) == str(Decimal(digits))


@pytest.mark.parametrize("name", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_refused_by_its_word(name: str) -> None:
    """Python's own encoder writes it; no JSON has it."""
    with serving(Says(f'[{{"price": {name}}}]'.encode())) as source:
        assert f"the word {name}" in str(failing(Client(source.url), TransientError))


def test_numbers_that_came_may_be_sent() -> None:
    """Digit for digit, in a body and in a query."""
    with serving(FINE) as source:
        exact = Decimal("12345678901234567.89")
        Client(source.url).post(
            "/rows", json={"amount": exact, "more": [Decimal("1.10")]}, at=Decimal("1E+3")
        )
        assert source.received[0].body == b'{"amount":12345678901234567.89,"more":[1.10]}'
        assert source.received[0].query == [("at", "1000")]
        assert source.received[0].headers["Content-Type"] == "application/json"


TEXT = '[{"name": "Größe"}]'


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"\xef\xbb\xbf" + TEXT.encode(), "application/json"),
        (TEXT.encode("utf-16"), "application/json"),
        (TEXT.encode("utf-32"), "application/json"),
        (TEXT.encode("latin-1"), "application/json; charset=iso-8859-1"),
        (TEXT.encode("latin-1"), 'text/json; x=y; Charset="Latin-1"'),
        (TEXT.encode("utf-16-le"), "application/json; charset=utf-16le"),
        (TEXT.encode(), "application/json; charset=nonsense"),
        (TEXT.encode(), "application/json; charset=utf8"),
    ],
)
def test_json_is_read_in_the_charset_it_says_it_is_in(body: bytes, kind: str) -> None:
    """By a mark at its beginning, or by its Content-Type."""
    with serving(Says(body, kind=kind)) as source:
        assert Client(source.url).get("/rows") == [{"name": "Größe"}]


def test_half_a_character_is_replaced_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    """A title cut at 20 UTF-16 units costs neither the page nor the row."""
    body = b'[{"id": 1, "t": "ok"}, {"id": 2, "t": "party \\ud83d"}, {"id": 3, "t": "\\ud83c\\udf89"}]'
    with serving(Says(body)) as source:
        rows = Client(source.url).get("/rows")
        assert [row["t"] for row in rows] == ["ok", "party \ufffd", "\U0001f389"]
    said = capsys.readouterr().out
    assert "WARNING" in said
    assert f"{source.url}/rows" in said
    assert "id=2, 't'" in said


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"[1, 2,]", "at character 6, near '[1, 2,]'"),
        (b"{'a': 1}", "near \"{'a': 1}\""),
        (b'["\xe4"]', "not UTF-8 at byte 2"),
        (b'{"a": 1}\n{"a": 2}', "Extra data at character 9"),
        (b"[1e99999999999999999999]", "too large"),
    ],
)
def test_what_is_no_json_is_reported_with_the_reason_and_the_place(body: bytes, said: str) -> None:
    """Not only that it is none."""
    with serving(Says(body)) as source:
        assert said in str(failing(Client(source.url), TransientError))


# -- error pages ----------------------------------------------------------------------------------------------

APACHE = b"""<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">
<html><head><title>401 Unauthorized</title><style>p {color: red}</style></head><body>
<h1>Unauthorized</h1><p>This server could not verify that you
are authorized to access the document.<br /></p><hr></body></html>"""


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        (
            APACHE,
            "text/html",
            "401 Unauthorized. Unauthorized. This server could not verify that you are authorized to access the document",
        ),
        (b"<html><body>Sorry &amp; <b>bye</b></body></html>", "text/html", "Sorry & bye"),
        (
            b'{"error": {"code": 5, "message": "No such key.", "trace": ["a"]}}',
            "application/json",
            "No such key.",
        ),
        (b'{"errorMessages": ["One.", "Two."], "errors": {}}', "application/json", "One.; Two."),
        (
            b'{"errors": [{"title": "Bad", "detail": "No such field"}]}',
            "application/json",
            "No such field; Bad",
        ),
        (b'{"code": 17}', "application/json", '{"code":17}'),
        (b"plain words", "text/plain", "plain words"),
    ],
)
def test_an_error_page_is_reported_as_a_sentence(body: bytes, kind: str, said: str) -> None:
    """Neither markup nor raw JSON."""
    with serving(Says(body, status=401, kind=kind)) as source:
        assert f"HTTP 401: {said} Check" in str(failing(Client(source.url), ConfigurationError)).replace(
            "\n", " "
        )


def test_a_page_that_is_not_found_asks_for_the_address() -> None:
    """A wrong base path looks like this."""
    with serving(Says(status=404)) as source:
        assert "Is the address right, its path included?" in str(
            failing(Client(source.url), ConfigurationError)
        )
