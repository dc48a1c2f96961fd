"""C46: pages that come again.

A newcomer would call all requests of one path pages of one list. `?status=open` and `?status=closed` are two lists, and
`?ticket=1`, `?ticket=2` are one list each. So two requests are taken for neighbouring pages only when the source itself
says so: without the parameters that are new in the second one it gives the first page.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from fivetran_emulator.contract.check import check
from fivetran_emulator.contract.checks.changing import compare, leaves, settle
from fivetran_emulator.contract.connection import Exchange
from fivetran_emulator.contract.faults import Asked, Fault, SourceRequest, text
from fivetran_emulator.contract.function import accepted_json
from fivetran_emulator.contract.subject import Subject
from fivetran_emulator.contract.trial import Trial
from fivetran_emulator.contract.violation import NotRun, Violation, counted

__all__ = ["CHECKS", "listed_in"]

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
def endless_pages(subject: Subject) -> None:
    """A page that comes again and again ends the sync with an error, within bounds; one that comes twice loses no other."""
    lists = _lists(subject)
    if not lists:
        raise NotRun(
            "no list of the practice source is asked for a second page; give it more rows or smaller pages"
        )
    for one in lists[:_MAX_LISTS]:
        _refuse_endless(subject, one)
        _refuse_loss_by_page_twice(subject, one)


def _refuse_endless(subject: Subject, one: _List) -> None:
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


def _refuse_loss_by_page_twice(subject: Subject, one: _List) -> None:
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

    def slowed(asked: Asked) -> Fault | None:
        asked.delay(_SECONDS_A_REQUEST)
        return fault(asked)

    trial.source.fault = slowed
    try:
        return trial.connection.call()
    finally:
        trial.source.fault = fault


# -- which requests are pages of one list ------------------------------------------------------------------------


def _asked(subject: Subject) -> list[SourceRequest]:
    return [asked for exchange in subject.clean.first.exchanges for asked in exchange.asked]


def _question(asked: SourceRequest) -> tuple[str, str, bytes]:
    return asked.path, asked.query, asked.content


def _params(query: str) -> _Query:
    return frozenset(parse_qsl(query, keep_blank_values=True))


def _lists(subject: Subject) -> list[_List]:
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


def _leads_on(subject: Subject, first: SourceRequest, second: SourceRequest) -> bool:
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


CHECKS = [endless_pages]
