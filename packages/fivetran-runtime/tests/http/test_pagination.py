"""Every paginator over a real paged source: each row once, and every position resumes exactly where it says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from source_server import Received, Says, Source, serving

from fivetran_runtime import (
    At,
    Client,
    ConfigurationError,
    DefectError,
    ExpiredError,
    Keyset,
    NextLink,
    Offset,
    PageNumber,
    PageToken,
    QueryKey,
    Secret,
    TransientError,
)
from fivetran_runtime._invocation.budget import Budget, Limits
from fivetran_runtime._invocation.context import Invocation, run_as
from fivetran_runtime._sync.session import efforts
from fivetran_runtime.http.pagination import Paginator

ROWS = [{"id": number} for number in range(1, 24)]


pytestmark = pytest.mark.usefixtures("clock")


@dataclass
class Paged:
    """A source that serves rows in every paginator, and caps its pages whatever is asked for."""

    rows: list[dict[str, Any]] = field(default_factory=lambda: list(ROWS))
    cap: int = 5

    def __call__(self, request: Received) -> Says:
        answer: Says = getattr(self, request.path.strip("/"))(request)
        return answer

    def size(self, request: Received, name: str = "limit") -> int:
        return min(int(request.parameter(name) or self.cap), self.cap)

    def offset(self, request: Received) -> Says:
        start = int(request.parameter("offset") or 0)
        return Says({"data": self.rows[start : start + self.size(request)], "count": len(self.rows)})

    def page(self, request: Received) -> Says:
        size = self.size(request, "per_page")
        number = int(request.parameter("page") or 1)
        last = -(-len(self.rows) // size)
        body = {"data": self.rows[(number - 1) * size : number * size], "more": number < last, "last": last}
        return Says(body)

    def token(self, request: Received) -> Says:
        start = int((request.parameter("token") or "t0")[1:])
        end = start + self.size(request)
        following = {"page": {"token": f"t{end}"}} if end < len(self.rows) else {}
        return Says({"data": self.rows[start:end], "next": following})

    def link(self, request: Received) -> Says:
        start = int(request.parameter("start") or 0)
        end = start + self.cap
        if end >= len(self.rows):
            return Says(self.rows[start:end])
        query = urlencode([*((n, v) for n, v in request.query if n != "start"), ("start", end)])
        return Says(
            self.rows[start:end], headers={"Link": f'</link?{query}>; rel="next", </link>; rel="first"'}
        )

    def after(self, request: Received) -> Says:
        after = int(request.parameter("after") or 0)
        return Says([row for row in self.rows if row["id"] > after][: self.size(request)])


@pytest.fixture
def source() -> Iterator[Source]:
    with serving(script=Paged()) as source:
        yield source


@dataclass(frozen=True)
class Case:
    path: str
    paginator: Callable[..., Paginator]
    rows: str | None = "data"


CASES = {
    "offset": Case("offset", Offset),
    "offset, total": Case("offset", lambda **at: Offset(**at, total="count")),
    "offset, no size": Case("offset", lambda **at: Offset(**at, size_param=None)),
    "page": Case("page", PageNumber),
    "page, more": Case("page", lambda **at: PageNumber(**at, more="more")),
    "page, last": Case("page", lambda **at: PageNumber(**at, last="last")),
    "token": Case("token", lambda **at: PageToken(**at, next="next.page.token")),
    "token, size": Case("token", lambda **at: PageToken(**at, next="next.page.token", size=3)),
    "link": Case("link", NextLink, None),
    "after": Case("after", Keyset, None),
    "after, no size": Case("after", lambda **at: Keyset(**at, size=None), None),
}


def listed(source: Source, case: Case, **position: Any) -> list[Any]:
    client = Client(source.url)
    pages = client.pages(f"/{case.path}", case.paginator(**position), rows=case.rows)
    return list(islice(pages, 500))  # a paginator that turns in a circle fails, and does not hang


def rows_of(items: list[Any]) -> list[Any]:
    return [item for item in items if not isinstance(item, At)]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.parametrize("count", [0, 1, 4, 5, 6, 10, 23])
def test_every_row_comes_once_though_the_source_caps_its_pages(case: Case, count: int) -> None:
    """A hundred are asked for, five come: fewer than asked for does not mean the end."""
    with serving(script=Paged(ROWS[:count])) as source:
        assert rows_of(listed(source, case)) == ROWS[:count]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_every_position_resumes_exactly(source: Source, case: Case) -> None:
    """Each At, given back as arguments, brings the rows after it and no other."""
    items = listed(source, case)
    places = [place for place, item in enumerate(items) if isinstance(item, At)]
    assert len(places) >= 4
    for place in places:
        assert rows_of(listed(source, case, **items[place].position)) == rows_of(items[place:])


@pytest.mark.parametrize("name", ["offset, total", "page, more", "page, last", "token", "link"])
def test_no_position_comes_after_the_last_page_where_the_source_tells_it(source: Source, name: str) -> None:
    """An At there would be one more request, for an empty page."""
    assert listed(source, CASES[name])[-1] == ROWS[-1]


@pytest.mark.parametrize("overlap", [1, 4, 5, 6, 100])
@pytest.mark.parametrize("count", [0, 1, 4, 5, 6, 23])
def test_an_overlap_reads_rows_again_and_leaves_none_out(overlap: int, count: int) -> None:
    """Even one as large as the source's pages, which it may cap lower than anybody knew."""
    case = Case("offset", lambda **at: Offset(**at, overlap=overlap))
    with serving(script=Paged(ROWS[:count])) as source:
        rows = rows_of(listed(source, case))
        assert sorted({row["id"] for row in rows}) == [row["id"] for row in ROWS[:count]]


def test_an_overlap_is_half_of_a_page_at_most() -> None:
    """Else a source that caps its pages just above the overlap would be asked once for each row."""
    rows = [{"id": number} for number in range(200)]
    with serving(script=Paged(rows)) as source:  # five rows a page
        items = listed(source, Case("offset", lambda **at: Offset(**at, overlap=4)))
    assert len([item for item in items if isinstance(item, At)]) <= 100


def test_an_overlap_finds_rows_that_moved_up_while_reading() -> None:
    """A row deleted from the first page lifts one of the second onto it."""
    paged = Paged()
    case = Case("offset", lambda **at: Offset(**at, overlap=1))
    with serving(script=paged) as source:
        found = []
        for item in Client(source.url).pages("/offset", case.paginator(), rows="data"):
            if item == At(offset=4):
                del paged.rows[0]
            found.append(item)
        assert {row["id"] for row in rows_of(found)} == {row["id"] for row in ROWS}


def test_the_total_saves_the_last_empty_page() -> None:
    """Five pages of five, and not one request more."""
    with serving(script=Paged(ROWS[:20])) as source:
        listed(source, CASES["offset, total"])
        assert len(source.received) == 4


def test_names_are_the_sources_and_the_authors() -> None:
    """`param` is what the source calls it, `at` what the table function does."""
    pages = [Says([{"id": 1}]), Says([])]
    with serving(*pages) as source:
        paginator = Offset(0, size=7, param="skip", size_param="top", at="place")
        assert list(Client(source.url).pages("/rows", paginator)) == [{"id": 1}, At(place=1)]
        assert source.received[1].query == [("skip", "1"), ("top", "7")]


def test_a_tokens_position_is_named_like_its_parameter() -> None:
    """Unless `at` says otherwise."""
    for paginator, position in [
        (PageToken(param="bookmark"), At(bookmark="b")),
        (PageToken(param="b-k", at="b"), At(b="b")),
    ]:
        with serving(Says({"rows": [], "next": "b"}), Says({"rows": []})) as source:
            assert list(Client(source.url).pages("/rows", paginator, rows="rows")) == [position]


def test_a_constant_position_is_part_of_every_at(source: Source) -> None:
    """Tickets of project 7, page 2: both are needed to go on."""
    pages = Client(source.url).pages("/page", PageNumber(), rows="data", at={"project": 7})
    assert next(item for item in pages if isinstance(item, At)) == At(project=7, page=2)


def test_rows_are_made_of_what_the_source_lists(source: Source) -> None:
    """Positions pass by untouched."""
    pages = list(Client(source.url).pages("/after", Keyset(), row=lambda row: {"key": row["id"]}))
    assert pages[0] == {"key": 1}
    assert pages[5] == At(after=5)


def test_every_page_is_asked_with_the_same_parameters(source: Source) -> None:
    """A filter that held for the first page only would list other rows from the second on."""
    list(Client(source.url).pages("/offset", Offset(), rows="data", state="open"))
    assert len(source.received) == 6
    assert {request.parameter("state") for request in source.received} == {"open"}


def test_a_links_own_parameters_are_not_repeated(source: Source) -> None:
    """The link carries the filter already; `state=open&state=open` is another question to some sources."""
    rows = list(Client(source.url).pages("/link", NextLink(), state="open"))
    assert rows_of(rows) == ROWS
    assert all([name for name, _ in r.query].count("state") == 1 for r in source.received)


def test_a_key_that_a_link_repeats_does_not_become_a_position(source: Source) -> None:
    """Positions go into the state, and the state into Fivetran's database and logs."""
    client = Client(source.url, auth=QueryKey("api_key", Secret("k3y-0f-the-h0use")))
    items = list(client.pages("/link", NextLink()))
    assert rows_of(items) == ROWS
    assert "k3y" not in repr(items)
    assert all([name for name, _ in r.query].count("api_key") == 1 for r in source.received)


@pytest.mark.parametrize(
    "header",
    [
        '</two>; rel="next"',
        "</two>; rel=next",
        "</two>;rel=next",
        '</two>; REL="Next"',
        '</two> ; rel = "next"',
        '</two>; rel="next last"',
        '</two>; title="a, b; c"; rel="next"',
        '</two>; rel="next"; title="two"',
        '</zero>; rel="prev", </two>; rel="next", </nine>; rel="last"',
        '</zero>; title="next"; rel="prev",</two>; rel="next"',
        '<http://127.0.0.1:{port}/two>; rel="next"',
        '<two>; rel="next"',
    ],
)
def test_every_form_of_a_link_header_is_read(header: str) -> None:
    """RFC 8288: order, case, spaces, quotes, several relations and other parameters."""
    with serving(Says([])) as source:
        link = header.replace("{port}", source.url.rpartition(":")[2])
        source.script = lambda r: Says([{"id": 1}], headers={"Link": link}) if r.path == "/one" else Says([])
        assert list(Client(source.url).pages("/one", NextLink()))[1:] == [At(link=f"{source.url}/two")]


@pytest.mark.parametrize(
    "header", ['</zero>; rel="prev"', '</x>; rel="nextish"', '</x>; title="rel=next"', "nonsense", ""]
)
def test_no_next_link_is_the_end(header: str) -> None:
    """Other relations lead elsewhere."""
    with serving(Says([{"id": 1}], headers={"Link": header})) as source:
        assert list(Client(source.url).pages("/one", NextLink())) == [{"id": 1}]


@pytest.mark.parametrize("end", [{}, {"next": None}, {"next": ""}])
def test_a_link_in_the_body_is_followed_until_there_is_none(end: dict[str, Any]) -> None:
    """Left out, null or empty."""
    first = Says({"rows": [{"id": 1}], "next": "?page=2"})
    with serving(first, Says({"rows": [{"id": 2}], **end})) as source:
        items = list(Client(source.url).pages("/rows", NextLink(next="next", size=9), rows="rows"))
        assert items == [{"id": 1}, At(link=f"{source.url}/rows?page=2"), {"id": 2}]
        assert [request.query for request in source.received] == [[("per_page", "9")], [("page", "2")]]


@pytest.mark.parametrize(
    "end", [{}, {"next": None}, {"next": {}}, {"next": {"token": None}}, {"next": {"token": ""}}]
)
def test_every_way_to_say_that_no_token_follows_is_the_end(end: dict[str, Any]) -> None:
    """Sources differ, and change their minds."""
    with serving(Says({"data": [], **end})) as source:
        assert list(Client(source.url).pages("/rows", PageToken(next="next.token"), rows="data")) == []


@pytest.mark.parametrize("end", [False, None, 0, "N", "f", " Off ", "no"])
def test_more_pages_end_where_the_source_says_so(end: Any) -> None:
    """False, null or nothing at all."""
    with serving(Says({"rows": [1], "more": end})) as source:
        assert list(Client(source.url).pages("/rows", PageNumber(more="more"), rows="rows")) == [1]


def test_a_text_that_says_yes_on_an_empty_page_is_shown() -> None:
    """Whatever the source calls it: it may have meant no."""
    says = Says({"rows": [], "more": "finished"})
    with serving(says) as source, pytest.raises(TransientError, match=r"more \('finished'\) says that more"):
        list(Client(source.url).pages("/rows", PageNumber(more="more"), rows="rows"))


def test_an_empty_page_is_not_the_end_where_the_source_may_have_some() -> None:
    """Filters of the source's may leave a page without rows; its author says so."""
    paginator = PageNumber(more="more", empty="skip")
    with serving(Says({"rows": [], "more": True}), Says({"rows": [1], "more": False})) as source:
        assert list(Client(source.url).pages("/rows", paginator, rows="rows")) == [At(page=2), 1]


@pytest.mark.parametrize(
    ("paginator", "body", "place"),
    [
        (Offset(3, total="total"), {"total": 9}, "total"),
        (Offset(3, total="meta.total"), {"meta": {"total": "9"}}, "meta.total"),
        (Keyset(3, more="more"), {"more": True}, "more"),
        (Keyset(3, more=["a.b"]), {"a.b": "yes"}, "a.b"),
        (PageNumber(2, more="more"), {"more": "true"}, "more"),
        (PageNumber(2, last="last"), {"last": 3}, "last"),
    ],
)
def test_an_empty_page_that_says_more_follows_is_no_end(
    paginator: Paginator, body: dict[str, Any], place: str
) -> None:
    """The source is not well: the rows behind it would be left out for good, and deleted where that is asked for."""
    with serving(Says({"rows": [], **body})) as source:
        with pytest.raises(TransientError, match=re.escape(place)) as caught:
            list(Client(source.url).pages("/rows", paginator, rows="rows"))
        assert f"{source.url}/rows" in str(caught.value)


@pytest.mark.parametrize("how_many", [10, 20, 25, 30])
def test_a_total_that_is_the_pages_own_count_ends_no_list(how_many: int) -> None:
    """A full page says nothing of the end then; the one behind it does."""

    def page(request: Received) -> Says:
        start = int(request.parameter("offset") or 0)
        rows = [{"id": number} for number in range(how_many)][start : start + 10]
        return Says({"data": rows, "total": len(rows)})

    with serving(script=page) as source:
        items = Client(source.url).pages("/rows", Offset(size=10, total="total"), rows="data")
        assert [row["id"] for row in rows_of(list(items))] == [*range(how_many)]


@pytest.mark.parametrize("paginator", [Offset(total="number"), PageNumber(last="number")])
@pytest.mark.parametrize("number", [-1, "-1", -0.5])
def test_a_negative_number_is_no_end(paginator: Paginator, number: Any) -> None:
    """Sources write it for "not known"."""
    with serving(Says({"data": [{"id": 1}], "number": number})) as source:
        with pytest.raises(DefectError, match="number") as caught:
            list(Client(source.url).pages("/rows", paginator, rows="data"))
        assert f"{source.url}/rows" in str(caught.value)


def test_rows_behind_the_last_page_are_a_contradiction() -> None:
    """A source that counts its pages from 0, or whose list has grown: the rest must not be left out."""
    with (
        serving(Says({"data": [{"id": 1}], "last": 1})) as source,
        pytest.raises(TransientError, match="last is 1, and page 2 has rows"),
    ):
        list(Client(source.url).pages("/rows", PageNumber(2, last="last"), rows="data"))


# -- a place that is not there --------------------------------------------------------------------------------

TEN = [{"id": number} for number in range(10)]


@pytest.mark.parametrize("place", ["@odata.nextLink", ["@odata.nextLink"]])
def test_a_name_may_hold_dots(place: Any) -> None:
    """As OData's do: taken for names within names, everything behind page 1 would be left out."""
    more = [{"id": number} for number in range(25)]
    pages = [Says({"value": more[n - 10 : n], "@odata.nextLink": f"/rows?skip={n}"}) for n in (10, 20)]
    with serving(*pages, Says({"value": more[20:]})) as source:
        assert rows_of(list(Client(source.url).pages("/rows", NextLink(next=place), rows="value"))) == more


def test_a_list_of_names_is_taken_as_it_stands() -> None:
    """A text that fits two places is an error, a list fits one."""
    body = {"a.b": [1], "a": {"b": [2]}}
    with serving(Says(body)) as source:
        client = Client(source.url)
        assert list(client.pages("/rows", PageToken(absent="end"), rows=["a.b"])) == [1]
        assert list(client.pages("/rows", PageToken(absent="end"), rows=["a", "b"])) == [2]
        with pytest.raises(DefectError, match="in the answer twice"):
            list(client.pages("/rows", PageToken(absent="end"), rows="a.b"))


@pytest.mark.parametrize(
    ("paginator", "other", "place"),
    [
        (NextLink(next="next"), {"next_page": "/rows?page=2"}, "next"),
        (NextLink(next="next"), {"links": {"next": {"href": "/rows?page=2"}}}, "next"),
        (NextLink(next="nextLink"), {"@odata.nextLink": "/rows?page=2"}, "nextLink"),
        (NextLink(), {"next": "/rows?page=2"}, "Link"),
        (PageToken(), {"nextPageToken": "b"}, "next"),
        (PageToken(), {"paging": {"has_more": True}}, "next"),
        (PageNumber(more="more"), {"hasMore": True}, "more"),
        (Keyset(more="more"), {"has_next": "true"}, "more"),
        (PageToken(size=10), {}, "next"),
        (NextLink(next="next", size=5), {}, "next"),
        (PageToken(absent="error"), {}, "next"),
    ],
)
def test_a_place_that_was_renamed_is_not_the_end(
    paginator: Paginator, other: dict[str, Any], place: str
) -> None:
    """An error that names page and place; taken for the end it would delete all rows behind page 1."""
    with serving(Says({"rows": TEN, **other})) as source:
        with pytest.raises(DefectError, match=f"no '{place}' in the answer") as caught:
            list(Client(source.url).pages("/rows", paginator, rows="rows"))
        assert f"{source.url}/rows" in str(caught.value)
        assert "there is: " in str(caught.value)


def test_a_link_in_the_header_is_seen_where_one_in_the_body_is_looked_for() -> None:
    """The source says that more follows, only elsewhere."""
    page = Says({"rows": TEN}, headers={"Link": '</rows?page=2>; rel="next"'})
    with serving(page) as source, pytest.raises(DefectError, match="the header Link says that more"):
        list(Client(source.url).pages("/rows", NextLink(next="next"), rows="rows"))


def test_a_size_that_is_asked_for_by_hand_counts_as_one() -> None:
    """A page as long as a parameter of that name says is full."""
    for name in SIZES:
        query: dict[str, Any] = {name: 10}
        with (
            serving(Says({"rows": TEN})) as source,
            pytest.raises(DefectError, match="a full page of 10 rows"),
        ):
            list(Client(source.url).pages("/rows", PageToken(), rows="rows", **query))


SIZES = (
    "per",
    "limit",
    "per_page",
    "pageSize",
    "$top",
    "maxResults",
    "first",
    "count",
    "page[size]",
    "sysparm_limit",
)


@pytest.mark.parametrize("name", ["project", "page", "year", "credit_limit", "discount", "first_seen"])
@pytest.mark.parametrize("paginator", [PageToken(), NextLink(next="next")])
def test_a_number_that_is_no_size_says_nothing_of_the_page(paginator: Paginator, name: str) -> None:
    """A list of project 10 may have ten rows."""
    with serving(Says({"rows": TEN})) as source:
        client = Client(source.url)
        query: dict[str, Any] = {name: 10}
        assert list(client.pages("/rows", paginator, rows="rows", **query)) == TEN
        body = {name: 10, "variables": {name: 10}}
        assert list(client.pages("/rows", paginator, rows="rows", json=body)) == TEN


@pytest.mark.parametrize(
    "paginator",
    [
        PageToken(),
        PageToken(size=100),
        NextLink(next="next", size=11),
        NextLink(next="a.b"),
        NextLink(),
        Keyset(more="m"),
    ],
)
@pytest.mark.parametrize(
    "beside",
    [
        {},
        {"nextSyncToken": "x"},
        {"self": "/rows", "next_page": None},
        {"paging": {"cursors": {"after": "x"}}},
    ],
)
def test_a_source_may_leave_the_place_out_of_its_only_page(
    paginator: Paginator, beside: dict[str, Any]
) -> None:
    """A short page is the end: most lists of what changed since yesterday have only one."""
    with serving(script=lambda r: Says({"rows": [] if r.parameter("after") else TEN, **beside})) as source:
        assert rows_of(list(Client(source.url).pages("/rows", paginator, rows="rows"))) == TEN


@pytest.mark.parametrize("paginator", [PageToken(size=10), NextLink(next="next", size=10)])
def test_a_source_may_leave_the_place_out_of_its_last_page(paginator: Paginator) -> None:
    """Even of a full one: it was there on the page before."""
    with serving(Says({"rows": TEN, "next": "/rows?p=2"}), Says({"rows": ROWS[:10]})) as source:
        assert len(rows_of(list(Client(source.url).pages("/rows", paginator, rows="rows")))) == 20


@pytest.mark.parametrize(
    "paginator",
    [
        PageToken(size=10, absent="end"),
        NextLink(next="next", size=10, absent="end"),
        PageNumber(more="more", absent="end"),
    ],
)
def test_an_author_may_say_that_nothing_means_the_end(paginator: Paginator) -> None:
    """For sources that leave the place out of a list of one full page too."""
    with serving(Says({"rows": TEN})) as source:
        assert list(Client(source.url).pages("/rows", paginator, rows="rows")) == TEN
        assert len(source.received) == 1


@pytest.mark.parametrize("paginator", [PageNumber(more="mor"), Keyset(more="mor")])
def test_where_pages_are_counted_the_next_one_is_asked_for(paginator: Paginator) -> None:
    """That it is empty is an answer; two pages with rows and never a word is an error."""
    with serving(Says({"rows": TEN}), Says({"rows": []})) as source:
        assert rows_of(list(Client(source.url).pages("/rows", paginator, rows="rows"))) == TEN
    with (
        serving(Says({"rows": TEN}), Says({"rows": ROWS[15:]})) as source,
        pytest.raises(DefectError, match="on 2 pages with rows"),
    ):
        list(Client(source.url).pages("/rows", paginator, rows="rows"))


@pytest.mark.parametrize("said", ["false", "False", "0", "no", "None", "NULL", ""])
def test_more_may_be_said_in_text(said: str) -> None:
    """The text "false" is not true."""
    with serving(Says({"rows": [1], "more": said})) as source:
        assert list(Client(source.url).pages("/rows", PageNumber(more="more"), rows="rows")) == [1]


@pytest.mark.parametrize(
    ("paginator", "value"),
    [
        (PageToken(), {"id": 1}),
        (PageToken(), True),
        (NextLink(next="next"), {"x": "/rows"}),
        (NextLink(next="next"), True),
    ],
)
def test_what_cannot_lead_on_is_an_error(paginator: Paginator, value: Any) -> None:
    """An object where a token or an address should be."""
    with serving(Says({"rows": TEN, "next": value})) as source, pytest.raises(DefectError, match="next is a"):
        list(Client(source.url).pages("/rows", paginator, rows="rows"))


# -- circles and strangers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [2, 3, 50])
@pytest.mark.parametrize("paginator", [NextLink(next="next"), PageToken()])
def test_pages_in_a_circle_are_noticed_in_one_round(paginator: Paginator, length: int) -> None:
    """Not when the time is used up, call after call."""

    def script(request: Received) -> Says:
        number = int((request.parameter("token") or "0").rpartition("=")[2])
        return Says({"rows": [{"id": number}], "next": f"/rows?token={(number + 1) % length}"})

    with serving(script=script) as source:
        with pytest.raises(DefectError, match=r"in a circle|came again"):
            list(Client(source.url).pages("/rows", paginator, rows="rows"))
        assert len(source.received) <= length + 2


def test_a_source_that_starts_over_behind_its_last_page_is_noticed() -> None:
    """Numbers that never come again do not help where the pages do."""
    with (
        serving(script=lambda r: Says([{"id": int(r.parameter("page") or 1) % 7}])) as source,
        pytest.raises(DefectError, match="pages 1 and 2 came again as 8 and 9"),
    ):
        list(Client(source.url).pages("/rows", PageNumber()))


def test_one_page_like_an_earlier_one_is_no_circle() -> None:
    """Measurements may well repeat themselves."""
    pages = [[{"v": 1}], [{"v": 2}], [{"v": 1}], [{"v": 3}], []]
    with serving(*map(Says, pages)) as source:
        assert len(rows_of(list(Client(source.url).pages("/rows", PageNumber())))) == 4


@pytest.mark.parametrize(
    "link", ["http://stranger.example/rows", "//stranger.example/rows", "ftp://127.0.0.1/"]
)
def test_a_link_to_another_host_is_reported_with_the_page_it_is_on(link: str) -> None:
    """Before it becomes a position, in which every later call would meet it again."""
    with serving(Says({"rows": TEN, "next": link})) as source:
        with pytest.raises(DefectError, match="the link to the next page leads to") as caught:
            list(Client(source.url).pages("/rows", NextLink(next="next"), rows="rows"))
        assert f"{source.url}/rows" in str(caught.value)


def test_a_next_link_that_says_it_has_no_results_is_the_end() -> None:
    """One way of saying so in a header that is always there."""
    header = {"Link": '</rows?cursor=9>; rel="next"; results="false"'}
    with serving(Says(TEN, headers=header)) as source:
        assert list(Client(source.url).pages("/rows", NextLink())) == TEN


@pytest.mark.parametrize(
    ("paginator", "body", "headers", "what"),
    [
        (PageToken("t", next="next"), {"rows": [{"id": 1}], "next": "t"}, {}, "token"),
        (NextLink(next="next"), {"rows": [{"id": 1}], "next": "/rows"}, {}, "link"),
        (NextLink(), {"rows": [{"id": 1}]}, {"Link": '</rows>; rel="next"'}, "link"),
        (Keyset(1), {"rows": [{"id": 1}]}, {}, "id"),
    ],
)
def test_a_position_that_does_not_move_is_an_error(
    paginator: Paginator, body: Any, headers: Any, what: str
) -> None:
    """Not the same page until the time is used up, sync after sync."""
    with serving(Says(body, headers=headers)) as source:
        with pytest.raises(DefectError, match=f"the {what} for the next page") as caught:
            list(Client(source.url).pages("/rows", paginator, rows="rows"))
        assert f"{source.url}/rows" in str(caught.value)
        assert len(source.received) <= 2


@pytest.mark.parametrize(
    ("body", "rows", "said"),
    [
        ({"items": []}, "data", "no 'data' in the answer"),
        ({"items": [], "total": 1}, "data", "there is: items, total"),
        ({"data": {"items": 1}}, "data.rows", "looking for data.rows"),
        ({"data": None}, "data", "None, not a list"),
        ({"data": {"1": {}}}, "data", "dict, not a list"),
        ({"error": "quota"}, None, "the body is a dict, not a list"),
        (None, None, "the body is None"),
        ([], "data", "there is: a list"),
        (
            {"data": [{"rows": [1]}]},
            "data.rows",
            "no 'rows' in the answer (looking for data.rows); there is: a list",
        ),
        (b"", "data", "the answer has no body, or null (looking for data)"),
    ],
)
def test_a_page_without_rows_where_they_should_be_is_an_error(body: Any, rows: str | None, said: str) -> None:
    """An error page with status 200, or a renamed member, is not an empty list."""
    with serving(Says(body)) as source:
        with pytest.raises(DefectError) as caught:
            list(Client(source.url).pages("/rows", Offset(), rows=rows))
        assert said in str(caught.value)
        assert f"{source.url}/rows" in str(caught.value)


@pytest.mark.parametrize("row", [{"key": 1}, {"id": None}, "text"])
def test_a_row_without_the_column_to_go_on_from_is_an_error(row: Any) -> None:
    """Named, with the page it was on."""
    with serving(Says([row])) as source, pytest.raises(DefectError, match="has no id to go on from"):
        list(Client(source.url).pages("/rows", Keyset()))


@pytest.mark.parametrize(
    ("paginator", "missing"), [(Offset(total="count"), "count"), (PageNumber(last="pages.last"), "pages")]
)
def test_a_promised_member_that_is_missing_is_an_error(paginator: Paginator, missing: str) -> None:
    """Whoever named it counts on it to find the end."""
    with serving(Says({"data": [1]})) as source, pytest.raises(DefectError, match=f"no '{missing}'"):
        list(Client(source.url).pages("/rows", paginator, rows="data"))


@pytest.mark.parametrize("paginator", [Offset(size=5), PageNumber(size=5), Keyset(column="id", size=5)])
def test_a_source_that_ignores_the_position_is_noticed(paginator: Paginator) -> None:
    """The same page again would go on for ever; the text says what to look at."""
    with (
        serving(Says({"data": ROWS[:5]})) as source,
        pytest.raises(DefectError, match=r"twice in a row|just used"),
    ):
        list(Client(source.url).pages("/rows", paginator, rows="data"))


# -- ends that only the author knows ----------------------------------------------------------------------------


def pages_of(paginator: Paginator, *pages: Any, **how: Any) -> list[Any]:
    """The items of a list whose pages come in turn; the last one for ever."""
    with serving(*(page if isinstance(page, Says) else Says(page) for page in pages)) as source:
        return list(islice(Client(source.url).pages("/rows", paginator, **how), 500))


@pytest.mark.parametrize("paginator", [PageToken(more="more"), NextLink(next="next", more="more")])
@pytest.mark.parametrize("more", [False, None, 0, "false", ""])
def test_a_token_on_the_last_page_leads_nowhere_where_the_source_says_so(
    paginator: Paginator, more: Any
) -> None:
    """Every page has one; another member says when to stop."""
    pages = [
        {"rows": TEN, "next": "/rows?p=2", "more": True},
        {"rows": ROWS[:3], "next": "/rows?p=3", "more": more},
    ]
    items = pages_of(paginator, *pages, rows="rows")
    assert rows_of(items) == TEN + ROWS[:3]
    assert not isinstance(items[-1], At)


@pytest.mark.parametrize("paginator", [PageToken(more="more"), NextLink(next="next", more="more")])
def test_more_without_a_token_is_a_contradiction(paginator: Paginator) -> None:
    """The rest would be left out."""
    for page in ({"next": None}, {}, {"next": ""}):
        with pytest.raises((TransientError, DefectError), match="next"):
            pages_of(paginator, {"rows": TEN, "more": True, **page}, rows="rows")


@pytest.mark.parametrize("paginator", [PageToken(more="moar"), NextLink(next="next", more="moar")])
def test_a_place_of_more_that_is_not_there_is_an_error(paginator: Paginator) -> None:
    """Silence is no end; "end" says that it is."""
    page = {"rows": TEN, "next": "/rows?p=2", "more": True}
    with pytest.raises(DefectError, match="no 'moar' in the answer"):
        pages_of(paginator, page, rows="rows")
    said = msgspec.structs.replace(paginator, absent="end")  # type: ignore[type-var]
    assert rows_of(pages_of(said, page, rows="rows")) == TEN


@pytest.mark.parametrize("paginator", [PageToken(empty="end"), NextLink(next="next", empty="end")])
def test_an_empty_page_is_the_end_of_a_list_whose_links_never_are(paginator: Paginator) -> None:
    """A log gives a link for ever, for what is still to come."""
    first, second = {"rows": TEN, "next": "/rows?p=2"}, {"rows": [], "next": "/rows?p=3"}
    items = pages_of(paginator, first, second, rows="rows")
    assert rows_of(items) == TEN
    assert len(items) == len(TEN) + 1


@pytest.mark.parametrize("paginator", [PageToken(), NextLink(next="next")])
def test_an_empty_page_with_a_link_is_no_end_unless_the_author_says_so(paginator: Paginator) -> None:
    """Filters of the source's may leave pages empty."""
    pages = [
        {"rows": [], "next": "/rows?p=2"},
        {"rows": [], "next": "/rows?p=3"},
        {"rows": TEN, "next": None},
    ]
    assert rows_of(pages_of(paginator, *pages, rows="rows")) == TEN
    strict = msgspec.structs.replace(paginator, empty="error")  # type: ignore[type-var]
    with pytest.raises(TransientError, match="next says that more follow"):
        pages_of(strict, *pages, rows="rows")


@pytest.mark.parametrize("total", [23, "23", " 23 "])
@pytest.mark.parametrize("later", [{}, {"total": None}])
def test_a_total_may_be_said_on_the_first_page_only(total: Any, later: dict[str, Any]) -> None:
    """It holds for the call; one that resumes asks on until a page is empty."""
    asked = []

    def page(request: Received) -> Says:
        start = int(request.parameter("offset") or 0)
        asked.append(start)
        return Says({"rows": ROWS[start : start + 10], **({"total": total} if start == 0 else later)})

    with serving(script=page) as source:
        client = Client(source.url)
        assert rows_of(list(client.pages("/rows", Offset(total="total"), rows="rows"))) == ROWS
        assert asked == [0, 10, 20]
        assert rows_of(list(client.pages("/rows", Offset(10, total="total"), rows="rows"))) == ROWS[10:]
        assert asked == [0, 10, 20, 10, 20, 23]


def test_a_page_that_is_empty_before_the_first_pages_total_is_no_end() -> None:
    """The source has said that there is more."""
    with pytest.raises(TransientError, match="total is 23, and no rows came from 10 on"):
        pages_of(Offset(total="total"), {"rows": TEN, "total": 23}, {"rows": []}, rows="rows")


@pytest.mark.parametrize("pages", [[{"rows": TEN, "last": 2}, {"rows": ROWS[:3]}]])
def test_the_last_page_may_be_said_on_the_first_one_only(pages: list[Any]) -> None:
    """As text, too; a resumed call asks on."""
    assert rows_of(pages_of(PageNumber(last="last"), *pages, rows="rows")) == TEN + ROWS[:3]
    resumed = [{"rows": ROWS[:3]}, {"rows": []}]
    assert rows_of(pages_of(PageNumber(2, last="last"), *resumed, rows="rows")) == ROWS[:3]


@pytest.mark.parametrize("offset", [0, 9_990])
def test_a_list_that_ends_at_its_cap_is_an_error(offset: int) -> None:
    """Whatever says that it ends: the source lists no more than so many, and there may be others."""
    cap = offset + 10
    for page in ({"rows": TEN}, {"rows": TEN, "total": cap}):
        with pytest.raises(DefectError, match=f"the list ends at the {cap:,} rows"):
            pages_of(Offset(offset, cap=cap, total="total" if "total" in page else None), page, rows="rows")
    assert rows_of(pages_of(Offset(offset, cap=cap + 1), {"rows": TEN}, {"rows": []}, rows="rows")) == TEN


# -- there are no rows, in other words ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("no_rows", "answer"),
    [
        ("null", {"rows": None}),
        ("absent", {}),
        ("absent", {"next": None, "page": 4}),
        (("null", "absent"), {"rows": None}),
        (204, Says(b"", status=204)),
        ([204, "null"], Says(b"", status=204)),
    ],
)
@pytest.mark.parametrize("paginator", [Offset(), PageNumber(), PageToken(), NextLink(next="next"), Keyset()])
def test_no_rows_may_be_said_in_other_words(paginator: Paginator, no_rows: Any, answer: Any) -> None:
    """On the only page and on the last one, where the author says so; else it is an error."""
    assert pages_of(paginator, answer, rows="rows", no_rows=no_rows) == []
    with pytest.raises(DefectError, match="rows"):
        pages_of(paginator, answer, rows="rows")
    assert (
        rows_of(pages_of(paginator, {"rows": TEN, "next": "/rows?p=2"}, answer, rows="rows", no_rows=no_rows))
        == TEN
    )


def test_lists_that_are_refused_are_counted_and_a_few_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    """One of six groups without the feature is no warning in every sync, and can be found all the same."""
    invocation = Invocation(Budget(Limits(seconds=60)))
    with run_as(invocation), serving(Says(status=404)) as source:
        for group in range(12):
            assert list(Client(source.url).pages(f"/groups/{group}/issues", Offset(), no_rows=404)) == []
    assert invocation.no_rows == {"HTTP 404": 12}
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["severity"] for line in said] == ["INFO"] * 10
    assert said[0]["message"].endswith(
        "/groups/0/issues: HTTP 404, which no_rows= takes for a list without rows."
    )
    assert efforts(invocation)["no_rows"] == {"HTTP 404": 12}


def test_a_page_past_the_end_is_no_list_without_rows() -> None:
    """It is not counted: every list of such a source ends so."""
    invocation = Invocation(Budget(Limits(seconds=60)))
    with run_as(invocation), serving(Says([{"id": 1}]), Says(status=404)) as source:
        assert rows_of(list(Client(source.url).pages("/rows", Offset(), past_end=404))) == [{"id": 1}]
    assert "no_rows" not in efforts(invocation)


def test_a_body_of_null_has_no_rows_only_where_the_body_is_the_list() -> None:
    """Where the rows are a member, it is nothing that the source says of them."""
    assert pages_of(Offset(), Says(b"null"), no_rows="null") == []
    with pytest.raises(DefectError, match="the answer has no body, or null"):
        pages_of(Offset(), Says(b"null"), rows="rows", no_rows="null")


def test_not_modified_is_no_rows_where_that_was_asked() -> None:
    """304 answers headers of the request; an instant is sent as HTTP writes it."""
    since = datetime(2026, 1, 1, 12, tzinfo=UTC)
    with serving(Says(b"", status=304)) as source:
        pages = Client(source.url).pages("/rows", Offset(), no_rows=304, headers={"If-Modified-Since": since})
        assert list(pages) == []
        assert source.received[0].headers["If-Modified-Since"] == "Thu, 01 Jan 2026 12:00:00 GMT"


@pytest.mark.parametrize("body", [{"items": TEN}, {"error": "quota"}, {"message": "try later"}, [], "no"])
def test_an_object_without_rows_is_not_taken_for_an_empty_list_if_it_says_something_else(body: Any) -> None:
    """Rows under another name, or an error with status 200."""
    with pytest.raises(DefectError, match="no 'rows' in the answer"):
        pages_of(PageToken(), body, rows="rows", no_rows="absent")


@pytest.mark.parametrize(
    ("paginator", "page"),
    [
        (Offset(total="total"), {"rows": TEN, "total": 20}),
        (PageNumber(last="last"), {"rows": TEN, "last": 2}),
        (PageNumber(more="more"), {"rows": TEN, "more": True}),
        (PageToken(more="more"), {"rows": TEN, "more": True, "next": "b"}),
        (Keyset(more="more"), {"rows": TEN, "more": True}),
    ],
)
@pytest.mark.parametrize("how", [{"no_rows": 204}, {"past_end": 404}])
def test_an_end_that_contradicts_the_page_before_is_none(
    paginator: Paginator, page: Any, how: dict[str, Any]
) -> None:
    """The source has said that more rows follow."""
    if "past_end" in how and isinstance(paginator, PageToken):
        return
    (status,) = how.values()
    with pytest.raises(TransientError, match=f"and the answer is HTTP {status}"):
        pages_of(paginator, page, Says(b"", status=status), rows="rows", **how)


@pytest.mark.parametrize("paginator", [Offset(), PageNumber(), Keyset()])
def test_a_refusal_past_the_end_is_the_end(paginator: Paginator) -> None:
    """Where the author says so, in the call that read the page before and in one that begins there."""
    refusal = Says({"detail": "Invalid page."}, status=404)
    items = pages_of(paginator, TEN, refusal, past_end=404)
    assert rows_of(items) == TEN
    resumed = msgspec.structs.replace(paginator, **dict.fromkeys(items[-1].position, 7))  # type: ignore[type-var]
    assert pages_of(resumed, refusal, past_end=(400, 404)) == []
    with pytest.raises(ConfigurationError, match="say past_end=404"):
        pages_of(resumed, refusal)


@pytest.mark.parametrize(
    "paginator", [Offset(), Offset(1), PageNumber(), PageNumber(0), PageNumber(0, first=0), Keyset()]
)
def test_a_refusal_of_the_first_page_is_not_past_the_end(paginator: Paginator) -> None:
    """A wrong path, or a list that is deleted, would be an empty one."""
    with pytest.raises(ConfigurationError, match="HTTP 404"):
        pages_of(paginator, Says(status=404), past_end=404)


def test_pages_that_count_from_0_have_their_end_at_any() -> None:
    """The second one of a list of one page is number 1."""
    assert pages_of(PageNumber(1, first=0), Says(status=404), past_end=404) == []


@pytest.mark.parametrize("paginator", [Offset(), PageNumber(), PageToken(), NextLink(next="next"), Keyset()])
@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_parent_without_children_may_be_a_refusal(paginator: Paginator, status: int) -> None:
    """A group without the feature, or one that was deleted: of the first page only."""
    assert pages_of(paginator, Says(status=status), rows="rows", no_rows=status) == []
    with pytest.raises(ConfigurationError, match=f"HTTP {status}"):
        pages_of(
            paginator, {"rows": TEN, "next": "/rows?p=2"}, Says(status=status), rows="rows", no_rows=status
        )


@pytest.mark.parametrize(
    ("how", "what"),
    [
        ({"no_rows": None}, "pages(): no_rows= holds None"),
        ({"no_rows": "empty"}, "pages(): no_rows= holds 'empty'"),
        ({"no_rows": [{}]}, "pages(): no_rows= holds {}"),
        ({"no_rows": 500}, "pages(): no_rows= holds 500"),
        ({"no_rows": 401}, "pages(): no_rows= holds 401"),
        ({"no_rows": True}, "pages(): no_rows= holds True"),
        ({"past_end": "null"}, "pages(): past_end= holds 'null'"),
        ({"past_end": (404, 429)}, "pages(): past_end= holds 429"),
    ],
)
def test_what_never_says_that_there_are_no_rows_is_an_error(how: dict[str, Any], what: str) -> None:
    """An outage, a wrong key and a limit are none."""
    with pytest.raises(DefectError, match=re.escape(what)):
        pages_of(Offset(), [], **how)


@pytest.mark.parametrize("paginator", [PageToken(), NextLink()])
def test_a_token_that_is_refused_is_not_past_the_end(paginator: Paginator) -> None:
    """It has expired."""
    with pytest.raises(DefectError, match="past_end= goes with positions that are counted"):
        pages_of(paginator, [], past_end=404)


# -- keys in a query language ---------------------------------------------------------------------------------------

CHANGES = [{"id": number, "changed": f"2026-01-0{1 + number // 9}"} for number in range(1, 24)]


def test_a_key_may_stand_in_a_condition() -> None:
    """Beside other parameters; the first page is asked with the author's own."""
    with serving(Says(TEN[:2]), Says([])) as source:
        pages = Keyset(param="issue_id", condition=">={0}", size=None)
        assert rows_of(list(Client(source.url).pages("/rows", pages, sort="id", issue_id=">0"))) == TEN[:2]
        assert [request.query for request in source.received] == [
            [("sort", "id"), ("issue_id", ">0")],
            [("sort", "id"), ("issue_id", ">=1")],
        ]


def after_both(request: Received) -> Says:
    """Five rows behind an instant and an id, as a query language says it."""
    found = re.fullmatch(
        r"changed > '(.*)' OR \(changed = '(.*)' AND id > (.*)\)", request.parameter("q") or ""
    )
    after = (found[1], int(found[3])) if found else ("", 0)
    return Says([row for row in CHANGES if (row["changed"], row["id"]) > after][:5])


def by_both(changed: str, number: int) -> str:
    return f"changed > '{changed}' OR (changed = '{changed}' AND id > {number})"


@pytest.mark.parametrize("condition", [by_both, "changed > '{0}' OR (changed = '{0}' AND id > {1})"])
def test_rows_that_share_a_key_are_distinguished_by_a_second_one(condition: Any) -> None:
    """More rows of one instant than a page holds; each position resumes."""
    keys = {"column": "changed", "then": "id", "condition": condition, "param": "q"}
    with serving(script=after_both) as source:
        items = list(Client(source.url).pages("/rows", Keyset(**keys)))
        assert rows_of(items) == CHANGES
        places = [place for place, item in enumerate(items) if isinstance(item, At)]
        assert items[places[0]] == At(after=["2026-01-01", 5])
        for place in places:
            assert rows_of(
                list(Client(source.url).pages("/rows", Keyset(**items[place].position, **keys)))
            ) == rows_of(items[place:])


@pytest.mark.parametrize("after", [5, "2026-01-01", ["2026-01-01"], ["2026-01-01", 5, 6]])
def test_a_position_of_one_key_is_no_position_of_two(after: Any) -> None:
    """An earlier release may have left it: the table begins again."""
    with pytest.raises(ExpiredError, match="The position after has another form"):
        pages_of(Keyset(after, column="changed", then="id", condition=by_both), [])


def test_both_keys_go_into_a_body_as_a_list() -> None:
    """Where no condition writes them, as search engines take them."""
    with serving(Says(CHANGES[:2]), Says([])) as source:
        pages = Keyset(column="changed", then="id", param="search_after", size_param="size")
        list(Client(source.url).pages("/rows", pages, json={"sort": ["changed", "id"]}))
        assert json.loads(source.received[1].body) == {
            "sort": ["changed", "id"],
            "search_after": ["2026-01-01", 2],
            "size": 100,
        }


def test_a_key_may_lie_within_the_row() -> None:
    """As what the source lists has it, before a row is made of it."""
    row = {"properties": {"id": 7}}
    items = pages_of(Keyset(column="properties.id"), [row], [], row=lambda one: one["properties"])
    assert items == [{"id": 7}, At(after=7)]


@pytest.mark.parametrize(
    ("condition", "what"),
    [("> {1}", "no text with {0} for the key"), ("> {key}", "no text with {0}"), ("> {", "no text with {0}")],
)
def test_a_condition_that_cannot_be_filled_is_an_error(condition: str, what: str) -> None:
    """With the text itself."""
    with pytest.raises(DefectError, match=re.escape(what)):
        pages_of(Keyset(7, condition=condition), [])


@pytest.mark.parametrize(
    ("condition", "then"),
    [("4|19", None), ("", None), (">{0}{1}", None), (">{0}", "id"), (">{1}", "id"), ("> x", "id"), (5, None)],
)
def test_a_condition_without_the_key_is_an_error(condition: Any, then: str | None) -> None:
    """Before anything is asked: the source would list the same rows for each key, or none."""
    with pytest.raises(
        DefectError, match=re.escape(f"Keyset: condition={condition!r} is no text with {{0}}")
    ):
        Keyset(condition=condition, then=then)


def test_a_condition_has_its_keys_in_any_order() -> None:
    """And as often as it needs them."""
    for condition in ("{}|{}", "{1} {0} {0}", "{{x}} {0:>5} {1}"):
        assert Keyset(condition=condition, then="id").condition == condition


@pytest.mark.parametrize("made", [None, ""])
def test_a_function_that_makes_no_condition_is_an_error(made: Any) -> None:
    """Without one, the first page would come again."""
    with pytest.raises(DefectError, match=re.escape(f"the function condition= gave {made!r}")):
        pages_of(Keyset(condition=lambda _: made), [{"id": 1}], [])


def test_a_key_with_a_quote_is_written_by_a_function() -> None:
    """A text would be another condition."""
    with pytest.raises(DefectError, match="has a quote or a backslash"):
        pages_of(Keyset("O'Hara", condition="name > '{0}'"), [])


def test_a_condition_that_includes_the_key_says_what_to_do() -> None:
    """Its last row comes again for ever."""
    with pytest.raises(DefectError, match="condition= can ask for what is behind it"):
        pages_of(Keyset(column="id"), [{"id": 1}], [{"id": 1}])


# -- the inner name of a server ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "link",
    [
        "http://localhost:8080/api/rows?page=2",
        "http://10.0.0.7/api/rows?page=2",
        "https://api.internal/api/rows?page=2",
        "http://backend:9000/rows?page=2",
        "http://[fd00::1]/api/rows?page=2",
    ],
)
@pytest.mark.parametrize("key", [None, QueryKey("api_key", Secret("k3y-0f-the-h0use"))])
def test_a_link_with_the_inner_name_of_the_server_is_asked_from_the_outside(link: str, key: Any) -> None:
    """A server behind a proxy writes the name, the scheme and the path that it is asked by there."""
    with serving(Says({"rows": TEN, "next": link}), Says({"rows": [], "next": None})) as source:
        items = list(Client(f"{source.url}/api", auth=key).pages("/rows", NextLink(next="next"), rows="rows"))
        assert items[-1] == At(link=f"{source.url}/api/rows?page=2")
        assert [request.path for request in source.received] == ["/api/rows", "/api/rows"]
        assert source.received[1].parameter("page") == "2"


@pytest.mark.parametrize(
    "link",
    [
        "http://10.0.0.7/other?page=2",
        "http://localhost/s?page=2",
        "http://stranger.example/api/rows",
        "ftp://backend/rows",
    ],
)
def test_a_link_that_is_not_surely_the_servers_own_is_an_error(link: str) -> None:
    """Another path, or a name that exists for everybody."""
    with serving(Says({"rows": TEN, "next": link})) as source:
        with pytest.raises(DefectError, match="the link to the next page leads to"):
            list(Client(f"{source.url}/api").pages("/rows", NextLink(next="next"), rows="rows"))
        assert len(source.received) == 1


def test_an_author_may_say_that_any_host_is_the_own_one() -> None:
    """No request goes there; the path has to fit all the same."""
    first = Says({"rows": TEN, "next": "https://backend.acme.example/api/rows?page=2"})
    with serving(first, Says({"rows": [], "next": None})) as source:
        pages = NextLink(next="next", own_host=True)
        assert rows_of(list(Client(f"{source.url}/api").pages("/rows", pages, rows="rows"))) == TEN
        assert len(source.received) == 2
    elsewhere = Says({"rows": TEN, "next": "https://backend.acme.example/login"})
    with (
        serving(elsewhere) as source,
        pytest.raises(DefectError, match="the link to the next page leads to") as it,
    ):
        list(Client(f"{source.url}/api").pages("/rows", pages, rows="rows"))
    assert "own_host=True is set, and the link's path is not that of the page" in str(it.value)
