"""A correct connector written by hand, without the runtime, as small as it can be while it keeps every promise.

Each mutant is this connector with one method made wrong. Its methods are therefore smaller than they need be, and what
the runtime does for all connectors is spelt out here once more: the suite must not depend on the runtime being right.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import requests
from flask import Request, Response
from mutants.source import practice

from fivetran_emulator.practice.serving import Practice

State = dict[str, Any]
Row = dict[str, Any]
Operation = tuple[str, bytes]

RETRIED = {429, 502, 503, 504}


class Problem(Exception):  # noqa: N818 - as it would be called in a connector
    """The sync cannot go on; the text is shown to people."""


class Cut(Exception):  # noqa: N818 - no error
    """The call has to end; the next one goes on."""


class Reference:
    """The connector; an instance is the function."""

    keys: Mapping[str, str] = MappingProxyType({"tickets": "id", "users": "id"})
    practice: Callable[[], Practice] = staticmethod(practice)
    released = Path(__file__).parent / "released.json"
    keeps_deleted: Mapping[str, str] = MappingProxyType({})
    lookback = timedelta(minutes=5)
    overlap = 3
    unlikely = 20
    tries = 5
    timeouts: Any = (10, 60)
    max_bytes = 20_000_000

    def __call__(self, request: Request) -> Any:
        body = request.get_json()
        self.begin()
        try:
            answer = self.answer(body)
        except Problem as problem:
            self.log(body, str(problem))
            return Response(json.dumps({"errorMessage": str(problem)}), 500, content_type="application/json")
        self.log(body, f"{self.size} bytes")
        return Response(self.encode(self.finish(answer, body)), content_type="application/json")

    def begin(self) -> None:
        self.began = time.monotonic()
        self.limit = int(int(os.environ.get("FIVETRAN_ANSWER_BYTES", "10000000")) * 0.9) - 400
        self.seconds = float(os.environ.get("FIVETRAN_TIMEOUT_S", "60")) * 0.9
        self.operations: dict[str, dict[Any, Operation]] = {}
        self.size = 0
        self.slowest = 0.0

    def log(self, body: Any, message: str) -> None:
        print(json.dumps({"severity": "INFO", "message": message, "sync_id": body.get("sync_id")}))

    def finish(self, answer: Row, body: Any) -> Row:
        """The answer as it is sent; a place for mutants."""
        return answer

    def encode(self, answer: Row) -> str:
        return json.dumps(answer, ensure_ascii=False, allow_nan=False)

    # -- the request ----------------------------------------------------------------------------------------

    def answer(self, body: Any) -> Row:
        self.configure(body.get("secrets"))
        self.sync_id = body.get("sync_id")
        if body.get("setup_test") is True:
            return self.setup_test(body)
        return self.sync(self.load(body.get("state")))

    def configure(self, secrets: Any) -> None:
        given = secrets if isinstance(secrets, dict) else {}
        if missing := [key for key in ("url", "token") if not isinstance(given.get(key), str)]:
            raise Problem(f"secrets: {', '.join(missing)} must be given as text")
        self.url, self.token = given["url"], given["token"]

    def setup_test(self, body: Any) -> Row:
        self.get("/me")
        return {"state": body.get("state") or {}, "hasMore": False}

    def load(self, state: Any) -> State:
        if not state:
            return {"version": 1, "connector": "reference"}
        if not isinstance(state, dict) or (state.get("version"), state.get("connector")) != (1, "reference"):
            raise Problem("the state is not this connector's; set it to {} to read everything again")
        mark = state.get("tickets", {}).get("mark")
        if mark and self.moment(mark) > datetime.fromtimestamp(time.time(), UTC) + timedelta(days=1):
            raise Problem(f"the state's mark {mark} lies in the future")
        return state

    # -- a call ---------------------------------------------------------------------------------------------

    def sync(self, state: State) -> Row:
        """Read what this sync has not read; a table that fails is tried last, and reported when nothing else is new."""
        before = json.dumps(state, sort_keys=True)
        progress = state.pop("progress", {})
        same = self.sync_id is not None and progress.get("sync") == self.sync_id
        done, behind = list(progress.get("done", []) if same else []), progress.get("failed", [])
        failures: dict[str, str] = {}
        cut = False
        for table, read in sorted(self.readings(), key=lambda one: one[0] in behind):
            if table in done or cut:
                continue
            taken = self.size
            try:
                read(state)
                done.append(table)
            except Cut:
                cut = True
                if self.size == taken:
                    failures[table] = "nothing could be read in the time there is"
            except Problem as problem:
                failures[table] = str(problem)
        self.report_failures(failures, state, before, new=cut and not set(failures) <= set(behind))
        more = cut or bool(failures)
        later = {"sync": self.sync_id, "done": done, "failed": sorted({*failures, *(behind if cut else ())})}
        return self.envelope(state | ({"progress": later} if more else {}), more)

    def report_failures(self, failures: dict[str, str], state: State, before: str, *, new: bool) -> None:
        """Tell of failures when the call has brought nothing: no rows, or the same as all the calls before it."""
        known = json.loads(before)
        known.pop("progress", None)
        nothing = not self.operations or json.dumps(state, sort_keys=True) == json.dumps(
            known, sort_keys=True
        )
        if failures and nothing and not new:
            raise Problem("; ".join(failures.values()))

    def readings(self) -> list[tuple[str, Callable[[State], None]]]:
        return [("users", self.users), ("tickets", self.tickets)]

    def envelope(self, state: State, more: bool) -> Row:
        return {
            "state": state,
            "insert": self.rows("insert"),
            "delete": self.rows("delete"),
            "schema": {table: {"primary_key": [key]} for table, key in self.keys.items()},
            "hasMore": more,
        }

    def rows(self, kind: str) -> dict[str, list[Row]]:
        return {
            table: [json.loads(row) for what, row in operations.values() if what == kind]
            for table, operations in self.operations.items()
        }

    # -- the tables -----------------------------------------------------------------------------------------

    def users(self, state: State) -> None:
        part = state.setdefault("users", {})
        offset, found = part.get("offset", 0), set(part.get("found", []))
        while page := self.listed(self.get("/users", offset=offset, limit=10)):
            if self.digest({}, page) == part.get("last"):
                raise Problem("/users answers the same page again and again")
            self.take("users", [self.user(row) for row in page])
            found |= {row["id"] for row in page}
            offset, digest = self.next_offset(offset, page), self.digest(part, page)
            last = self.digest({}, page)
            part |= {"offset": offset, "found": sorted(found), "digest": digest, "last": last}
            self.pause()
        self.delete_missing(part, found)
        state["users"] = self.after_pass(part, found)

    def user(self, row: Row) -> Row:
        return row

    def next_offset(self, offset: int, page: list[Row]) -> int:
        return int(offset + (len(page) - self.overlap if len(page) > self.overlap else len(page)))

    def require_likely(self, table: str, part: State, found: set[Any]) -> None:
        """A list that has lost most of its rows at once is a question, and no order to delete them."""
        keys = set(part.get("keys", []))
        if len(removed := keys - found) >= self.unlikely and len(removed) * 2 > len(keys):
            raise Problem(f"{len(removed)} of {len(keys)} rows of {table} are missing; nothing is deleted")

    def delete_missing(self, part: State, found: set[str]) -> None:
        removed = sorted(set(part.get("missed", [])) - found)
        self.require_likely("users", part, found)
        self.take("users", [], [{"id": id_} for id_ in removed])

    def after_pass(self, part: State, found: set[str]) -> State:
        missed = sorted(set(part.get("keys", [])) - found)
        return {
            "keys": sorted(found),
            "digest": part.get("digest", ""),
            **({"missed": missed} if missed else {}),
        }

    def digest(self, part: State, page: Any) -> str:
        """What has been read in this pass, in a few characters: whether a pass brings anything new is seen by it."""
        before = part.get("digest", "") if "offset" in part or "token" in part else ""
        return hashlib.sha256((before + json.dumps(page, sort_keys=True)).encode()).hexdigest()[:16]

    def tickets(self, state: State) -> None:
        part = state.setdefault("tickets", {})
        since, token, seen = part.get("since") or self.since(part), part.get("token"), part.get("seen", "")
        resumed = token is not None
        while True:
            try:
                page = self.get("/tickets", updated_since=since, bookmark=token)
            except Problem as problem:
                if not resumed or "HTTP 400" not in str(problem):
                    raise
                token = self.restart()
                resumed = False
                continue
            rows = self.listed(page, "data")
            self.take_tickets(rows)
            seen = self.seen(seen, rows)
            following = self.next_token(page, token)
            resumed = False
            part |= {"digest": self.digest(part, rows)}
            if following is None:
                break
            token = following
            part |= {"since": since, "token": token, "seen": seen}
            self.pause()
        state["tickets"] = self.marked(part, seen)

    def take_tickets(self, page: list[Row]) -> None:
        removed = [{"id": row["id"]} for row in page if row["deleted"]]
        self.take("tickets", [self.ticket(row) for row in page if not row["deleted"]], removed)

    def ticket(self, row: Row) -> Row:
        return row

    def since(self, part: State) -> str | None:
        return f"{self.moment(part['mark']) - self.lookback:%Y-%m-%dT%H:%M:%SZ}" if part.get("mark") else None

    def seen(self, seen: str, page: list[Row]) -> str:
        """The newest time in the rows; none that lies ahead of the clock, nor of a row without one."""
        now = f"{datetime.fromtimestamp(time.time(), UTC):%Y-%m-%dT%H:%M:%SZ}"
        return max([seen, *(str(at) for row in page if (at := row["updated_at"]) and at <= now)])

    def marked(self, part: State, seen: str) -> State:
        mark = max(part.get("mark", ""), seen)
        return {"mark": mark, "digest": part.get("digest", "")} if mark else {}

    def next_token(self, page: Row, token: str | None) -> str | None:
        following = page["next"]
        if following is not None and following == token:
            raise Problem("/tickets gives the token again that was just used")
        return following  # type: ignore[no-any-return]

    def restart(self) -> str | None:
        return None

    def moment(self, text: str) -> datetime:
        return datetime.fromisoformat(text)

    def listed(self, page: Any, member: str | None = None) -> list[Row]:
        rows = page.get(member) if member and isinstance(page, dict) else page
        if not isinstance(rows, list) or not all(isinstance(row, dict) and "id" in row for row in rows):
            raise Problem(f"the source answered without {member or 'a list of rows'}")
        return rows

    # -- the budget -----------------------------------------------------------------------------------------

    def take(self, table: str, rows: list[Row], deletes: list[Row] | None = None) -> None:
        """Take a whole page, or cut before it when it does not fit."""
        unit: dict[Any, Operation] = {}
        for kind, listed in (("insert", rows), ("delete", deletes or [])):
            for row in listed:
                encoded = json.dumps(row, ensure_ascii=False).encode()
                if self.measure(encoded) > self.limit:
                    self.too_large(table, row)
                    continue
                unit[row["id"]] = (kind, encoded)
        size = sum(self.measure(encoded) + 2 for _kind, encoded in unit.values())
        if self.size + size > self.limit:
            if self.operations:
                raise Cut
            raise Problem(f"a page of {table} is larger than an answer")
        self.operations.setdefault(table, {}).update(unit)
        if not self.operations[table]:
            del self.operations[table]
        self.size += size

    def too_large(self, table: str, row: Row) -> None:
        raise Problem(f"{table}: the row with the key {row['id']} is larger than an answer")

    def measure(self, encoded: bytes) -> int:
        return len(encoded)

    def remaining(self) -> float:
        return self.seconds - (time.monotonic() - self.began)

    def pause(self) -> None:
        """Between two pages: is there time for another?"""
        if self.remaining() < 2 * self.slowest:
            raise Cut

    # -- HTTP -----------------------------------------------------------------------------------------------

    def get(self, path: str, **query: Any) -> Any:
        for tried in range(1, self.tries + 1):
            if self.remaining() <= 0:
                raise Cut
            before = time.monotonic()
            try:
                status, headers, body = self.send(path, query)
            except requests.RequestException as error:
                status, headers, body = 0, {}, type(error).__name__.encode()
            self.slowest = max(self.slowest, time.monotonic() - before)
            if status == 200:
                return self.decode(path, body)
            if not self.worth_retrying(status) or tried == self.tries:
                raise Problem(f"GET {path}: HTTP {status}")
            self.wait(self.delay(headers.get("Retry-After"), tried))
        raise AssertionError

    def send(self, path: str, query: Row) -> tuple[int, Any, bytes]:
        with requests.get(
            self.url + path,
            params=query,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=self.timeouts and (10, min(60, max(0.1, self.remaining()))),
            allow_redirects=False,
            stream=True,
        ) as response:
            return response.status_code, response.headers, self.body(path, response)

    def body(self, path: str, response: requests.Response) -> bytes:
        pieces: list[bytes] = []
        for piece in response.iter_content(100_000):
            pieces.append(piece)
            if sum(map(len, pieces)) > self.max_bytes:
                raise Problem(f"GET {path}: more than {self.max_bytes} bytes")
        return b"".join(pieces)

    def worth_retrying(self, status: int) -> bool:
        return status == 0 or status in RETRIED

    def delay(self, header: str | None, tried: int) -> float:
        if header is None:
            return float(2**tried)
        if header.isdigit():
            return float(header)
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())

    def wait(self, seconds: float) -> None:
        if seconds >= self.remaining():
            raise Cut
        time.sleep(seconds)

    def decode(self, path: str, body: bytes) -> Any:
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            raise Problem(f"GET {path}: the answer is not JSON") from None
