"""Faults by which a list ends where the source did not say so, or never."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import islice
from typing import Any
from unittest import mock

from fivetran_runtime.errors import TransientError
from fivetran_runtime.http import pagination
from mutants.mutant import Mutant

Fault = Callable[..., Any]
_PAGES = "http/test_pagination.py"
_EMPTY_PAGE = f"{_PAGES}::test_an_empty_page_that_says_more_follows_is_no_end"


def _empty_is_the_end(original: Fault) -> Fault:
    def following(self: Any, page: Any, rows: Any) -> Any:
        try:
            return original(self, page, rows)
        except TransientError:
            return None

    return following


def _split_at_every_dot(_: Fault) -> Fault:
    def readings(value: Any, names: list[str], *, inner: bool = False) -> Iterator[Any]:
        for name in names:
            if not isinstance(value, dict) or name not in value:
                return
            value = value[name]
        yield value

    return readings


def _silence_is_the_end(original: Fault) -> Fault:
    return lambda self, rows, place, absent: original(self, rows, place, absent or "end")


def _cap_is_the_end(original: Fault) -> Fault:
    def following(self: Any, page: Any, rows: Any) -> Any:
        return (
            None
            if self.cap is not None and self.offset + len(rows) >= self.cap
            else original(self, page, rows)
        )

    return following


def _says_no_more(original: Fault) -> Fault:
    return lambda self, place, absent: original(self, place, absent or "end")


def _unnoticed(*checks: str) -> Callable[[Fault], Fault]:
    """Without these checks; it ends after a thousand rows, or the test would not."""

    def fault(original: Fault) -> Fault:
        def read_pages(*arguments: Any, **named: Any) -> Any:
            with ExitStack() as stack:
                for check in checks:
                    stack.enter_context(mock.patch.object(pagination, check))
                yield from islice(original(*arguments, **named), 1_000)

        return read_pages

    return fault


MUTANTS = (
    Mutant(
        "a place's name may hold dots",
        "fivetran_runtime.http._places._readings",
        _split_at_every_dot,
        f"{_PAGES}::test_a_name_may_hold_dots",
    ),
    Mutant(
        "a place that was renamed is not the end of a list with tokens or links",
        "fivetran_runtime.http._pages.Page.require_end",
        lambda _: lambda self, rows, place, absent, *, size, found: None,  # noqa: ARG005 - as the original's
        f"{_PAGES}::test_a_place_that_was_renamed_is_not_the_end",
    ),
    Mutant(
        "where pages are counted, a place that says nothing is not the end",
        "fivetran_runtime.http._pages.Page.goes_on",
        _silence_is_the_end,
        f"{_PAGES}::test_where_pages_are_counted_the_next_one_is_asked_for",
    ),
    Mutant(
        "a member that says more follows is seen, whatever it is called",
        "fivetran_runtime.http._pages.leads_on",
        lambda _: lambda body: None,  # noqa: ARG005
        f"{_PAGES}::test_a_place_that_was_renamed_is_not_the_end",
    ),
    *(
        Mutant(
            f"an empty page that says more follows is no end: {style.partition('.')[2]}",
            f"fivetran_runtime.http.{style}.following",
            _empty_is_the_end,
            _EMPTY_PAGE,
        )
        for style in ("offsets.Offset", "offsets.PageNumber", "keysets.Keyset")
    ),
    Mutant(
        "a full page whose place was never found is no end",
        "fivetran_runtime.http.client.Page",
        lambda original: (
            lambda url, body, headers, status, _sizes, *others, **named: original(
                url, body, headers, status, frozenset(), *others, **named
            )
        ),
        f"{_PAGES}::test_a_size_that_is_asked_for_by_hand_counts_as_one",
    ),
    Mutant(
        "pages that come again are noticed in one round",
        "fivetran_runtime.http.client.read_pages",
        _unnoticed("_require_new_position", "_require_new_rows"),
        f"{_PAGES}::test_pages_in_a_circle_are_noticed_in_one_round",
    ),
    Mutant(
        "a source that starts over behind its last page is noticed",
        "fivetran_runtime.http.client.read_pages",
        _unnoticed("_require_new_rows"),
        f"{_PAGES}::test_a_source_that_starts_over_behind_its_last_page_is_noticed",
    ),
    Mutant(
        "a next link to another host is an error of its page",
        "fivetran_runtime.http._addresses.Hosts._is_allowed",
        lambda _: lambda self, url: True,  # noqa: ARG005
        f"{_PAGES}::test_a_link_to_another_host_is_reported_with_the_page_it_is_on",
    ),
    Mutant(
        "a link in the header is seen where one in the body is looked for",
        "fivetran_runtime.http._pages.Page.next_link",
        lambda _: lambda self: None,  # noqa: ARG005
        f"{_PAGES}::test_a_link_in_the_header_is_seen_where_one_in_the_body_is_looked_for",
    ),
    Mutant(
        "a header that says more follows is seen where another one is looked for",
        "fivetran_runtime.http._pages.header_that_leads_on",
        lambda _: lambda headers: None,  # noqa: ARG005
        "http/test_places.py::test_a_header_that_was_misspelt_is_not_the_end",
    ),
    Mutant(
        "a condition that leaves the key out is an error",
        "fivetran_runtime.http.keysets._require_condition",
        lambda _: lambda condition, *, has_then: None,  # noqa: ARG005
        f"{_PAGES}::test_a_condition_without_the_key_is_an_error",
    ),
    # What an author says of ends
    Mutant(
        "a partial answer of GraphQL is never taken for a whole one",
        "fivetran_runtime.http._sending.RequestSender._require_no_errors",
        lambda _: lambda self, reply, json: None,  # noqa: ARG005
        "http/test_places.py::test_a_partial_answer_is_asked_for_again",
    ),
    Mutant(
        "a token's place of more that is not there is no end",
        "fivetran_runtime.http._pages.Page.says_more",
        _says_no_more,
        f"{_PAGES}::test_a_place_of_more_that_is_not_there_is_an_error",
    ),
    Mutant(
        "an end that contradicts the page before is none",
        "fivetran_runtime.http._pages.Page.require_no_promise",
        lambda _: lambda self, instead: None,  # noqa: ARG005
        f"{_PAGES}::test_an_end_that_contradicts_the_page_before_is_none",
    ),
    Mutant(
        "more without a token is a contradiction",
        "fivetran_runtime.http._pages.Page.require_no_promise",
        lambda _: lambda self, instead: None,  # noqa: ARG005
        f"{_PAGES}::test_more_without_a_token_is_a_contradiction",
    ),
    Mutant(
        "a refusal of the first page is not past the end",
        "fivetran_runtime.http.pagination.NoRows.accepted",
        lambda original: lambda self, *, is_first: original(self, is_first=False),  # noqa: ARG005
        f"{_PAGES}::test_a_refusal_of_the_first_page_is_not_past_the_end",
    ),
    Mutant(
        "a refusal in the midst of a list is not a parent without children",
        "fivetran_runtime.http.pagination.NoRows.accepted",
        lambda original: lambda self, *, is_first: original(self, is_first=is_first) | self.statuses,
        f"{_PAGES}::test_a_parent_without_children_may_be_a_refusal",
    ),
    Mutant(
        "an object with rows under another name, or an error, is no empty list",
        "fivetran_runtime.http.pagination._says_nothing",
        lambda _: lambda body: True,  # noqa: ARG005
        f"{_PAGES}::test_an_object_without_rows_is_not_taken_for_an_empty_list_if_it_says_something_else",
    ),
    Mutant(
        "a list that ends at its cap is not at its end",
        "fivetran_runtime.http.offsets.Offset.following",
        _cap_is_the_end,
        f"{_PAGES}::test_a_list_that_ends_at_its_cap_is_an_error",
    ),
    Mutant(
        "the first page's total holds for those that have none",
        "fivetran_runtime.http._pages.Page.count",
        lambda original: (
            lambda self, place, *, is_first: original(self, place, is_first=is_first) if is_first else None
        ),
        f"{_PAGES}::test_a_page_that_is_empty_before_the_first_pages_total_is_no_end",
    ),
    Mutant(
        "a link that is not surely the server's own is an error",
        "fivetran_runtime.http._addresses.Address.seen_from_outside",
        lambda original: lambda self, url, page, *, own_host: original(self, url, page, own_host=True),  # noqa: ARG005
        f"{_PAGES}::test_a_link_that_is_not_surely_the_servers_own_is_an_error",
    ),
    Mutant(
        "rows that share a key are distinguished by a second one",
        "fivetran_runtime.http.keysets._condition",
        lambda original: lambda condition, keys: original(condition, [keys[0], 10**9]),
        f"{_PAGES}::test_rows_that_share_a_key_are_distinguished_by_a_second_one",
    ),
)
