"""A practice source that answers from memory while nothing changes: a suite asks it the same hundreds of times.

What a source answers depends on the request, its rows and the time. So an answer is kept by the request's bytes and the
moment, and all are forgotten when a row changes. Of a source that shows anything else (a job that is made by POST and
becomes ready, a count of requests, a token that holds for one call) nothing is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Response

from fivetran_emulator.contract.lab.faults import SourceRequest, said
from fivetran_emulator.contract.lab.network import ADDRESS, in_this_thread
from fivetran_emulator.contract.lab.virtual_time import VirtualTime
from fivetran_emulator.practice.rows import Rows
from fivetran_emulator.practice.serving import Practice

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

__all__ = ["RememberedSource", "SharedPractice", "ask", "shared_practice", "tables_of"]

_Answers = dict[tuple[bytes, datetime], tuple[bytes, int, list[tuple[str, str]]]]
_OUT_OF_ORDER = 500
_CHANGING = ("put", "remove", "update", "forget")
"""The methods by which `Rows` change."""


@dataclass
class SharedPractice:
    """A practice source that nothing has changed, and what it has answered: for all trials that have not changed anything yet."""

    make: Callable[[], Practice]
    unchanged: Practice
    answers: _Answers = field(default_factory=dict)


class RememberedSource:
    """The source of one trial: the shared one, until the trial asks for rows that it may change."""

    def __init__(self, practice: Practice | SharedPractice, clock: VirtualTime) -> None:
        self._clock = clock
        self._shared = practice if isinstance(practice, SharedPractice) else None
        self._used = practice.unchanged if isinstance(practice, SharedPractice) else practice
        self._app = in_this_thread(self._used.source)
        self._answers = self._shared.answers if self._shared else None

    @property
    def secrets(self) -> Mapping[str, object]:
        """The secrets that open it, at the address where trials find it."""
        return self._used.secrets_at(ADDRESS)

    @property
    def own(self) -> Practice:
        """A practice source that no other trial has, to be changed."""
        if self._shared is not None:
            self._used, self._shared, self._answers = self._shared.make(), None, {}
            self._app = in_this_thread(self._used.source)
            for rows in tables_of(self._used).values():
                _watch(rows, self._answers.clear)
        return self._used

    def cap(self, rows: int) -> bool:
        """Let pages have at most so many rows; False for a source that cannot."""
        source: Any = self.own.source
        if not hasattr(source, "cap"):
            return False
        source.cap = rows
        if self._answers:
            self._answers.clear()
        return True

    def answer(self, environ: WSGIEnvironment) -> Response:
        """What the source answers, from memory where it is known."""
        if self._answers is None:
            return Response.from_app(self._app, environ, buffered=True)
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            _own, self._answers = self.own, None  # whatever is made by this may show in any other answer
            return self.answer(environ)
        key = (environ["contract.request"], self._clock.now())
        if kept := self._answers.get(key):
            return Response(*kept)
        answer = Response.from_app(self._app, environ, buffered=True)
        if answer.status_code < _OUT_OF_ORDER:  # each failure of practice.py is noted
            self._answers[key] = (answer.get_data(), answer.status_code, list(answer.headers))
        return answer

    def ask(self, like: SourceRequest, query: str) -> Response:
        """What the source answers to a request like that with another query."""
        return ask(self._used, like, query)


def ask(practice: Practice, like: SourceRequest, query: str) -> Response:
    """What a practice source answers to a request like that with another query."""
    headers = [(name, value) for name, value in like.headers.items() if name != "Content-Length"]
    asked = EnvironBuilder(
        like.path, method=like.method, query_string=query, data=like.content, headers=headers
    )
    return Response.from_app(in_this_thread(practice.source), asked.get_environ(), buffered=True)


def tables_of(practice: Practice) -> Mapping[str, Rows]:
    """A source's tables; empty for a source that does not let itself be changed."""
    tables = getattr(practice.source, "tables", None)
    return tables if isinstance(tables, dict) else {}


def _watch(rows: Rows, changed: Callable[[], None]) -> None:
    """Let `changed` be called after each change of the rows, wherever a subclass has them."""

    def watched(change: Callable[..., None]) -> Callable[..., None]:
        def change_and_say_so(*key: Any, **columns: Any) -> None:
            change(*key, **columns)
            changed()

        return change_and_say_so

    for name in _CHANGING:
        setattr(rows, name, watched(getattr(rows, name)))


def shared_practice(
    make: Callable[[], Practice],
    change: Callable[[Practice], None],
    secrets: Mapping[str, object],
    asked: Iterable[SourceRequest],
) -> SharedPractice | None:
    """A practice source for all trials; None where what undisturbed syncs asked shows that its answers depend on more.

    `change` changes rows. `secrets` are those of the undisturbed syncs: where each load of practice.py makes others, no trial can
    take those of another.
    """
    unchanged, requests = make(), list(asked)
    if secrets != unchanged.secrets_at(ADDRESS) or not _answered_alike(requests):
        return None
    different = list({(one.path, one.query, one.content): one for one in requests}.values())
    try:
        return SharedPractice(make, unchanged) if _forgets_requests(make, change, different) else None
    except Exception:  # noqa: BLE001 - what a source raises is reported by the check whose sync meets it
        return None


def _forgets_requests(
    make: Callable[[], Practice], change: Callable[[Practice], None], requests: Sequence[SourceRequest]
) -> bool:
    """Whether a source that was asked before its rows changed answers as one that was not, and in another order."""
    asked, other = make(), make()
    if asked.source is other.source:
        return False  # all trials have the same one as it is, with whatever was changed
    with VirtualTime().active():  # as long as a source says that an answer took it
        for one in requests:
            ask(asked, one, one.query)
        change(asked)
        change(other)
        expected = [_shown(ask(asked, one, one.query)) for one in requests]
        return expected[::-1] == [_shown(ask(other, one, one.query)) for one in reversed(requests)]


def _shown(answer: Response) -> object:
    return answer.status_code, answer.get_data(), said(answer)


def _answered_alike(requests: Iterable[SourceRequest]) -> bool:
    """Whether all was asked by GET, and the same request always had the same answer: no job, no session, no count."""
    answers: dict[object, object] = {}
    return all(
        one.method == "GET"
        and answers.setdefault((one.path, one.query, one.content), (one.status, one.body, one.said))
        == (one.status, one.body, one.said)
        for one in requests
    )
