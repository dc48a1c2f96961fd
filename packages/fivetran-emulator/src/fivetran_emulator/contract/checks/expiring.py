"""C52: positions that the source no longer knows when the next call sends them.

A token expires with its session, and a key that a list goes on behind goes with its row. Offsets, page numbers and times never
do; of a number only the source can tell, so it is asked: without the row that the number names, does it still answer?
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl

from fivetran_emulator.contract.check import check
from fivetran_emulator.contract.checks.changing import spread
from fivetran_emulator.contract.checks.repeated_pages import listed_in
from fivetran_emulator.contract.faults import Asked, Fault, SourceRequest, status
from fivetran_emulator.contract.function import accepted_json
from fivetran_emulator.contract.subject import Subject
from fivetran_emulator.contract.violation import NotRun, Violation
from fivetran_emulator.practice.rows import Rows

__all__ = ["CHECKS", "Positions", "positions_of"]


@dataclass(frozen=True)
class Positions:
    """Which queries go on from a position that may expire.

    `begun` is the query each path is first asked with, `rows` are paths with a parameter that names a row of the list, and that
    the source refuses without it.
    """

    begun: Mapping[str, str]
    rows: frozenset[tuple[str, str]]

    def may_expire(self, path: str, query: str) -> bool:
        """Whether a path is asked to go on from a token, or from a row that has to be there."""
        return any(
            (path, name) in self.rows or not (value.isdigit() or _is_time(value))
            for name, value in _changed(query, self.begun.get(path, ""))
        )


def positions_of(subject: Subject) -> Positions:
    """The positions in the requests of an undisturbed sync; looked for once."""
    kept: Positions | None = getattr(subject, "_positions", None)
    if kept is None:
        lists: dict[str, list[SourceRequest]] = {}
        for exchange in subject.clean.first.exchanges:
            for asked in exchange.asked:
                lists.setdefault(asked.path, []).append(asked)
        begun = {path: asked[0].query for path, asked in lists.items()}
        named = {
            pair: asked for path, pages in lists.items() for pair, asked in _naming_rows(pages, begun[path])
        }
        rows = frozenset(
            (path, name)
            for (path, name), (asked, value, row) in named.items()
            if _is_refused_without(subject, asked, value, row)
        )
        kept = Positions(begun, rows)
        subject._positions = kept  # type: ignore[attr-defined]  # noqa: SLF001 - computed once for all checks
    return kept


def _changed(query: str, begun: str) -> list[tuple[str, str]]:
    first = parse_qsl(begun)
    return [pair for pair in parse_qsl(query) if pair not in first]


def _is_time(value: str) -> bool:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _naming_rows(
    pages: list[SourceRequest], begun: str
) -> Iterator[tuple[tuple[str, str], tuple[SourceRequest, str, Mapping[str, Any]]]]:
    """Parameters whose value tells the last row of the page before from all its other rows."""
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


def _is_refused_without(subject: Subject, asked: SourceRequest, value: str, row: Mapping[str, Any]) -> bool:
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
def expired_positions(subject: Subject) -> None:
    """When the source no longer knows a token from the call before, the next syncs start over instead of failing for ever."""
    size = subject.smallest_answers
    calls = subject.trial(answer_bytes=size).connection.sync().exchanges
    positions = positions_of(subject)
    resumed = [
        (number, call.asked[0])
        for number, call in enumerate(calls)
        if number and call.asked and positions.may_expire(call.asked[0].path, call.asked[0].query)
    ]
    if not resumed:
        raise NotRun(
            "no call goes on from a position that may expire: numbers, times, and keys that the source takes without their row"
            " do not"
        )
    for place in spread(2, len(resumed)):
        number, asked = resumed[place - 1]
        trial = subject.trial(answer_bytes=size)
        for _ in range(number):
            trial.connection.call()
        trial.source.fault = _dead_until_begun_anew(asked, positions.begun[asked.path])
        syncs = [trial.connection.sync() for _ in range(3)]
        if not any(sync.complete for sync in syncs):
            raise Violation(
                f"three syncs in a row fail: {syncs[-1].exchanges[-1].error}",
                expected="a pass that starts over once its old position is refused",
                cause="a token kept in the state is sent again and again after it has expired",
                reproduce=[
                    f"the source answers 400 to {asked.path}?{asked.query}, where call {number + 1} goes on"
                ],
            )


def _dead_until_begun_anew(dead: SourceRequest, begun: str) -> Callable[[Asked], Fault | None]:
    """Refuse a token until the list is begun anew, which hands out tokens that live."""
    refusing = [True]

    def fault(asked: Asked) -> Fault | None:
        query = asked.request.query_string.decode("latin-1")
        if asked.request.path == dead.path and query == begun:
            refusing[:] = [False]
        same = (asked.request.path, query) == (dead.path, dead.query)
        return status(400) if refusing[0] and same else None

    return fault


CHECKS = [expired_positions]
