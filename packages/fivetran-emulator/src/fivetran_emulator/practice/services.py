"""Paths of a practice source that are more than one list: a job that makes a file, and GraphQL."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from werkzeug.wrappers import Request, Response

from fivetran_emulator.practice.errors import Refusal
from fivetran_emulator.practice.listings import Row, formed
from fivetran_emulator.practice.pages import Listed, PageToken
from fivetran_emulator.practice.rows import Rows, not_before


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
        self._made[number] = (time.time() + self.seconds, self.rows.listed())
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
            listed = not_before(listed, rows.cursor, str(bound))
        pages = PageToken(self.size, "variables.after", "endCursor", "variables.first", more="hasNextPage")
        page = pages.page(Listed(listed, rows.identity, cap), request)
        info: dict[str, Any] = {place[-1]: value for place, value in page.members.items()}
        return {"data": {name: {"nodes": list(page.rows), "pageInfo": info}}}


def _body_of(query: str) -> str:
    """A query without what stands before its first brace: the operation's own name and variables."""
    return query[query.find("{") :]
