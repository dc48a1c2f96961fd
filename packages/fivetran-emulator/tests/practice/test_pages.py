from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import Client

from fivetran_emulator.errors import PracticeError
from fivetran_emulator.practice import Keyset, NextLink, Offset, PageNumber, PageStyle, PageToken, Source
from fivetran_emulator.practice.pages import Listed, Page, steps

ROWS = [{"id": number, "name": f"row {number}"} for number in range(23)]

Ask = Callable[..., Any]
Read = Callable[[Ask, int], Iterator[dict[str, Any]]]


def by_offset(ask: Ask, limit: int) -> Iterator[dict[str, Any]]:
    offset = 0
    while rows := ask(offset=offset, limit=limit).json["data"]:
        yield from rows
        offset += len(rows)


def by_number(ask: Ask, limit: int) -> Iterator[dict[str, Any]]:
    page, more = 1, True
    while more:
        body = ask(page=page, per_page=limit).json
        yield from body["data"]
        page, more = page + 1, body["has_next"]


def by_token(ask: Ask, limit: int) -> Iterator[dict[str, Any]]:
    body = ask(limit=limit).json
    yield from body["data"]
    while token := body["meta"]["next"]:
        body = ask(limit=limit, token=token).json
        yield from body["data"]


def by_link_in_the_body(ask: Ask, limit: int) -> Iterator[dict[str, Any]]:
    body = ask(limit=limit).json
    yield from body["data"]
    while link := body["links"]["next"]:
        body = ask(link).json
        yield from body["data"]


def by_odata_link(ask: Ask, limit: int) -> Iterator[dict[str, Any]]:
    body = ask(limit=limit).json
    yield from body["data"]
    while "@odata.nextLink" in body:
        body = ask(body["@odata.nextLink"]).json
        yield from body["data"]


def by_link_in_the_header(ask: Ask, limit: int) -> Iterator[dict[str, Any]]:
    answer = ask(limit=limit)
    yield from answer.json["data"]
    while link := answer.headers.get("Link", ""):
        answer = ask(link.partition("<")[2].partition(">")[0])
        yield from answer.json["data"]


def by_key(ask: Ask, limit: int) -> Iterator[dict[str, Any]]:
    after = -1
    while rows := ask(after=after, limit=limit).json["data"]:
        yield from rows
        after = rows[-1]["id"]


STYLES: list[tuple[PageStyle, Read]] = [
    (Offset(), by_offset),
    (PageNumber(more="has_next"), by_number),
    (PageToken(next="meta.next"), by_token),
    (NextLink(next="links.next"), by_link_in_the_body),
    (NextLink(next=["@odata.nextLink"], omit=True), by_odata_link),
    (NextLink(), by_link_in_the_header),
    (Keyset(), by_key),
]


def asking(source: Source) -> Ask:
    client = Client(source)
    return lambda path="/rows", **query: client.get(path, query_string=query or None)


@pytest.mark.parametrize(("style", "read"), STYLES, ids=[read.__name__ for _, read in STYLES])
@given(limit=st.integers(1, 30), cap=st.none() | st.integers(1, 30))
def test_a_client_that_follows_a_style_gets_every_row_once_in_order(
    style: PageStyle, read: Read, limit: int, cap: int | None
) -> None:
    """Whatever page size is asked for, and whatever the source caps it to."""
    source = Source()
    source.cap = cap
    source.listing("/rows", ROWS, pages=style)
    assert list(read(asking(source), limit)) == ROWS


@pytest.mark.parametrize(
    "style", [style for style, _ in STYLES if not isinstance(style, PageToken | NextLink)]
)
def test_the_cap_shortens_a_page_without_a_word(style: PageStyle) -> None:
    """A page never has more rows than the cap, whatever was asked for."""
    source = Source()
    source.cap = 5
    source.listing("/rows", ROWS, pages=style)
    assert len(asking(source)(limit=20, per_page=20).json["data"]) == 5


@pytest.mark.parametrize("query", [{"offset": "x"}, {"offset": -1}, {"limit": 0}, {"limit": "ten"}])
def test_a_nonsensical_position_is_refused_by_name(query: dict[str, object]) -> None:
    """400, and the message names the parameter."""
    source = Source()
    source.listing("/rows", ROWS, pages=Offset())
    answer = asking(source)(**query)
    assert answer.status_code == 400
    assert next(iter(query)) in answer.json["error"]


def test_a_token_whose_row_is_deleted_has_expired() -> None:
    """400, as an API answers a bookmark it no longer knows."""
    source = Source()
    rows = source.listing("/rows", ROWS, pages=PageToken())
    ask = asking(source)
    token = ask(limit=3).json["next"]
    rows.remove(2)
    assert ask(token=token).status_code == 400
    assert ask(token="no token at all").status_code == 400


def test_a_token_that_is_asked_by_another_name_is_refused() -> None:
    """The first page would come again and again; the refusal names both sides."""
    source = Source()
    source.listing("/rows", ROWS, pages=PageToken(param="after"))
    ask = asking(source)
    answer = ask(bookmark=ask(limit=3).json["next"])
    assert answer.status_code == 400
    assert "bookmark holds the token of a page, and practice.py has PageToken(param='after')" in answer.text


def test_the_number_of_the_last_page_counts_from_the_first() -> None:
    """Four pages that begin at 0 end at 3."""
    source = Source()
    source.listing("/rows", ROWS, pages=PageNumber(size=-(-len(ROWS) // 4), first=0, last="last_page"))
    assert asking(source)().json["last_page"] == 3


def test_a_keyset_of_text_keys_is_sorted_as_text() -> None:
    """The listing's own order does not matter to a keyset."""
    source = Source()
    source.listing("/rows", [{"id": name} for name in "cabd"], pages=Keyset())
    assert [row["id"] for row in asking(source)(after="a").json["data"]] == ["b", "c", "d"]


def test_a_name_with_a_dot_is_written_as_a_list() -> None:
    """Divided at its dot, the kit would serve what no OData source does, and a connector could agree with it."""
    with pytest.raises(PracticeError, match="one name with a dot"):
        steps("@odata.nextLink")
    source = Source()
    source.listing("/rows", ROWS, pages=NextLink(next=["@odata.nextLink"]), within=["d.results"])
    body = asking(source)(limit=3).json
    assert set(body) == {"d.results", "@odata.nextLink"}


class ByHand:
    """A style of a practice file's own."""

    def page(self, listed: Listed, _request: object) -> Page:
        """Members by text and by names."""
        return Page(listed.rows, {"meta.next": None, ("odd.name",): 1})


def test_a_style_of_ones_own_says_places_as_text_or_names() -> None:
    """As every practice file before did."""
    source = Source()
    source.listing("/rows", ROWS, pages=ByHand())
    assert asking(source)().json == {"data": ROWS, "meta": {"next": None}, "odd.name": 1}
