"""The practice source: a small WSGI application that answers like the API a connector reads.

It keeps nothing between requests but its `Rows`, so a test may change those at any moment, and may put anything that
speaks WSGI (faults, a request log) in front of it without practice.py knowing.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from fivetran_emulator.errors import PracticeError, Refusal
from fivetran_emulator.practice.access import RateLimit, TokenAccess
from fivetran_emulator.practice.listings import (
    PUBLIC,
    Csv,
    Delta,
    Filters,
    GraphQL,
    Lines,
    Listing,
    ReportJob,
    WhenEmpty,
    json_response,
)
from fivetran_emulator.practice.pages import PageStyle, Place, put, steps
from fivetran_emulator.practice.rows import Row, Rows

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

    from fivetran_emulator.practice.access import Access

Route = Callable[..., object]
"""Takes the request and the path's parameters; returns any JSON value, or a werkzeug `Response`."""

F = TypeVar("F", bound=Route)


def plain_error(status: int, message: str) -> object:
    """The error body of a source that did not say what its real API answers."""
    return {"error": message, "status": status}


class Source:
    """An API of listings and routes, as a WSGI application.

    `access` is the rule every request must pass (None: anybody may ask). `error` gives the body of the source's own
    refusals from (status, message). `rate` is how much may be asked. `cap`, which may be set at any time, is the most rows a page of
    a listing has, whatever was asked.

        source = Source(access=Bearer("practice-token"))
        source.listing("/tickets", TICKETS, pages=PageNumber(), cursor="updated_at", since="updated_since")
    """

    def __init__(
        self,
        *,
        access: Access | None = None,
        error: Callable[[int, str], object] = plain_error,
        rate: RateLimit | None = None,
    ) -> None:
        self.tables: dict[str, Rows] = {}
        self.cap: int | None = None
        self._access = access
        self._error = error
        self._rate = rate
        self._routes: dict[tuple[str, str], Route] = {}
        self._public: set[tuple[str, str]] = set()

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
        tombstone: Row | None = None,
        within: Place | None = "data",
        since: str | None = None,
        after: str | None = None,
        since_form: str = "{}",
        epoch: Literal["seconds", "milliseconds"] | None = None,
        equal: Sequence[str] = (),
        include: Sequence[str] = (),
        include_param: str = "include",
        order: Sequence[str] = (),
        parents: Rows | None = None,
        public: Callable[[dict[str, Any]], bool] | None = None,
        empty: WhenEmpty = "list",
        form: Csv | Lines | None = None,
        gzipped: bool = False,
        method: Literal["GET", "POST"] = "GET",
    ) -> Rows:
        """Answer `path` with pages of `rows`, and return the mutable rows.

        `within` is the place of the rows in the body, like "result.items" or a list of names (None: the body is the bare list);
        without rows there is then a list, or as `empty` says null, nothing ("absent"), or no body at all ("204").

        `since` is the parameter that keeps rows whose `cursor` column is that or later, `after` one that keeps later ones only. What
        its value looks like says `since_form`, ">={}" for ``?updated_on=>=2026-01-01``, and `epoch`, where it is a number since 1970 and
        the column is not. `equal` are parameters that keep the rows of that very value. `include` are columns that come only when
        `include_param` names them. A parameter in the path (``/projects/<project_id>/tasks``) keeps the rows of that value; with
        `parents` one that is the key of none of these is a 404. `order` are the columns the API sorts by.

        `public` says which rows those see who show no valid key, with status 200. `form` is the form of the body, where it is not
        JSON. With method="POST" all parameters are places of the request's body: since="filter.updated_since".
        """
        if not isinstance(rows, Rows):
            name = path.rstrip("/").rpartition("/")[2].removesuffix(".json")
            rows = self.rows(name, rows, key=key, cursor=cursor, tombstone=tombstone)
        filters = Filters(since, after, since_form, epoch, equal, include, include_param, public)
        listing = Listing(rows, pages, filters, within, tuple(order), parents, empty, form, gzipped)
        self._add(
            path,
            lambda request, **given: listing.answer(request, self.cap, given),
            method=method,
            public=public is not None,
        )
        return rows

    def detail(
        self,
        path: str,
        rows: Rows,
        *,
        within: Place | None = None,
        include: Sequence[str] = (),
        include_param: str = "include",
        public: Callable[[dict[str, Any]], bool] | None = None,
    ) -> None:
        """Answer GET `path`, like ``/issues/<id>.json``, with the row of that key; 404 for none. The arguments are as for `listing`."""
        filters = Filters(include=include, include_param=include_param, public=public)

        def answer(request: Request, **given: str) -> object:
            found = filters.rows(rows, request, given)
            if not found:
                raise Refusal(404, f"there is no {rows.name} {', '.join(given.values())}")
            body: dict[str, Any] = {}
            if within is not None:
                put(body, steps(within), found[0])
            return found[0] if within is None else body

        self._add(path, answer, public=public is not None)

    def delta(
        self,
        path: str,
        rows: Rows,
        *,
        removed: Row,
        within: Place = "items",
        token: str = "syncToken",  # noqa: S107 - a parameter's name
        last: Place = "nextSyncToken",
        page: str = "pageToken",
        next: Place = "nextPageToken",  # noqa: A002 - what the page styles call it
        size: int = 100,
        expired: int = 410,
        links: bool = False,
    ) -> None:
        """Answer GET `path` with all `rows`, whose last page has a token at `last`; asked with it, `token`, with what changed since.

        A row that went comes with its key and `removed`, like ``{"status": "cancelled"}``. Pages lead on by `next` and `page`; with
        `links` both are whole addresses, as Microsoft Graph has them. ``rows.forget()`` lets the tokens given so far expire: they
        get the status `expired`.
        """
        delta = Delta(rows, within, token, last, page, next, removed, size, expired, links)
        self._add(path, lambda request: delta.answer(request, self.cap))

    def graphql(
        self, path: str, tables: Mapping[str, Rows], *, size: int = 100, since: str | None = None
    ) -> None:
        """Answer POST `path` with a connection of nodes for each of these fields: variables `after`, `first`, and `since` by its name.

        All columns come, whatever the query names. A field that is not there is an error in an answer with status 200.
        """
        answers = GraphQL(tables, size, since)
        self._add(path, lambda request: answers.answer(request, self.cap), method="POST")

    def job(
        self,
        path: str,
        rows: Rows,
        *,
        seconds: float,
        form: Csv | Lines,
        gzipped: bool = False,
    ) -> None:
        """Let POST `path` begin a report: ``{"id", "status"}``; GET ``path/ID`` says "running", then "done" with its "url"."""
        job = ReportJob(rows, seconds, form, gzipped)
        self._add(path, job.create, method="POST")
        self._add(f"{path}/<report>", job.status)
        self._add(f"{path}/<report>/file", job.download)

    def route(self, path: str, *, method: Literal["GET", "POST"] = "GET") -> Callable[[F], F]:
        """Decorate a function that answers `path` in a shape of the API's own."""

        def add(function: F) -> F:
            self._add(path, function, method=method)
            return function

        return add

    def _add(self, path: str, route: Route, *, method: str = "GET", public: bool = False) -> None:
        if (method, path) in self._routes:
            msg = f"the practice source answers {method} {path} twice; take one away"
            raise PracticeError(msg)
        self._routes[method, path] = route
        if public:
            self._public.add((method, path))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (WSGI)."""
        return self._answer(Request(environ))(environ, start_response)

    def _answer(self, request: Request) -> Response:
        said: dict[str, str] = {}
        try:
            said = self._rate.headers() if self._rate else {}
            if isinstance(self._access, TokenAccess) and (token := self._access.answer(request)):
                return json_response(token)
            answer = self._routed(request)
        except Refusal as refusal:
            answer = self._refuse(refusal)
        except HTTPException as error:
            answer = self._refuse(
                Refusal(error.code or 500, f"{request.method} {request.path}: {error.name}")
            )
        except Exception:  # noqa: BLE001 - a route may fail in any way
            # Its author needs the traceback, the connector only a server error.
            traceback.print_exc(file=sys.stderr)
            answer = self._refuse(Refusal(500, "the practice source failed; its traceback is on stderr"))
        response = answer if isinstance(answer, Response) else json_response(answer)
        response.headers.update(said)
        return response

    def _routed(self, request: Request) -> object:
        """What the route for a request answers. `Refusal` for one who may not ask, unless there is a public part for him."""
        refused = self._refused(request)
        if refused and not self._public:
            raise refused
        try:
            route, given = _map_of(tuple(self._routes)).bind_to_environ(request.environ).match()
        except HTTPException:
            if refused:
                raise refused from None
            raise
        if refused and route not in self._public:
            raise refused
        request.environ[PUBLIC] = refused is not None
        return self._routes[route](request, **given)

    def _refused(self, request: Request) -> Refusal | None:
        try:
            if self._access is not None:
                self._access.check(request)
        except Refusal as refusal:
            return refusal
        return None

    def _refuse(self, refusal: Refusal) -> Response:
        body = refusal.body if refusal.body is not None else self._error(refusal.status, refusal.message)
        return json_response(body, status=refusal.status, headers=refusal.headers)


@cache
def _map_of(routes: tuple[tuple[str, str], ...]) -> Map:
    # Making one compiles code for each path, and a suite of checks makes the same source hundreds of times.
    return Map(
        [Rule(path, endpoint=(method, path), methods=[method]) for method, path in routes],
        strict_slashes=False,
    )
