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

from werkzeug.exceptions import BadRequestKeyError, HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from fivetran_emulator.errors import PracticeError, Refusal, checks_arguments
from fivetran_emulator.practice.access import RateLimit, TokenAccess
from fivetran_emulator.practice.failing import failure_of, note
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


@checks_arguments
class Source:
    """An API of listings and routes, as a WSGI application.

        source = Source(access=Bearer("practice-token"))
        source.listing("/tickets", TICKETS, pages=PageNumber(), cursor="updated_at", since="updated_since")

    Its attribute `cap`, which may be set at any time, is the most rows a page of a listing has, whatever was asked; `tables` are its
    `Rows` by name.

    Args:
        access: the rule that every request must pass, e.g. `Bearer`; by default anybody may ask.
        error: makes the body of the source's refusals: a function of status and message.
        rate: how much may be asked.
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

    @checks_arguments
    def rows(
        self,
        name: str,
        rows: Iterable[Row],
        *,
        key: str | Sequence[str] = "id",
        cursor: str | None = None,
        tombstone: Row | None = None,
        notation: str | None = None,
    ) -> Rows:
        """Keep a table of rows for routes of your own; `source.tables` finds it again.

        Args:
            name: the table's name at the source.
            rows: its rows, which are copied: plain dicts.
            key: the column that identifies a row, or the columns.
            cursor: the column that moves when a row changes, if there is one.
            tombstone: the columns a deleted row is listed with, e.g. ``{"deleted": True}``; by default it is no longer listed.
            notation: how the API writes the cursor's times and is asked for them, as `strftime` has it: "%Y-%m-%d.%H:%M:%S" for
                2026-01-31.12:00:00. In `rows` they stand as ISO 8601; in a notation without a zone they are in UTC.
                A route of your own writes a row so with ``rows.shown(row)``.

        Raises:
            PracticeError: the name is taken; a row has no key, or that of another one; or no row has the cursor.
        """
        if name in self.tables:
            msg = (
                f"the practice source has two tables called {name}; give one another name: "
                f'source.listing(PATH, source.rows("other_name", ROWS, key=...))'
            )
            raise PracticeError(msg)
        self.tables[name] = Rows(name, rows, key=key, cursor=cursor, tombstone=tombstone, notation=notation)
        return self.tables[name]

    @checks_arguments
    def listing(
        self,
        path: str,
        rows: Rows | Iterable[Row],
        *,
        pages: PageStyle,
        key: str | Sequence[str] = "id",
        cursor: str | None = None,
        tombstone: Row | None = None,
        notation: str | None = None,
        within: Place | None = "data",
        since: str | None = None,
        after: str | None = None,
        since_form: str = "{0}",
        epoch: Literal["seconds", "milliseconds"] | None = None,
        equal: Sequence[str] = (),
        any_of: Mapping[str, str] | None = None,
        include: Sequence[str] = (),
        include_param: str = "include",
        order: Sequence[str] = (),
        parents: Rows | None = None,
        public: Callable[[dict[str, Any]], bool] | None = None,
        no_rows: WhenEmpty = "list",
        form: Csv | Lines | None = None,
        gzipped: bool = False,
        method: Literal["GET", "POST"] = "GET",
    ) -> Rows:
        """Answer a path with pages of rows; gives the `Rows`, which a test may change.

        Args:
            path: what is asked. A parameter in it (``/projects/<project_id>/tasks``) keeps the rows of that value.
            rows: plain dicts, or the `Rows` that another path lists, too.
            pages: how they are paged: `Offset`, `PageNumber`, `PageToken`, `NextLink` or `Keyset`.
            key: the column that identifies a row, or the columns, where `rows` are plain dicts.
            cursor: the column that moves when a row changes, if there is one.
            tombstone: the columns a deleted row is listed with, as for `Source.rows`.
            notation: how the API writes the cursor's times and is asked for them, as for `Source.rows`, where `rows` are plain dicts.
            within: where in the body the rows are, e.g. "result.items" or ["odd.name"]; None where the body is the list.
            since: the parameter that keeps rows whose `cursor` is that or later.
            after: the one that keeps only later ones.
            since_form: what its value looks like, e.g. ">={0}" for ``?updated_on=>=2026-01-01``.
            epoch: its unit, where it is a number since 1970 and the column is not.
            equal: parameters that keep the rows with that very value in the column of the same name.
            any_of: parameters that keep the rows with one of several values, divided by commas, each to its column:
                {"ids": "id"} for ``?ids=1,2,7``, as a ``fetch=`` asks.
            include: columns that come only when they are asked for.
            include_param: the parameter that asks for them, divided by commas.
            order: the columns that the API sorts by; by default the order of `rows`.
            parents: the parents' rows: a parameter in the path that is the key of none of them is a 404.
            public: which rows those see who show no valid key, with status 200: a function of the row.
            no_rows: what an answer without rows has in their place: "list", an empty one; "null"; "absent", nothing; 204, no body.
            form: `Csv()` or `Lines()` where the body is not JSON.
            gzipped: whether the body is a gzip file.
            method: with "POST" all parameters are places of the request's body: since="filter.updated_since".

        Raises:
            PracticeError: as `Source.rows`; the path is answered already; or `since` or `after` without a cursor.
        """
        if not isinstance(rows, Rows):
            name = path.rstrip("/").rpartition("/")[2].removesuffix(".json")
            rows = self.rows(name, rows, key=key, cursor=cursor, tombstone=tombstone, notation=notation)
        if (since or after) and rows.cursor is None:
            msg = f"practice source, {path}: {since or after} compares with a column that nobody names: say which with cursor="
            raise PracticeError(msg)
        if epoch and rows.notation:
            msg = f"practice source, {path}: notation= and epoch= both say how {since or after} is written; one of them does"
            raise PracticeError(msg)
        filters = Filters(
            since, after, since_form, epoch, equal, any_of or {}, include, include_param, public
        )
        listing = Listing(rows, pages, filters, within, tuple(order), parents, no_rows, form, gzipped)
        self._add(
            path,
            lambda request, **given: listing.answer(request, self.cap, given),
            method=method,
            public=public is not None,
        )
        return rows

    @checks_arguments
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
        """Answer a path such as ``/issues/<id>.json`` with the row of that key; 404 for none.

        Args:
            path: what is asked, with the key as its parameter.
            rows: the `Rows` that a listing gave.
            within: where in the body the row is; by default the body is the row.
            include: columns that come only when they are asked for.
            include_param: the parameter that asks for them.
            public: which rows those see who show no valid key.
        """
        filters = Filters(include=include, include_param=include_param, public=public)

        def answer(request: Request, **given: str) -> object:
            found = filters.narrowed(rows, filters.rows(rows, request, given), request)
            if not found:
                raise Refusal(404, f"there is no {rows.name} {', '.join(given.values())}")
            body: dict[str, Any] = {}
            if within is not None:
                put(body, steps(within), found[0])
            return found[0] if within is None else body

        self._add(path, answer, public=public is not None)

    @checks_arguments
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
        """Answer a path with all rows and a token; asked with the token, with what has changed since.

        ``rows.forget()`` lets the tokens given so far expire.

        Args:
            path: what is asked.
            rows: the `Rows`, made by `Source.rows`.
            removed: the columns with which a removed row comes, beside its key, e.g. ``{"status": "cancelled"}``.
            within: where in the body the rows are.
            token: the parameter that takes the token.
            last: where the last page has it.
            page: the parameter that takes the token of the next page.
            next: where the answer has that.
            size: rows of a page.
            expired: the status for a token that has expired.
            links: whether both are whole addresses in the answer, as Microsoft Graph has them.
        """
        delta = Delta(rows, within, token, last, page, next, removed, size, expired, links)
        self._add(path, lambda request: delta.answer(request, self.cap))

    @checks_arguments
    def graphql(
        self, path: str, tables: Mapping[str, Rows], *, size: int = 100, since: str | None = None
    ) -> None:
        """Answer a path by POST with a connection of nodes for each field; variables are `after` and `first`.

        All columns come, whatever the query names. A field that is not there is an error in an answer with status 200.

        Args:
            path: what is asked.
            tables: the `Rows` of each field, by its name.
            size: nodes of a page, where fewer are not asked for.
            since: the variable that keeps rows whose cursor is that or later.
        """
        answers = GraphQL(tables, size, since)
        self._add(path, lambda request: answers.answer(request, self.cap), method="POST")

    @checks_arguments
    def job(
        self,
        path: str,
        rows: Rows,
        *,
        seconds: float,
        form: Csv | Lines,
        gzipped: bool = False,
    ) -> None:
        """Let a POST begin a report, ``{"id", "status"}``; GET of ``path/ID`` says "running", then "done" with its "url".

        Args:
            path: what is asked.
            rows: the `Rows` that the report is of, as they are when it is asked for.
            seconds: how long it takes.
            form: `Csv()` or `Lines()`.
            gzipped: whether the file is gzip.
        """
        job = ReportJob(rows, seconds, form, gzipped)
        self._add(path, job.create, method="POST")
        self._add(f"{path}/<report>", job.status)
        self._add(f"{path}/<report>/file", job.download)

    def route(self, path: str, *, method: Literal["GET", "POST"] = "GET") -> Callable[[F], F]:
        """Decorate a function that answers a path in a shape of the API's own.

        It gets werkzeug's `Request` and the path's parameters by name, and gives any JSON value or a werkzeug `Response`, or raises `Refusal`.

        Args:
            path: what is asked.
            method: how.
        """

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
            response = answer if isinstance(answer, Response) else json_response(answer)
        except Refusal as refusal:
            response = self._refuse(refusal)
        except BadRequestKeyError as error:
            response = self._fail(400, error, request)
        except HTTPException as error:
            response = self._refuse(
                Refusal(error.code or 500, f"{request.method} {request.path}: {error.name}")
            )
        except Exception as error:  # noqa: BLE001 - a route may fail in any way
            # Its author needs the traceback, the connector only a server error.
            traceback.print_exc(file=sys.stderr)
            response = self._fail(500, error, request)
        response.headers.update(said)
        return response

    def _fail(self, status: int, error: Exception, request: Request) -> Response:
        failure = failure_of(error, request)
        note(request, failure)
        return self._refuse(Refusal(status, f"the practice source failed: {failure}"))

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
