"""What a path of a practice source answers: a listing in pages, in the source's envelope; changes by a token; a report; GraphQL.

Filters are read from the query or, for a POST, from places of the body, as the page styles read theirs.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn

from werkzeug.wrappers import Request, Response

from fivetran_emulator.errors import PracticeError, Refusal, checks_arguments
from fivetran_emulator.practice.pages import (
    Listed,
    PageStyle,
    PageToken,
    Place,
    key_of,
    page_saying,
    parameter,
    put,
    steps,
    token_of,
    value_in,
)
from fivetran_emulator.practice.rows import Rows, not_before, ordered

Row = dict[str, Any]
PUBLIC = "practice.public"
"""In a request's environ: who asks showed no valid key, and sees only what everybody may see."""
WhenEmpty = Literal["list", "null", "absent", 204]
"""What a page without rows has in the place of its rows."""
_UNITS = {"seconds": 1.0, "milliseconds": 1000.0}


@checks_arguments
@dataclass(frozen=True)
class Csv:
    """Rows as CSV. Null is an empty field, a list or an object its JSON.

    Args:
        delimiter: what is between fields; a tab for TSV.
        encoding: that of the text.
        has_header: whether the first line names the columns.
        columns: the columns, also where there are no rows; by default those that the rows have.
    """

    delimiter: str = ","
    encoding: str = "utf-8"
    has_header: bool = True
    columns: Sequence[str] = ()

    def __call__(self, rows: Sequence[Row]) -> tuple[bytes, str]:
        """The body and its type."""
        written = io.StringIO(newline="")
        columns = list(dict.fromkeys([*self.columns, *(column for row in rows for column in row)]))
        table = csv.writer(written, delimiter=self.delimiter)
        if self.has_header:
            table.writerow(columns)
        table.writerows([_field(row.get(column)) for column in columns] for row in rows)
        return written.getvalue().encode(self.encoding), f"text/csv; charset={self.encoding}"


@checks_arguments
@dataclass(frozen=True)
class Lines:
    """Rows as one JSON object a line."""

    def __call__(self, rows: Sequence[Row]) -> tuple[bytes, str]:
        """The body and its type."""
        text = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
        return text.encode(), "application/x-ndjson"


def _field(value: object) -> object:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list | bool) else value


@dataclass(frozen=True)
class Filters:
    """Which rows a request asks for; see `Source.listing`."""

    since: str | None = None
    after: str | None = None
    form: str = "{0}"
    epoch: Literal["seconds", "milliseconds"] | None = None
    equal: Sequence[str] = ()
    any_of: Mapping[str, str] = field(default_factory=dict)
    include: Sequence[str] = ()
    include_param: str = "include"
    public: Callable[[Row], bool] | None = None

    def rows(self, table: Rows, request: Request, path: Mapping[str, str]) -> list[Row]:
        """Those rows of the table, whole and not to be changed."""
        rows = table.current()
        for column, value in path.items():
            rows = [row for row in rows if str(row.get(column)) == value]
        if request.environ.get(PUBLIC) and self.public:
            rows = [row for row in rows if self.public(row)]
        for column in self.equal:
            if (wanted := parameter(request, column)) is not None:
                rows = [row for row in rows if _shown(row.get(column)) == wanted]
        for name, column in self.any_of.items():
            if (several := parameter(request, name)) is not None:
                rows = [row for row in rows if _shown(row.get(column)) in several.split(",")]
        for param, strictly in ((self.since, False), (self.after, True)):
            if (
                param
                and table.cursor
                and (bound := value_in(parameter(request, param) or "", self.form, param))
            ):
                rows = not_before(
                    rows,
                    table.cursor,
                    bound,
                    strictly=strictly,
                    units=_UNITS[self.epoch] if self.epoch else None,
                    notation=table.notation,
                )
        return rows

    def narrowed(self, table: Rows, rows: Sequence[Row], request: Request) -> list[Row]:
        """Copies of these rows of a table as it is shown, with the columns that were asked for."""
        asked = (parameter(request, self.include_param) or "").split(",") if self.include else []
        left_out = {column for column in self.include if column not in asked}
        shown = rows if table.notation is None else map(table.shown, rows)
        return [{name: value for name, value in row.items() if name not in left_out} for row in shown]


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@dataclass(frozen=True)
class Listing:
    """One path that lists rows: which, in what pages, in what envelope."""

    rows: Rows
    pages: PageStyle
    filters: Filters
    within: Place | None = "data"
    order: tuple[str, ...] = ()
    parents: Rows | None = None
    no_rows: WhenEmpty = "list"
    form: Callable[[Sequence[Row]], tuple[bytes, str]] | None = None
    gzipped: bool = False

    def answer(self, request: Request, cap: int | None, path: Mapping[str, str]) -> Response:
        """The page that was asked for."""
        if self.parents is not None:
            _require_parent(self.parents, path)
        rows = self.filters.rows(self.rows, request, path)
        if self.order:
            rows.sort(key=lambda row: [ordered(row.get(column)) for column in self.order])
        page = self.pages.page(Listed(rows, self.rows.identity, cap), request)
        listed = self.filters.narrowed(self.rows, page.rows, request)
        if self.form is not None:
            return formed(self.form, listed, gzipped=self.gzipped, headers=page.headers)
        return self._enveloped(listed, page.members, page.headers)

    def _enveloped(
        self, rows: list[Row], members: Mapping[Any, object], headers: Mapping[str, str]
    ) -> Response:
        if not rows and self.no_rows == 204:
            return Response(status=204, headers=dict(headers))
        listed = None if not rows and self.no_rows == "null" else rows
        if self.within is None:
            return json_response(listed, headers=headers)
        body: dict[str, Any] = {}
        for place, value in members.items():
            put(body, steps(place), value)
        if rows or self.no_rows != "absent":
            put(body, steps(self.within), listed)
        return json_response(body, headers=headers)


def _require_parent(parents: Rows, path: Mapping[str, str]) -> None:
    """`Refusal` (404) unless the path's last parameter is the key of one of these rows."""
    wanted = list(path.values())[-1]
    if not any(str(parents.identity(row)[-1]) == wanted for row in parents.current()):
        raise Refusal(404, f"there is no {parents.name} {wanted}")


@dataclass(frozen=True)
class Delta:
    """A listing whose last page has a token, with which only what changed since is listed; see `Source.delta`."""

    rows: Rows
    within: Place
    token: str
    last: Place
    page: str
    next: Place
    removed: Mapping[str, Any]
    size: int
    expired: int
    links: bool

    def answer(self, request: Request, cap: int | None) -> Response:
        """The page that was asked for. `Refusal` (`expired`) for a token that the source no longer takes."""
        begun, since, after = self._position(request)
        rows = self._rows(since)
        left = [row for row in rows if after is None or _place(self.rows, row) > after]
        page, more = left[: min(self.size, cap or self.size)], len(left) > min(self.size, cap or self.size)
        if more:
            where, lead = (
                self.next,
                self._lead(request, self.page, [begun, since, self.rows.identity(page[-1])]),
            )
        else:
            where, lead = self.last, self._lead(request, self.token, [begun])
        page = [self.rows.shown(row) for row in page]
        said = page_saying(page, [(where, lead)])
        body: dict[str, Any] = {}
        for place, value in {steps(self.within): page, **said.members}.items():
            put(body, steps(place), value)
        return json_response(body)

    def _position(self, request: Request) -> tuple[int, int | None, list[Any] | None]:
        """The version at which this listing began, the one since which changes are asked for, and the key behind which to go on."""
        if page := parameter(request, self.page):
            begun, since, key = key_of(page)
            return begun, since, [ordered(part) for part in key]
        if token := parameter(request, self.token):
            [since] = key_of(token)
            if since < self.rows.forgotten:
                raise Refusal(self.expired, "the token has expired: list everything again")
            return self.rows.version, since, None
        return self.rows.version, None, None

    def _rows(self, since: int | None) -> list[Row]:
        rows = self.rows.listed() if since is None else self._changes(since)
        return sorted(rows, key=lambda row: _place(self.rows, row))

    def _changes(self, since: int) -> list[Row]:
        return [
            {**dict(zip(self.rows.key, key, strict=True)), **self.removed} if row is None else row
            for key, row in self.rows.changes(since).items()
        ]

    def _lead(self, request: Request, param: str, position: Sequence[object]) -> str:
        token = token_of(position)
        return f"{request.base_url}?{param}={token}" if self.links else token


def _place(rows: Rows, row: Row) -> list[Any]:
    return [ordered(part) for part in rows.identity(row)]


def formed(
    form: Callable[[Sequence[Row]], tuple[bytes, str]],
    rows: Sequence[Row],
    *,
    gzipped: bool,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Rows in another form than JSON; with `gzipped` as a file that is compressed, not as a transfer that is."""
    body, kind = form(rows)
    if gzipped:
        body, kind = gzip.compress(body, mtime=0), "application/gzip"
    return Response(body, headers=dict(headers or {}), content_type=kind)


def json_response(body: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer; text is left as UTF-8, as nearly every API does."""
    text = json.dumps(body, ensure_ascii=False, allow_nan=False, default=_require_json)
    return Response(text, status=status, headers=dict(headers or {}), content_type="application/json")


def _require_json(value: object) -> NoReturn:
    raise PracticeError(f"{value!r} is no value of JSON: write it as the API does, a time as its text")


@dataclass
class ReportJob:
    """Reports of rows as they were when each was asked for; see `Source.job`."""

    rows: Rows
    seconds: float
    form: Callable[[Sequence[Row]], tuple[bytes, str]]
    gzipped: bool
    _made: dict[str, tuple[float, list[Row]]] = field(default_factory=dict)

    def create(self, _request: Request) -> object:
        """A new report, which is not ready."""
        number = str(len(self._made) + 1)
        self._made[number] = (
            time.time() + self.seconds,
            [self.rows.shown(row) for row in self.rows.current()],
        )
        return {"id": number, "status": "running"}

    def status(self, request: Request, report: str) -> object:
        """Whether it is ready, and then its address."""
        ready, _ = self._of(report)
        if time.time() < ready:
            return {"id": report, "status": "running"}
        return {"id": report, "status": "done", "url": f"{request.base_url}/file"}

    def download(self, _request: Request, report: str) -> Response:
        """Its file. `Refusal` (404) while there is none."""
        ready, rows = self._of(report)
        if time.time() < ready:
            raise Refusal(404, "the report is not ready")
        return formed(self.form, rows, gzipped=self.gzipped)

    def _of(self, report: str) -> tuple[float, list[Row]]:
        if report not in self._made:
            raise Refusal(404, f"there is no report {report}")
        return self._made[report]


@dataclass(frozen=True)
class GraphQL:
    """Connections (https://relay.dev/graphql/connections.htm) of some tables, by the names of their fields; see `Source.graphql`."""

    tables: Mapping[str, Rows]
    size: int
    since: str | None

    def answer(self, request: Request, cap: int | None) -> object:
        """What the query asks for; an error stands in an answer with status 200, as nearly everywhere."""
        asked = request.get_json(silent=True)
        query = asked.get("query") if isinstance(asked, dict) else None
        found = (
            re.search(r"\b(\w+)\s*\([^)]*\)\s*\{|\{\s*(\w+)\s*\{", _body_of(query))
            if isinstance(query, str)
            else None
        )
        name = str(found[1] or found[2]) if found else ""
        if name not in self.tables:
            return {"data": None, "errors": [{"message": f"Cannot query field {name!r} on type 'Query'."}]}
        return self._connection(name, request, cap)

    def _connection(self, name: str, request: Request, cap: int | None) -> object:
        rows = self.tables[name]
        listed = rows.listed()
        bound = request.get_json()["variables"].get(self.since) if self.since else None
        if bound is not None and rows.cursor:
            listed = not_before(listed, rows.cursor, str(bound), notation=rows.notation)
        pages = PageToken(self.size, "variables.after", "endCursor", "variables.first", more="hasNextPage")
        page = pages.page(Listed(listed, rows.identity, cap), request)
        info: dict[str, Any] = {place[-1]: value for place, value in page.members.items()}
        return {"data": {name: {"nodes": [rows.shown(row) for row in page.rows], "pageInfo": info}}}


def _body_of(query: str) -> str:
    """A query without what stands before its first brace: the operation's own name and variables."""
    return query[query.find("{") :]
