"""C46: pages that come again.

Requests of one path need not be pages of one list. `?status=open` and `?status=closed` are two lists, and
`?ticket=1`, `?ticket=2` are one list each. So two requests are taken for neighbouring pages only when the source itself
says so: without the parameters that are new in the second one it gives the first page.

C52: positions that the source no longer knows when the next call sends them.

A token expires with its session, and a key that a list goes on behind goes with its row. Offsets, page numbers and times never
do; of a number only the source knows it, so it is asked: without the row that the number names, does it still answer?
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl, urlencode

from fivetran_emulator.contract.check import NotRun, Violation, check, counted
from fivetran_emulator.contract.comparing import compare, leaves, settle, spread
from fivetran_emulator.contract.lab.connection import Exchange, accepted_json
from fivetran_emulator.contract.lab.faults import Fault, PendingRequest, SourceRequest, status, text
from fivetran_emulator.contract.lab.trial import Trial
from fivetran_emulator.contract.subject import SMALLER_PAGES, PracticeSubject
from fivetran_emulator.practice.rows import Rows, is_time

__all__ = ["CHECKS", "Positions", "listed_in", "positions_of"]

_EXTRA_REQUESTS = 300
"""Requests for one list beyond those of an undisturbed sync, after which there is no end to them."""
_MAX_CALLS = 40
_SECONDS_A_REQUEST = 0.5
"""So that the time of a call runs out in the end, and yet many pages are read in one."""
_MAX_LISTS = 6

_Query = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class _List:
    """A list with at least two pages: its first two, and what all its requests have in common."""

    first: SourceRequest
    second: SourceRequest
    frame: _Query

    def has(self, path: str, query: str) -> bool:
        """Whether a request is for a page of it."""
        return path == self.first.path and self.frame <= _params(query)

    def __str__(self) -> str:
        return f"{self.first.path}{'?' if self.frame else ''}{urlencode(sorted(self.frame))}"


@check(
    "C46", "pages that never end are noticed", risk="never end, or lose rows, when the source repeats a page"
)
def endless_pages(subject: PracticeSubject) -> None:
    """A page that comes again and again ends the sync with an error, within bounds; one that comes twice loses no other."""
    lists = _lists(subject)
    if not lists:
        raise NotRun(
            f"no list of practice.py is asked for a second page: give it more rows, or smaller pages, {SMALLER_PAGES}"
        )
    for one in lists[:_MAX_LISTS]:
        _require_an_end(subject, one)
        _require_no_loss_by_page_twice(subject, one)


def _require_an_end(subject: PracticeSubject, one: _List) -> None:
    trial = subject.trial()
    page = text(one.first.body.decode())
    trial.where(lambda asked: one.has(asked.request.path, asked.request.query_string.decode("latin-1")), page)
    usual = Counter(_question(asked) for asked in _asked(subject) if one.has(asked.path, asked.query))
    calls: list[Exchange] = []
    while len(calls) < _MAX_CALLS and len(_pages(trial, one)) < usual.total() + _EXTRA_REQUESTS:
        calls.append(_patiently(trial))
        if calls[-1].failed or not calls[-1].has_more:
            break
    asked = _pages(trial, one)
    # A list that says how many rows it has ends by itself, however often a page comes.
    within = not (Counter(map(_question, asked)) - Counter({key: n + len(calls) for key, n in usual.items()}))
    last = calls[-1]
    if (last.failed and not last.killed) or (within and not last.has_more and not last.killed):
        return
    rows = sum(len(call.rows()) for call in calls)
    raise Violation(
        f"{counted(len(asked), 'request')} and {counted(rows, 'row')} of the same page of {one}, "
        + ("and no end" if last.has_more or last.killed else "and success"),
        expected="an error: the page that comes is the one before",
        cause="a next token, page or offset is followed without a look at whether the page is another one",
        reproduce=[f"{one} always answers its first page"],
    )


def _pages(trial: Trial, one: _List) -> list[SourceRequest]:
    return [asked for asked in trial.source.requests if one.has(asked.path, asked.query)]


def _require_no_loss_by_page_twice(subject: PracticeSubject, one: _List) -> None:
    """A cache may answer a page once more where the next one should be: an error, or nothing is lost by it."""
    trial = subject.trial()
    trial.at(one.second.number, text(one.first.body.decode()))
    if not trial.connection.sync().complete:
        settle(trial, trial.connection, 1)
    compare(
        subject,
        trial.connection.warehouse,
        subject.clean.warehouse,
        cause="the next page is taken for what it should be, without a look at whether it is the one before",
        reproduce=[
            f"request {one.second.number} is answered with the page that request {one.first.number} got"
        ],
    )


def _patiently(trial: Trial) -> Exchange:
    """A call during which each request takes a moment, so that no call is endless."""
    fault = trial.source.fault

    def slowed(asked: PendingRequest) -> Fault | None:
        asked.delay(_SECONDS_A_REQUEST)
        return fault(asked)

    trial.source.fault = slowed
    try:
        return trial.connection.call()
    finally:
        trial.source.fault = fault


# -- which requests are pages of one list ------------------------------------------------------------------------


def _asked(subject: PracticeSubject) -> list[SourceRequest]:
    return [asked for exchange in subject.clean.first.exchanges for asked in exchange.asked]


def _question(asked: SourceRequest) -> tuple[str, str, bytes]:
    return asked.path, asked.query, asked.content


def _params(query: str) -> _Query:
    return frozenset(parse_qsl(query, keep_blank_values=True))


def _lists(subject: PracticeSubject) -> list[_List]:
    """The lists that an undisturbed sync asks for a second page; of each the first two pages."""
    found: dict[tuple[str, _Query], _List] = {}
    for first, second in _neighbours(_asked(subject)):
        frame = _params(first.query) & _params(second.query)
        if (first.path, frame) not in found and _leads_on(subject, first, second):
            found[first.path, frame] = _List(first, second, frame)
    return list(found.values())


def _neighbours(asked: list[SourceRequest]) -> Iterator[tuple[SourceRequest, SourceRequest]]:
    """Listings of one path that follow one another, and are not the same question."""
    before: dict[str, SourceRequest] = {}
    for one in asked:
        if len(listed_in(accepted_json(one.body))) <= 1:
            continue
        if (last := before.get(one.path)) and last.method == one.method and _question(last) != _question(one):
            yield last, one
        before[one.path] = one


def _leads_on(subject: PracticeSubject, first: SourceRequest, second: SourceRequest) -> bool:
    """Whether `second` is a page of the list that `first` begins."""
    if first.query == second.query:
        return True  # what differs is in the body that was sent
    fresh = _params(second.query) - _params(first.query)
    names = {name for name, _value in fresh}
    left = [(name, value) for name, value in parse_qsl(second.query) if name not in names]
    begun = subject.trial().ask(first, urlencode(left))
    page = accepted_json(first.body)
    if begun is not None:
        return listed_in(begun) == listed_in(page)
    # The source wants to be asked with them, so a token that stands in the page before has to do.
    said = {str(value) for _place, value in leaves(page)}
    return all(value in said for _name, value in fresh)


def listed_in(value: Any) -> list[Any]:
    """The longest list in a body."""
    if isinstance(value, list):
        return value
    lists = [listed_in(inner) for inner in value.values()] if isinstance(value, dict) else []
    return max(lists, key=len, default=[])


@dataclass(frozen=True)
class Positions:
    """Which queries go on from a position that may expire.

    `begun` is the query each path is first asked with, `rows` are paths with a parameter that names a row of the list, and that
    the source refuses without it. `listed` are the values in each path's answers.
    """

    begun: Mapping[str, str]
    rows: frozenset[tuple[str, str]]
    listed: Mapping[str, frozenset[str]]

    def may_expire(self, path: str, query: str) -> bool:
        """Whether a path is asked to go on from a token, or from a row that has to be there."""
        return any(
            (path, name) in self.rows
            or not (value.isdigit() or is_time(value) or self._names_a_parent(path, name, value))
            for name, value in _changed(query, self.begun.get(path, ""))
        )

    def _names_a_parent(self, path: str, name: str, value: str) -> bool:
        """Whether a parameter that every list of the path begins with has the key of another path's row: no position."""
        begins = any(name == known for known, _ in parse_qsl(self.begun.get(path, "")))
        return begins and any(value in values for other, values in self.listed.items() if other != path)


def positions_of(subject: PracticeSubject) -> Positions:
    """The positions in the requests of an undisturbed sync; looked for once."""
    if "positions" not in subject.found:
        subject.found["positions"] = _positions(subject)
    kept: Positions = subject.found["positions"]
    return kept


def _positions(subject: PracticeSubject) -> Positions:
    lists: dict[str, list[SourceRequest]] = {}
    for exchange in subject.clean.first.exchanges:
        for asked in exchange.asked:
            lists.setdefault(asked.path, []).append(asked)
    begun = {path: asked[0].query for path, asked in lists.items()}
    named = {pair: asked for path, pages in lists.items() for pair, asked in _naming_rows(pages, begun[path])}
    rows = frozenset(
        (path, name)
        for (path, name), (asked, value, row) in named.items()
        if _is_refused_without(subject, asked, value, row)
    )
    listed = {
        path: frozenset(str(value) for page in pages for _, value in leaves(accepted_json(page.body)))
        for path, pages in lists.items()
    }
    return Positions(begun, rows, listed)


def _changed(query: str, begun: str) -> list[tuple[str, str]]:
    first = parse_qsl(begun)
    return [pair for pair in parse_qsl(query) if pair not in first]


def _naming_rows(
    pages: list[SourceRequest], begun: str
) -> Iterator[tuple[tuple[str, str], tuple[SourceRequest, str, Mapping[str, Any]]]]:
    """Parameters whose value distinguishes the last row of the page before from all its other rows."""
    for page, following in pairwise(pages):
        *others, last = listed_in(accepted_json(page.body)) or [None]
        if not isinstance(last, dict):
            continue
        for name, value in _changed(following.query, begun):
            if any(
                str(seen) == value
                and not any(isinstance(row, dict) and row.get(column) == seen for row in others)
                for column, seen in last.items()
            ):
                yield (following.path, name), (following, value, last)


def _is_refused_without(
    subject: PracticeSubject, asked: SourceRequest, value: str, row: Mapping[str, Any]
) -> bool:
    """Whether the source refuses a request once the row that it names is deleted."""
    trial = subject.trial()
    tables = [rows for rows in trial.rows.values() if _is_among(row, rows, value)]
    for rows in tables:
        rows.remove(*rows.identity(row))
    return bool(tables) and trial.ask(asked, asked.query) is None


def _is_among(row: Mapping[str, Any], rows: Rows, value: str) -> bool:
    if value not in {str(row.get(column)) for column in rows.key} or None in (
        row.get(column) for column in rows.key
    ):
        return False
    return any(rows.identity(row) == rows.identity(other) for other in rows.listed())


@check(
    "C52", "a position that expired is given up", risk="fail for ever when a token expires between two calls"
)
def expired_positions(subject: PracticeSubject) -> None:
    """When the source no longer knows a token from the call before, the next syncs start over instead of failing for ever."""
    subject = subject.roomy
    # What is read once more, after a position that expired, comes with a state that is a little longer.
    size = subject.smallest_answers * 5 // 4
    calls = subject.trial(answer_bytes=size).connection.sync().exchanges
    positions = positions_of(subject)
    resumed = [
        (number, asked)
        for number, call in enumerate(calls)
        if number and (asked := _resuming(call.asked, positions))
    ]
    if not resumed:
        raise NotRun(
            "no call goes on from a position that may expire (numbers, times, and keys that the source takes without their row"
            " do not): there is nothing to add"
        )
    for place in spread(2, len(resumed)):
        number, asked = resumed[place - 1]
        trial = subject.trial(answer_bytes=size)
        for _ in range(number):
            trial.connection.call()
        _require_new_start(trial, asked, positions.begun[asked.path], number + 1)


def _require_new_start(trial: Trial, asked: SourceRequest, begun: str, call: int) -> None:
    """While the source refuses what the call asks, until it is asked as at the `begun` start of the list."""
    trial.source.fault = _refused_until_begun_again(asked, begun)
    syncs = [trial.connection.sync() for _ in range(3)]
    if not any(sync.complete for sync in syncs):
        raise Violation(
            f"three syncs in a row fail: {syncs[-1].exchanges[-1].error}",
            expected="a pass that starts over once its old position is refused",
            cause="a token kept in the state is sent again and again after it has expired",
            reproduce=[f"the source answers 400 to {asked.path}?{asked.query}, where call {call} goes on"],
        )


def _resuming(asked: Sequence[SourceRequest], positions: Positions) -> SourceRequest | None:
    """The first request of a list in a call, where it goes on from a position that may expire."""
    first = {one.path: one for one in reversed(asked)}
    return next(
        (one for one in asked if one is first[one.path] and positions.may_expire(one.path, one.query)), None
    )


def _refused_until_begun_again(dead: SourceRequest, begun: str) -> Callable[[PendingRequest], Fault | None]:
    """Refuse a token until the list is read from its start again, which hands out valid ones."""
    refusing = [True]

    def fault(asked: PendingRequest) -> Fault | None:
        query = asked.request.query_string.decode("latin-1")
        if asked.request.path == dead.path and query == begun:
            refusing[:] = [False]
        same = (asked.request.path, query) == (dead.path, dead.query)
        return status(400) if refusing[0] and same else None

    return fault


CHECKS = [endless_pages, expired_positions]
