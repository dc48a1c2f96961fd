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
    return lambda page, rows, place, absent: original(page, rows, place, absent or "end")


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
        "fivetran_runtime.http.pagination._require_end",
        lambda _: lambda page, rows, place, absent, *, size, found: None,  # noqa: ARG005 - as the original's
        f"{_PAGES}::test_a_place_that_was_renamed_is_not_the_end",
    ),
    Mutant(
        "where pages are counted, a place that says nothing is not the end",
        "fivetran_runtime.http.pagination._goes_on",
        _silence_is_the_end,
        f"{_PAGES}::test_where_pages_are_counted_the_next_one_is_asked_for",
    ),
    Mutant(
        "a member that says more follows is seen, whatever it is called",
        "fivetran_runtime.http.pagination.leads_on",
        lambda _: lambda body: None,  # noqa: ARG005
        f"{_PAGES}::test_a_place_that_was_renamed_is_not_the_end",
    ),
    *(
        Mutant(
            f"an empty page that says more follows is no end: {style}",
            f"fivetran_runtime.http.pagination.{style}.following",
            _empty_is_the_end,
            _EMPTY_PAGE,
        )
        for style in ("Offset", "PageNumber", "Keyset")
    ),
    Mutant(
        "a full page whose place was never found is no end",
        "fivetran_runtime.http.client.Page",
        lambda original: (
            lambda url, body, headers, _sizes, *others: original(url, body, headers, frozenset(), *others)
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
        "fivetran_runtime.http.client.Client._is_allowed",
        lambda _: lambda self, url: True,  # noqa: ARG005
        f"{_PAGES}::test_a_link_to_another_host_is_reported_with_the_page_it_is_on",
    ),
    Mutant(
        "a link in the header is seen where one in the body is looked for",
        "fivetran_runtime.http.pagination._linked",
        lambda _: lambda page: None,  # noqa: ARG005
        f"{_PAGES}::test_a_link_in_the_header_is_seen_where_one_in_the_body_is_looked_for",
    ),
)
