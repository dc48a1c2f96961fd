"""Where a position goes in a request, and where a page says what follows: bodies, parameters and headers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import pytest
from source_server import Received, Says, Source, serving
from virtual_clock import VirtualClock

from fivetran_runtime import (
    At,
    Bearer,
    Client,
    ConfigurationError,
    DefectError,
    Header,
    Keyset,
    NextLink,
    Offset,
    PageNumber,
    PageToken,
    Secret,
    TransientError,
)
from fivetran_runtime.http.pagination import Paginator

ROWS = [{"id": number} for number in range(23)]
QUERY = "query($after: String) { issues(first: 5, after: $after) { nodes { id } pageInfo { endCursor hasNextPage } } }"


pytestmark = pytest.mark.usefixtures("clock")


def issues(request: Received) -> Says:
    """GraphQL: five a page."""
    start = int(json.loads(request.body)["variables"].get("after") or 0)
    page = ROWS[start : start + 5]
    info = {"endCursor": str(start + 5), "hasNextPage": start + 5 < len(ROWS)}
    return Says({"data": {"issues": {"nodes": page, "pageInfo": info}}})


def graphql(after: str | None = None) -> PageToken:
    info = "data.issues.pageInfo"
    return PageToken(after, next=f"{info}.endCursor", more=f"{info}.hasNextPage", param="variables.after")


def listed(source: Source, paginator: Paginator, **how: Any) -> list[Any]:
    return list(Client(source.url).pages("/rows", paginator, **how))


def rows_of(items: list[Any]) -> list[Any]:
    return [item for item in items if not isinstance(item, At)]


# -- in a body ------------------------------------------------------------------------------------------------


def test_a_position_goes_into_the_body_of_a_query() -> None:
    """Each row once, and every position, named like the variable, resumes."""
    body = {"query": QUERY, "variables": {"project": 7}}
    with serving(script=issues) as source:
        items = listed(source, graphql(), rows="data.issues.nodes", json=body)
        assert rows_of(items) == ROWS
        assert items[5] == At(after="5")
        assert rows_of(listed(source, graphql("20"), rows="data.issues.nodes", json=body)) == ROWS[20:]
        first, second = (json.loads(request.body) for request in source.received[:2])
        assert first == body
        assert second == {"query": QUERY, "variables": {"project": 7, "after": "5"}}
        assert {request.method for request in source.received} == {"POST"}


@pytest.mark.parametrize(
    ("param", "body", "sent"),
    [
        ("page", {"page": 1}, {"page": 3}),
        ("page", {}, {"page": 3}),
        ("paging.page", {}, {"paging": {"page": 3}}),
        ("paging.page", {"paging": None}, {"paging": {"page": 3}}),
        ("paging.page", {"paging": {"size": 5}}, {"paging": {"size": 5, "page": 3}}),
        ("paging.page", {"paging.page": 1}, {"paging.page": 3}),
        (["paging.page"], {}, {"paging.page": 3}),
        ("filters.1.value", {"filters": [0, {"name": "id"}]}, {"filters": [0, {"name": "id", "value": 3}]}),
    ],
)
def test_a_place_in_a_body_is_names_within_names(param: Any, body: Any, sent: Any) -> None:
    """An element of a list is named by its number; what the author wrote stays as it is."""
    before = json.dumps(body)
    with serving(Says([])) as source:
        listed(source, PageNumber(3, param=param, size_param=None), json=body)
        assert json.loads(source.received[0].body) == sent
        assert json.dumps(body) == before


def test_a_position_may_go_into_a_form() -> None:
    """Beside what the author sends."""
    with serving(Says([{"id": 1}]), Says([])) as source:
        listed(source, Offset(), form={"q": "open"})
        assert dict(parse_qsl(source.received[1].body.decode())) == {
            "q": "open",
            "offset": "1",
            "limit": "100",
        }


def test_a_list_asked_for_by_post_is_asked_again() -> None:
    """Reading twice does no harm."""
    with serving(Says(status=503), Says([])) as source:
        assert listed(source, Offset(), json={}) == []
        assert len(source.received) == 2


def test_a_size_in_the_body_counts_as_one() -> None:
    """A page as long as was asked for, on which the place was never found, is no end."""
    with (
        serving(Says({"rows": ROWS[:5]})) as source,
        pytest.raises(DefectError, match="a full page of 5 rows"),
    ):
        listed(source, PageToken(), rows="rows", json={"limit": 5})


@pytest.mark.parametrize(
    ("body", "param", "what"),
    [
        ({"paging": "x"}, "paging.page", "a str where 'paging.page'"),
        ({"filters": [{}]}, "filters.1.value", "a list where 'filters.1.value'"),
        (True, "page", "a bool where 'page'"),
        (None, ["a", "b"], "param=['a', 'b'] is a place in a body"),
    ],
)
def test_a_body_without_room_for_the_position_is_an_error(body: Any, param: Any, what: str) -> None:
    """In a sentence that names the place."""
    with serving(Says([])) as source:
        with pytest.raises(DefectError) as caught:
            listed(source, PageNumber(param=param), json=body)
        assert what in str(caught.value)
        assert source.received == []


def test_a_body_without_room_for_the_next_position_is_an_error_of_the_first_page() -> None:
    """Although that one has no position yet."""
    with serving(Says({"rows": ROWS[:1], "next": "b"})) as source:
        with pytest.raises(DefectError, match=r"json= has a list where 'a\.b'"):
            listed(source, PageToken(param="a.b"), rows="rows", json=[1])
        assert source.received == []


def test_a_list_is_asked_for_with_one_body() -> None:
    """Not with an object and a form."""
    with serving(Says([])) as source:
        with pytest.raises(DefectError, match="json= and form= are both given"):
            listed(source, Offset(), json={}, form={})
        assert source.received == []


# -- errors in a success --------------------------------------------------------------------------------------

PARTIAL = {"data": {"issues": None}, "errors": [{"message": "timed out", "path": ["issues"]}]}


@pytest.mark.parametrize("partial", [PARTIAL, {"data": None, "errors": [{"message": "timed out"}]}])
def test_a_partial_answer_is_asked_for_again(partial: Any, clock: VirtualClock) -> None:
    """It is never taken for a whole one; one that stays is an error in the source's words."""
    failing = [Says(partial)]
    script = lambda request: failing.pop() if failing else issues(request)  # noqa: E731
    with serving(script=script) as source:
        assert (
            rows_of(
                listed(source, graphql(), rows="data.issues.nodes", json={"query": QUERY, "variables": {}})
            )
            == ROWS
        )
        assert clock.slept == [1]
    with (
        serving(Says(partial)) as source,
        pytest.raises(TransientError, match="with errors 5 times: timed out"),
    ):
        Client(source.url).post("/graphql", json={"query": QUERY}, idempotent=True)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"message": "Cannot query field 'x'"}, DefectError),
        ({"message": "no", "extensions": {"code": "UNAUTHENTICATED"}}, ConfigurationError),
        ({"message": "no", "type": "FORBIDDEN"}, ConfigurationError),
        ({"message": "Throttled", "extensions": {"code": "THROTTLED"}}, TransientError),
        ({"message": "API rate limit exceeded", "type": "RATE_LIMITED"}, TransientError),
    ],
)
def test_a_query_that_is_refused_says_who_acts(error: Any, kind: type[Exception]) -> None:
    """No data at all means that the source has not begun; a limit passes."""
    with serving(Says({"errors": [error]})) as source:
        with pytest.raises(kind, match=error["message"]) as caught:
            Client(source.url).post("/graphql", json={"query": QUERY}, idempotent=True)
        assert type(caught.value) is kind
        assert len(source.received) == (5 if kind is TransientError else 1)


def test_errors_that_are_none_are_none() -> None:
    """An empty list, or a member of another source's that is called so."""
    with serving(Says({"data": 1, "errors": []})) as source:
        assert Client(source.url).post("/graphql", json={"query": QUERY})["data"] == 1
    with serving(Says({"id": 7, "errors": [{"message": "of a build"}]})) as source:
        assert Client(source.url).get("/builds/7")["id"] == 7


def test_an_author_may_say_where_errors_are() -> None:
    """For sources that answer everything with 200."""
    with serving(Says({"ok": False, "error": "ratelimited"}), Says({"ok": True, "error": None})) as source:
        assert Client(source.url, errors="error").get("/rows") == {"ok": True, "error": None}
    broken = Says({"ok": False, "error": "broken"})
    with serving(broken) as source, pytest.raises(TransientError, match="broken"):
        Client(source.url, errors="error").get("/rows")


# -- in headers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("paginator", "headers"),
    [
        (Offset(total=Header("x-total-count")), {"X-Total-Count": "3"}),
        (Offset(total=Header("Content-Range")), {"Content-Range": "items 0-2/3"}),
        (PageNumber(last=Header("X-WP-TotalPages")), {"X-WP-TotalPages": "1"}),
        (PageNumber(more=Header("X-Next-Page")), {"X-Next-Page": ""}),
        (PageToken(next=Header("X-Next-Cursor"), absent="error"), {"X-Next-Cursor": ""}),
        (PageToken(next=Header("X-Next-Cursor")), {}),
        (NextLink(next=Header("X-Next-Url")), {}),
        (Keyset(more=Header("X-More")), {"X-More": "false"}),
    ],
)
def test_the_end_may_be_said_in_a_header(paginator: Paginator, headers: Mapping[str, str]) -> None:
    """One request, and none for an empty page."""
    with serving(Says(ROWS[:3], headers=headers)) as source:
        assert listed(source, paginator) == ROWS[:3]
        assert len(source.received) == 1


@pytest.mark.parametrize(
    ("paginator", "headers", "at"),
    [
        (Offset(total=Header("X-Total")), {"X-Total": "4"}, At(offset=3)),
        (PageNumber(more=Header("X-Next-Page")), {"X-Next-Page": "2"}, At(page=2)),
        (PageToken(next=Header("X-Next")), {"X-Next": "b"}, At(token="b")),
        (NextLink(next=Header("X-Next")), {"X-Next": "?p=2"}, None),
    ],
)
def test_a_header_leads_on(paginator: Paginator, headers: Mapping[str, str], at: At | None) -> None:
    """As a member of the body does."""
    last = Says(ROWS[3:4], headers={"X-Next-Page": "", "X-Total": "4"})
    with serving(Says(ROWS[:3], headers=headers), last) as source:
        items = listed(source, paginator)
        assert rows_of(items) == ROWS[:4]
        assert at is None or items[3] == at


def test_a_header_that_is_missing_is_named() -> None:
    """With those that are there."""
    with serving(Says(ROWS[:3])) as source, pytest.raises(DefectError, match=r"no 'X-Total'.*Content-Type"):
        listed(source, Offset(total=Header("X-Total")))


@pytest.mark.parametrize(
    ("paginator", "header"),
    [
        (PageToken(next=Header("X-Next-Token")), ("X-Next-Cursor", "b")),
        (PageToken(next=Header("X-Nxt")), ("x-ms-continuation", "b")),
        (PageToken(next=Header("X-Nxt")), ("X-Page-Token", "b")),
        (PageToken(), ("X-Acme-Next-Page-Token", "b")),
        (NextLink(next=Header("X-Lnk")), ("X-NextLink", "/rows?p=2")),
        (NextLink(next=Header("X-Lnk")), ("Link", '</rows?p=2>; rel="next"')),
        (NextLink(), ("X-Links", '</rows?p=2>; rel="next"')),
        (PageNumber(more=Header("X-Mor")), ("X-Has-More", "true")),
    ],
)
def test_a_header_that_was_misspelt_is_not_the_end(paginator: Paginator, header: tuple[str, str]) -> None:
    """An error that names the header that says that more follows."""
    rows = "rows" if isinstance(paginator, PageToken) else None
    says = Says({"rows": ROWS[:3]} if rows else ROWS[:3], headers=dict([header]))
    with (
        serving(says) as source,
        pytest.raises(DefectError, match=f"but the header {header[0]} says that more"),
    ):
        listed(source, paginator, rows=rows)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Next-Page": ""},
        {"X-Has-More": "false"},
        {"X-Prev-Cursor": "a"},
        {"X-Next-Sync-Token": "a"},
        {"X-RateLimit-Next-Reset": "60"},
        {"X-Links": '</rows>; rel="first"'},
    ],
)
@pytest.mark.parametrize("paginator", [PageToken(next=Header("X-Next-Cursor")), NextLink()])
def test_a_list_of_one_page_has_no_header_that_leads_on(
    paginator: Paginator, headers: Mapping[str, str]
) -> None:
    """What is empty, or leads to something else than a page, is no sign of one."""
    with serving(Says(ROWS[:3], headers=headers)) as source:
        assert listed(source, paginator) == ROWS[:3]


def test_a_last_page_may_have_other_headers_once_the_named_one_was_found() -> None:
    """The place is right."""
    first, last = {"X-Next": "b"}, {"X-Cursor": "b"}
    with serving(Says(ROWS[:3], headers=first), Says(ROWS[3:5], headers=last)) as source:
        assert rows_of(listed(source, PageToken(next=Header("X-Next")))) == ROWS[:5]


@pytest.mark.parametrize("name", ["", 5, None, "X Next", "X-Next:"])
def test_a_header_has_a_name(name: Any) -> None:
    """One sentence that names the argument."""
    with pytest.raises(DefectError, match=re.escape(f"Header(name={name!r}): it has to be the name of")):
        Header(name)


def test_a_token_may_be_sent_in_a_header() -> None:
    """Where it came from."""
    with serving(Says([{"id": 1}], headers={"X-Continuation": "b"}), Says([])) as source:
        where = Header("X-Continuation")
        assert listed(source, PageToken(next=where, param=where, at="cursor"))[1] == At(cursor="b")
        assert source.received[1].headers["X-Continuation"] == "b"


def test_headers_of_one_list_go_with_each_of_its_pages_only_to_the_own_host() -> None:
    """And to no other request of the client."""
    with serving(Says([])) as elsewhere, serving(Says([])) as source:
        host = elsewhere.url.replace("127.0.0.1", "localhost")
        source.script = lambda _: Says([{"id": 1}], headers={"Link": f'<{host}/two>; rel="next"'})
        client = Client(source.url, auth=Bearer(Secret("k3y-0f-the-h0use")), allowed_hosts=("localhost",))
        # The path is another one: a link that may be meant.
        list(client.pages("/one", NextLink(), headers={"X-Tenant": Secret("acme-tenant")}))
        client.get("/three")
        assert source.received[0].headers["X-Tenant"] == "acme-tenant"
        assert "X-Tenant" not in source.received[1].headers
        assert "X-Tenant" not in elsewhere.received[0].headers
