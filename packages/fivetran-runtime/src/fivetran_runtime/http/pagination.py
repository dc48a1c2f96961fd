"""How a list is read page by page.

A paginator is a value: the position where it stands, what to ask for there, and from a page the paginator for the next one.
Where a source may cap the page size, "fewer rows than asked for" does not mean "the last page"; paginators end on what
the source says, or on an empty page.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar, Protocol

import msgspec

from fivetran_runtime._arguments import kind_of, wrong
from fivetran_runtime._encoding import encode
from fivetran_runtime._invocation import logs
from fivetran_runtime._invocation.context import running
from fivetran_runtime.errors import ConfigurationError, DefectError
from fivetran_runtime.http._pages import Page, Trail
from fivetran_runtime.http._places import A_PLACE, ABSENT, Header, Place, is_place, is_there, shown_place
from fivetran_runtime.operations import At

Param = str | Sequence[str] | Header
"""What takes a position: a query parameter; with json= or form=, a place in the body; or a header."""


class Paginator(Protocol):
    """How to go from page to page.

    Attributes:
        is_counted: whether a position may be behind the last page; a token or a link that is refused has expired.
        reads_ahead: whether the next page may be asked for before its turn, also where nobody needs it in the end, unless
            `ahead=` of `Client.pages` says something else. What follows a token may be there only once.
    """

    is_counted: ClassVar[bool]
    reads_ahead: ClassVar[bool]

    def target(self, path: str) -> str:
        """What to ask for: the path itself unless the source gave a link."""

    def query(self) -> Mapping[Any, Any]:
        """What to ask with for the page the paginator stands at, by `Param`; None leaves one to the author."""

    def following(self, page: Page, rows: list[Any]) -> Paginator | None:
        """The paginator standing at the next page, or None after the last."""

    def position(self) -> Mapping[str, Any]:
        """The arguments of the `At` that resumes here."""

    def is_first(self) -> bool:
        """Whether it stands where a list begins."""

    def expected(self, trail: Trail) -> Paginator | None:
        """Where the page behind this one stands, if this one will be full; None where that is not known before."""


class OnPath(msgspec.Struct, frozen=True):
    """A paginator that asks at the list's own path for every page."""

    is_counted: ClassVar[bool] = True
    reads_ahead: ClassVar[bool] = False

    def target(self, path: str) -> str:
        return path

    def expected(self, trail: Trail) -> Paginator | None:
        return None


def asked(param: Param, position: Any, size_param: Param | None, size: int | None) -> Mapping[Any, Any]:
    """What to ask with at a position, by what takes it."""
    found = {named(param): position}
    if size_param:
        found[named(size_param)] = size
    return found


def named(param: Param) -> str | Header | tuple[str, ...]:
    """A `Param` as the key of a mapping."""
    return param if isinstance(param, str | Header) else tuple(param)


class NoRows(msgspec.Struct, frozen=True):
    """How a source says that there are no rows, other than with an empty list; see `Client.pages`.

    Attributes:
        past_end: statuses of a page behind the last one.
        statuses: those of a list, or of its rest, that has none.
        null: whether null where the rows should be says so.
        absent: whether an object without the place does.
    """

    past_end: frozenset[int] = frozenset()
    statuses: frozenset[int] = frozenset()
    null: bool = False
    absent: bool = False

    @classmethod
    def parse(cls, paginator: Paginator, no_rows: Any, past_end: Any) -> NoRows:
        """What an author said.

        Raises:
            DefectError: it is nothing that a source may say, or the paginator cannot go with it.
        """
        if (no_rows, past_end) == ((), ()):
            return _EMPTY_LIST_ONLY
        none, ends = _collected(no_rows), _collected(past_end)
        words = {"null": "null" in none, "absent": "absent" in none}
        statuses = [one for one in none if one not in ("null", "absent")]
        _require_statuses("no_rows", statuses, '"null", "absent" and ')
        _require_statuses("past_end", ends, "")
        if ends and not paginator.is_counted:
            msg = f"pages(): past_end= goes with positions that are counted, and not with {type(paginator).__name__}."
            hint = "A token or a link that is refused has expired; its list is not at its end."
            raise DefectError(msg, hint=hint)
        return cls(frozenset(ends), frozenset(statuses), **words)

    def accepted(self, *, is_first: bool) -> frozenset[int]:
        """The statuses of a page that are no errors.

        A refusal (400 and more) means that there are no rows at the beginning of a list, and its end behind it.
        """
        if is_first or not (self.statuses or self.past_end):
            return self.statuses
        return frozenset(one for one in self.statuses if one < _REFUSAL) | self.past_end


_REFUSAL = 400
_EMPTY_LIST_ONLY = NoRows()
_SAY_NO_ROWS = {204, 304, *range(_REFUSAL, 500)} - {401, 408, 425, 429}  # about who asks, and when


def _collected(said_none: Any) -> list[Any]:
    is_many = isinstance(said_none, Collection) and not isinstance(said_none, str | Mapping)
    return list(said_none) if is_many else [said_none]


def _require_statuses(name: str, statuses: list[Any], words: str) -> None:
    for one in statuses:
        if type(one) is not int or one not in _SAY_NO_ROWS:
            msg = (
                f"pages(): {name}= holds {one!r}; it takes {words}statuses: 204, 304, or those of a refusal."
            )
            raise DefectError(msg)


class PageSource(Protocol):
    """Where pages come from."""

    def page(self, target: str, position: Mapping[Any, Any], accepted: frozenset[int], sent: Any) -> Page:
        """The page of an address or path, at a position by what takes it.

        Args:
            target: the address or path.
            position: the position.
            accepted: statuses that are no errors.
            sent: what `send` gave for it; None if it was not asked for yet.
        """

    def send(self, target: str, position: Mapping[Any, Any], behind: Page, *, pages: int, alone: bool) -> Any:
        """Ask for such a page before its turn; None where that has to wait.

        Args:
            target: the address or path.
            position: the position.
            behind: the page that has come last.
            pages: how many pages will be on their way behind that.
            alone: whether the source is asked for one thing at a time.
        """


class _Pages:
    """The pages of one list, in turn; the next ones may have been asked for before."""

    def __init__(self, source: PageSource, path: str, no_rows: NoRows, *, ahead: int) -> None:
        self._source, self._path, self._no_rows, self._ahead = source, path, no_rows, ahead
        self._sent: deque[tuple[Paginator, Any]] = deque()
        self.trail = Trail()

    def page(self, paginator: Paginator) -> Page | None:
        """The page at which a paginator stands; None where a status says that there are no rows."""
        trail, path = self.trail, self._path
        trail.pages += 1
        _note_position(trail, paginator.position())
        is_first = trail.pages == 1 and paginator.is_first()
        accepted = self._no_rows.accepted(is_first=is_first)
        sent = self._sent.popleft()[1] if self._sent else None
        try:
            answer = self._source.page(paginator.target(path), paginator.query(), accepted, sent)
        except ConfigurationError as refused:
            _hint_at_the_end(refused, paginator)
            raise
        if sent is not None and sent.was_settled:
            self._ahead = 0  # something else is asked for between any two pages
        page = msgspec.structs.replace(answer, trail=trail)
        if page.status in accepted:
            page.require_no_promise(f"the answer is HTTP {page.status}")
            if page.status >= _REFUSAL and is_first:
                _count_refusal(page)
            return None
        return page

    def ask_ahead(self, paginator: Paginator, behind: Page) -> None:
        """Ask for the page at which a paginator stands, behind the one that has just come, and for those after it."""
        if self._sent and self._sent[0][0] != paginator:
            self.end()
            self._ahead = 1  # the source's pages are of another size than was asked for
        with suppress(Exception):  # what is wrong with a page shows at its turn
            upcoming = self._sent[-1][0].expected(self.trail) if self._sent else paginator
            while upcoming is not None and len(self._sent) < self._ahead and self._send(upcoming, behind):
                upcoming = upcoming.expected(self.trail)

    def _send(self, paginator: Paginator, behind: Page) -> bool:
        target, position = paginator.target(self._path), paginator.query()
        pages, alone = len(self._sent) + 1, self._ahead == 1
        sent = self._source.send(target, position, behind, pages=pages, alone=alone)
        if sent is not None:
            self._sent.append((paginator, sent))
        return sent is not None

    def end(self) -> None:
        """Do without the pages that were asked for and are not needed."""
        while self._sent:
            self._sent.popleft()[1].drop()


def read_pages(
    source: PageSource,
    path: str,
    paginator: Paginator,
    *,
    rows: Place | None,
    at: Mapping[str, Any],
    no_rows: NoRows = _EMPTY_LIST_ONLY,
    ahead: int = 0,
) -> Iterator[Any]:
    """Rows of all pages with an `At` between them.

    Raises:
        DefectError: a page has no list of rows, or one that was read comes again: the source ignores the position.
    """
    if both := at.keys() & paginator.position().keys():
        message = f"pages(): at= names {', '.join(sorted(both))}, which is the position of the paginator."
        raise DefectError(message, hint="Leave it out: each At names it anyway.")
    pages = _Pages(source, path, no_rows, ahead=ahead)
    try:
        while (page := pages.page(paginator)) is not None:
            listed = _listed(page, rows, no_rows)
            following = paginator.following(page, listed)
            _require_new_rows(page, listed)
            if following is not None:
                _require_new_position(page, following.position())
                pages.ask_ahead(following, page)
            pages.trail.longest = max(pages.trail.longest, len(listed))
            yield from listed
            if following is None:
                return
            paginator = following
            yield At(**at, **paginator.position())
    finally:
        pages.end()


def _count_refusal(page: Page) -> None:
    """Say that a list has no rows because it was refused: a few in the log, and how many in the call's report."""
    counted = running().no_rows
    name = f"HTTP {page.status}"
    counted[name] += 1
    if counted.total() <= _MAX_REFUSALS_SAID:
        logs.emit("INFO", f"{page.url}: {name}, which no_rows= takes for a list without rows.")


_MAX_REFUSALS_SAID = 10
_IS_RIGHT: dict[str, tuple[Callable[[Any], bool], str]] = {
    "int": (lambda value: type(value) is int and value >= 0, "a number, 0 or more"),
    "Rows": (lambda value: type(value) is int and value > 0, "a number of rows above 0"),
    "Place": (is_place, A_PLACE),
    "Param": (
        lambda value: (type(value) is str and value != "") or is_place(value),
        "the name of a parameter, such as 'cursor', Header('X-Cursor'), or with json= a place in it",
    ),
    "Link": (lambda value: type(value) is str and bool(value), "the address that an At has named"),
    "str": (
        lambda value: type(value) is str and value.isidentifier(),
        "the name of the table function's parameter",
    ),
    "bool": (lambda value: type(value) is bool, "True or False"),
    "Absent": (lambda value: value in (None, "end", "error"), "None, 'end' or 'error'"),
    "Empty": (lambda value: value in ("skip", "end", "error"), "'skip', 'end' or 'error'"),
}
"""Of each kind of argument: what it has to be."""
_KINDS = {"size": "Rows", "cap": "Rows", "link": "Link"}


def require_usable(paginator: Any) -> None:
    """Raise DefectError for what is no paginator, or has an argument of another kind than its annotation says."""
    kind = type(paginator)
    if isinstance(paginator, type) or not hasattr(paginator, "following"):
        wanted = "Offset(...), PageNumber(...), PageToken(...), NextLink(...) or Keyset(...)"
        raise wrong("pages", "paginator", paginator, wanted)
    for name, annotation in kind.__annotations__.items():
        written, none, _ = str(annotation).partition(" | None")
        is_right, wanted = _IS_RIGHT.get(_KINDS.get(name, written), (None, ""))
        value = getattr(paginator, name)
        if is_right is not None and not ((none and value is None) or is_right(value)):
            raise wrong(kind.__name__, name, value, f"{wanted}{', or None' if none else ''}")


def _hint_at_the_end(refused: ConfigurationError, paginator: Paginator) -> None:
    if paginator.is_counted and not paginator.is_first() and refused.status in _PAST_END:
        refused.hint = f"If the source answers so behind its last page, say past_end={refused.status}."


_PAST_END = frozenset({400, 404, 410, 416, 422})


def _note_position(trail: Trail, position: Mapping[str, Any]) -> None:
    # A hash of each is little to keep, and enough to know it again.
    try:
        trail.positions[hash(encode(position))] = trail.pages
    except TypeError:
        ((name, value),) = position.items()
        message = f"pages(): the position {name} is {kind_of(value)}, which no At could name."
        raise DefectError(message, hint="Give the paginator the table function's parameter.") from None


def _require_new_position(page: Page, position: Mapping[str, Any]) -> None:
    """Raise for a position that was stood at before: the pages would go round for ever."""
    before = page.trail.positions.get(hash(encode(position)))
    if before is not None:
        names = ", ".join(position)
        message = (
            f"{page.url}: the {names} for the next page leads back to page {before} of {page.trail.pages}"
        )
        msg = f"{message} that were read: the pages go in a circle."
        raise DefectError(msg)


def _require_new_rows(page: Page, listed: list[Any]) -> None:
    """Raise for pages that come again: one like the page before it, or two like two in a row before."""
    trail = page.trail
    if not listed:
        trail.previous = None
        return
    ends = hash((len(listed), encode(listed[:1]), encode(listed[-1:])))
    before, trail.ends[ends] = trail.ends.get(ends), trail.pages
    previous, trail.previous = trail.previous, before
    if before is None:
        return
    if before == trail.pages - 1:
        message = f"{page.url}: the same page came twice in a row."
        raise DefectError(message, hint="The source ignores the position; is its parameter's name right?")
    if previous == before - 1:
        message = (
            f"{page.url}: pages {previous} and {before} came again as {trail.pages - 1} and {trail.pages}."
        )
        raise DefectError(
            message, hint="The source starts over behind its last page; say where it tells the end."
        )


def _listed(page: Page, rows: Place | None, no_rows: NoRows) -> list[Any]:
    listed = page.body if rows is None else page.said(rows)
    if isinstance(listed, list):
        return listed
    if no_rows.null and listed is None:
        return []
    if no_rows.absent and (listed is ABSENT or rows is None) and _says_nothing(page.body):
        return []
    if rows is not None and listed is ABSENT:
        raise page.not_there(rows)
    place = f"{shown_place(rows)} is" if rows else "the body is"
    msg = f"{page.url}: {place} {kind_of(listed)}, not a list of rows."
    said_none = page.status if page.status != 200 else "null"
    hint = f"If the source says so that it has none, say no_rows={said_none!r}." if listed is None else ""
    raise DefectError(msg, hint=hint)


_NO_ANSWERS = frozenset({"error", "errors", "fault", "exception", "message", "detail"})


def _says_nothing(body: Any) -> bool:
    """Whether an object holds neither rows under another name, nor an error."""
    return isinstance(body, dict) and not any(
        is_there(value) and (isinstance(value, list) or str(name).lower() in _NO_ANSWERS)
        for name, value in body.items()
    )
