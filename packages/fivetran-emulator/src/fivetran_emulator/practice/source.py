"""The practice source: a small WSGI application that answers like the API a connector reads.

It keeps nothing between requests but its `Rows`, so a test may change those at any moment, and may put anything that
speaks WSGI (faults, a request log) in front of it without practice.py knowing.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from fivetran_emulator.practice.access import TokenAccess
from fivetran_emulator.practice.errors import PracticeError, Refusal
from fivetran_emulator.practice.pages import Listed, Page, PageStyle, Place, steps
from fivetran_emulator.practice.rows import Row, Rows, not_before, ordered

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

    from fivetran_emulator.practice.access import Access

Route = Callable[..., object]
"""Takes the request and the path's parameters; returns any JSON value, or a werkzeug `Response`."""

F = TypeVar("F", bound=Route)


def plain_error(status: int, message: str) -> object:
    """The error body of a source that did not say what its real API answers."""
    return {"error": message, "status": status}


@dataclass(frozen=True)
class _Listing:
    """One path that lists rows: which, in what pages, in what envelope."""

    rows: Rows
    pages: PageStyle
    within: Place | None
    since: str | None
    order: tuple[str, ...]

    def answer(self, request: Request, cap: int | None, path: Mapping[str, str]) -> Response:
        rows = [row for row in self.rows.listed() if all(str(row.get(name)) == path[name] for name in path)]
        if self.since is not None and self.rows.cursor and (bound := request.args.get(self.since)):
            rows = not_before(rows, self.rows.cursor, bound)
        if self.order:
            rows.sort(key=lambda row: [ordered(row.get(column)) for column in self.order])
        return self._enveloped(self.pages.page(Listed(rows, self.rows.identity, cap), request))

    def _enveloped(self, page: Page) -> Response:
        if self.within is None:
            return json_response(list(page.rows), headers=page.headers)
        body: dict[str, object] = {}
        for place, value in {steps(self.within): list(page.rows), **page.members}.items():
            _put(body, steps(place), value)
        return json_response(body, headers=page.headers)


class Source:
    """An API of listings and routes, as a WSGI application.

    `access` is the rule every request must pass (None: anybody may ask). `error` gives the body of the source's own
    refusals from (status, message). `cap`, which may be set at any time, is the most rows a page of a listing has,
    whatever was asked.

        source = Source(access=Bearer("practice-token"))
        source.listing("/tickets", TICKETS, pages=PageNumber(), cursor="updated_at", since="updated_since")
    """

    def __init__(
        self, *, access: Access | None = None, error: Callable[[int, str], object] = plain_error
    ) -> None:
        self.tables: dict[str, Rows] = {}
        self.cap: int | None = None
        self._access = access
        self._error = error
        self._routes: dict[str, Route] = {}

    def rows(
        self,
        name: str,
        rows: Iterable[Row],
        *,
        key: str | Sequence[str] = "id",
        cursor: str | None = None,
        tombstone: Row | None = None,
    ) -> Rows:
        """Keep a table of rows under `name` for routes of one's own; `source.tables` finds it again."""
        if name in self.tables:
            msg = f"the practice source has two tables called {name}; give one another name"
            raise PracticeError(msg)
        self.tables[name] = Rows(name, rows, key=key, cursor=cursor, tombstone=tombstone)
        return self.tables[name]

    def listing(
        self,
        path: str,
        rows: Rows | Iterable[Row],
        *,
        pages: PageStyle,
        key: str | Sequence[str] = "id",
        cursor: str | None = None,
        within: Place | None = "data",
        since: str | None = None,
        order: Sequence[str] = (),
    ) -> Rows:
        """Answer GET `path` with pages of `rows`, and return the mutable rows.

        `within` is the place of the rows in the body, like "result.items" or a list of names (None: the body is the
        bare list), `since` the query
        parameter that keeps rows whose `cursor` column is that or later, `order` the columns the API sorts by.
        A parameter in the path (``/projects/<project_id>/tasks``) keeps the rows of that value.
        """
        if not isinstance(rows, Rows):
            rows = self.rows(path.rstrip("/").rpartition("/")[2], rows, key=key, cursor=cursor)
        listing = _Listing(rows, pages, within, since, tuple(order))
        self._add(path, lambda request, **given: listing.answer(request, self.cap, given))
        return rows

    def route(self, path: str) -> Callable[[F], F]:
        """Decorate a function that answers GET `path` in a shape of the API's own."""

        def add(function: F) -> F:
            self._add(path, function)
            return function

        return add

    def _add(self, path: str, route: Route) -> None:
        if path in self._routes:
            msg = f"the practice source answers {path} twice; take one away"
            raise PracticeError(msg)
        self._routes[path] = route

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (WSGI)."""
        return self._answer(Request(environ))(environ, start_response)

    def _answer(self, request: Request) -> Response:
        try:
            if isinstance(self._access, TokenAccess) and (token := self._access.answer(request)):
                return json_response(token)
            if self._access is not None:
                self._access.check(request)
            path, given = _map_of(tuple(self._routes)).bind_to_environ(request.environ).match()
            answer = self._routes[path](request, **given)
        except Refusal as refusal:
            return self._refuse(refusal)
        except HTTPException as error:
            return self._refuse(Refusal(error.code or 500, f"{request.method} {request.path}: {error.name}"))
        except Exception:  # noqa: BLE001 - a route may fail in any way
            # Its author needs the traceback, the connector only a server error.
            traceback.print_exc(file=sys.stderr)
            return self._refuse(Refusal(500, "the practice source failed; its traceback is on stderr"))
        return answer if isinstance(answer, Response) else json_response(answer)

    def _refuse(self, refusal: Refusal) -> Response:
        body = refusal.body if refusal.body is not None else self._error(refusal.status, refusal.message)
        return json_response(body, status=refusal.status, headers=refusal.headers)


@cache
def _map_of(paths: tuple[str, ...]) -> Map:
    # Making one compiles code for each path, and a suite of checks makes the same source hundreds of times.
    return Map([Rule(path, endpoint=path, methods=["GET"]) for path in paths], strict_slashes=False)


def json_response(body: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer; text is left as UTF-8, as nearly every API does."""
    text = json.dumps(body, ensure_ascii=False, allow_nan=False)
    return Response(text, status=status, headers=dict(headers or {}), content_type="application/json")


def _put(body: dict[str, object], path: Sequence[str], value: object) -> None:
    """Set a member by its path, making the objects on the way."""
    for name in path[:-1]:
        inner = body.setdefault(name, {})
        if not isinstance(inner, dict):
            msg = f"practice source: {'.'.join(path)} leads through {name}, which is not an object"
            raise PracticeError(msg)
        body = inner
    body[path[-1]] = value
