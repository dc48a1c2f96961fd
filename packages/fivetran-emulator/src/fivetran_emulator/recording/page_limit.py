"""Ends long lists early while they are recorded: after some pages, an answer that looks like the end.

Nothing shows what a source's last page looks like before it came. The page before it without its rows, and without
whatever leads on, is understood by every way of paging; it is marked as made up. A question asked again gets the first
answer again, so a recording is of one moment.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import Any

from fivetran_emulator.practice.recorded import ApiRequest
from fivetran_emulator.recording.exchanges import ApiExchange, words

__all__ = ["EndlessError", "PageLimit"]

_LEADS_ON = frozenset({"next", "more", "cursor", "bookmark", "continuation"})
_SAYS_LAST = frozenset({"last", "final", "complete", "done", "end"})
_MAX_ENDS = 500
"""A list of each of many things may well end this often; no list does."""
_NUMBER = re.compile(r"-?\d+")

_List = tuple[object, ...]


class EndlessError(Exception):
    """A function goes on asking for a list that has ended, as one does that checks whether the source changed."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"the recorder ended {path} early, and the function did not take it for the end: record with --pages 0"
        )


class PageLimit:
    """Counts the pages of each list; `pages` is how many the real source is asked for, 0 for all.

    Requests for the same list differ in numbers (offset, page) and in what the answer before said (token, link, key).
    """

    def __init__(self, pages: int) -> None:
        self._pages = pages
        self._answers: dict[_List, ApiExchange] = {}
        self._said: dict[str, set[str]] = {}
        self._last: dict[_List, ApiExchange] = {}
        self._count: Counter[_List] = Counter()
        self._ends: Counter[str] = Counter()

    def answer_to(self, asked: ApiRequest) -> ApiExchange | None:
        """The answer if the source need not be asked: the one it gave, or the end of a list that is long enough.

        Raises `EndlessError` when a function does not take the end for one.
        """
        if asked.method not in ("GET", "HEAD"):
            return None
        if (before := self._answers.get(_question(asked))) is not None:
            self._count_end(before)
            return before
        listed = self._list(asked)
        if self._pages and self._count[listed] >= self._pages:
            last = self._last[listed]
            end = replace(last, request=asked, body=_closing(last.body), headers={}, made_up=True)
            self._answers[_question(asked)] = end
            self._count_end(end)
            return end
        return None

    def _count_end(self, answer: ApiExchange) -> None:
        self._ends[answer.request.path] += answer.made_up
        if self._ends[answer.request.path] > _MAX_ENDS:
            raise EndlessError(answer.request.path)

    def saw(self, exchange: ApiExchange) -> None:
        """Take note of what the source answered."""
        listed = self._list(exchange.request)
        if exchange.status < 400:
            self._answers[_question(exchange.request)] = exchange
        self._said[exchange.request.path] = set(exchange.texts())
        if exchange.status == 200 and _closing(exchange.body) != exchange.body:
            self._count[listed] += 1
            self._last[listed] = exchange

    def _list(self, asked: ApiRequest) -> _List:
        said = self._said.get(asked.path, set())
        params = sorted(
            (name, value)
            for name, value in asked.params
            if not _NUMBER.fullmatch(value) and value not in said
        )
        return asked.method, asked.path, tuple(params)


def _closing(body: Any) -> Any:
    """A page without its rows and without what leads on."""
    if isinstance(body, list):
        return []
    if not isinstance(body, dict):
        return body
    return {name: _closed(name, value) for name, value in body.items()}


def _closed(name: str, value: Any) -> Any:
    called = set(words(name))
    if isinstance(value, list):
        return [] if any(isinstance(row, dict | list) for row in value) else value
    if isinstance(value, bool):
        return (value or bool(called & _SAYS_LAST)) and not called & _LEADS_ON
    if called & _LEADS_ON:
        return None
    return _closing(value) if isinstance(value, dict) else value


def _question(asked: ApiRequest) -> _List:
    return asked.method, asked.path, tuple(sorted(asked.params))
