"""Wrong connectors: the reference with one thing made wrong, each named by what its author did.

`kills` is the check that must fail it. Several mutants may share a check; a check without one is not known to work.
"""

from __future__ import annotations

import contextlib
import json
import random
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import requests
from mutants.oauth import OAuth
from mutants.reference import Cut, Problem, Reference, Row, State

__all__ = ["MUTANTS", "Mutant"]


UNRELEASED = Path(__file__).parent / "never_released.json"
"""No record: for faults that change a column, which C35 would tell too."""


class Mutant(Reference):
    """A reference connector with a fault; the docstring says which."""

    kills: ClassVar[str]


# -- the answer -----------------------------------------------------------------------------------------------


class HasMoreMisspelt(Mutant):
    """`has_more`, as the ancestor's template has it."""

    kills = "C01"

    def finish(self, answer: Row, body: Any) -> Row:
        return {("has_more" if name == "hasMore" else name): value for name, value in answer.items()}


class HasMoreAsText(Mutant):
    """hasMore "false", as in an official sample."""

    kills = "C02"

    def finish(self, answer: Row, body: Any) -> Row:
        return answer | {"hasMore": answer["hasMore"] or "false"}


class NotANumber(Mutant):
    """A price that is NaN."""

    kills = "C03"

    def ticket(self, row: Row) -> Row:
        return row | {"price": float("nan")} if row["id"] == 5 and "again" not in row["subject"] else row

    def encode(self, answer: Row) -> str:
        return json.dumps(answer, ensure_ascii=False)


class UndeclaredTable(Mutant):
    """A child table that schema does not name."""

    kills = "C04"
    released = UNRELEASED

    def finish(self, answer: Row, body: Any) -> Row:
        if "insert" in answer and answer["insert"].get("tickets"):
            answer["insert"]["prices"] = [{"ticket": row["id"]} for row in answer["insert"]["tickets"][:1]]
        return answer


class KeyOfTheRows(Mutant):
    """A key made of what the rows of an answer have."""

    kills = "C04"
    released = UNRELEASED

    def finish(self, answer: Row, body: Any) -> Row:
        if any("subject" in row for row in answer.get("insert", {}).get("tickets", [])) and body.get("state"):
            answer["schema"]["tickets"] = {"primary_key": ["id", "subject"]}
        return answer


class NullKey(Mutant):
    """A row without a value in its key."""

    kills = "C05"

    def finish(self, answer: Row, body: Any) -> Row:
        if answer.get("insert", {}).get("users"):
            answer["insert"]["users"].append({"id": None, "name": "nobody", "age": 1})
        return answer


class RowTwice(Mutant):
    """Overlapping pages, both copies of a row sent."""

    kills = "C06"

    def finish(self, answer: Row, body: Any) -> Row:
        if answer.get("insert", {}).get("users"):
            answer["insert"]["users"].append(answer["insert"]["users"][0])
        return answer


class InsertedAndDeleted(Mutant):
    """A tombstone's row sent as a row too."""

    kills = "C07"

    def finish(self, answer: Row, body: Any) -> Row:
        removed = answer.get("delete", {}).get("tickets", [])
        answer.get("insert", {}).setdefault("tickets", []).extend({"id": row["id"]} for row in removed)
        return answer


class EmptyWindows(Mutant):
    """A window that finds nothing is answered at once."""

    kills = "C08"

    def finish(self, answer: Row, body: Any) -> Row:
        windows = (body.get("state") or {}).get("windows", 0)
        if answer.get("insert") == {} and "setup_test" not in body and windows < 12:
            return answer | {"hasMore": True, "state": answer["state"] | {"windows": windows + 1}}
        return answer


class NeverFinished(Mutant):
    """hasMore always true, with a counter that moves the state on."""

    kills = "C09"

    def finish(self, answer: Row, body: Any) -> Row:
        calls = (body.get("state") or {}).get("calls", 0) + 1
        return (
            answer
            if body.get("setup_test")
            else answer | {"hasMore": True, "state": answer["state"] | {"calls": calls}}
        )


class EndlessInACall(Mutant):
    """The same page asked for ever, within one call."""

    kills = "C09"

    def users(self, state: State) -> None:
        while self.get("/users", offset=0, limit=10):
            pass


class StuckState(Mutant):
    """hasMore with the state of the request, once everything has been read."""

    kills = "C10"

    def finish(self, answer: Row, body: Any) -> Row:
        same = answer.get("state") == body.get("state") and not body.get("setup_test")
        return answer | {"hasMore": True} if same else answer


class NeedsAState(Mutant):
    """body["state"]."""

    kills = "C11"

    def answer(self, body: Any) -> Row:
        if body["state"] is None:
            raise KeyError("state")
        return super().answer(body)


class HalfAnAnswer(Mutant):
    """A failure answered with the state so far, and success."""

    kills = "C12"

    def sync(self, state: State) -> Row:
        try:
            return super().sync(state)
        except Problem as problem:
            if "HTTP 500" not in str(problem):
                raise
            return self.envelope(state, more=False)


class SetupTestSyncs(Mutant):
    """setup_test not looked at."""

    kills = "C13"

    def setup_test(self, body: Any) -> Row:
        return self.sync(self.load(body.get("state")))


# -- budgets --------------------------------------------------------------------------------------------------


class CountsCharacters(Mutant):
    """Characters counted in the place of bytes."""

    kills = "C14"

    def measure(self, encoded: bytes) -> int:
        return len(encoded.decode())


class NoDeadline(Mutant):
    """The time is looked at between tables only."""

    kills = "C15"

    def pause(self) -> None:
        if self.remaining() < -1000:
            raise Cut

    def get(self, path: str, **query: Any) -> Any:
        began, self.began = self.began, time.monotonic()
        try:
            return super().get(path, **query)
        finally:
            self.began = began

    def wait(self, seconds: float) -> None:
        if seconds >= 30:
            raise Cut
        time.sleep(seconds)


class ListOfEverything(Mutant):
    """All users are collected before the first is taken."""

    kills = "C16"

    def get(self, path: str, **query: Any) -> Any:
        page = super().get(path, **query)
        if path == "/users" and query["offset"] == 0:
            everything, offset = list(page), len(page)
            while more := super().get(path, offset=offset, limit=10):
                everything += [dict(row) | {"copy": "x" * 200_000} for row in more]
                offset += len(more)
        return page


class DropsHugeRows(Mutant):
    """A row that does not fit is left out."""

    kills = "C17"

    def too_large(self, table: str, row: Row) -> None:
        return


class DropsTheTail(Mutant):
    """When the answer is full, what was read last is dropped and taken for sent."""

    kills = "C18"

    def take(self, table: str, rows: list[Row], deletes: list[Row] | None = None) -> None:
        try:
            super().take(table, rows, deletes)
        except Cut:
            self.began = -1e9


class SleepsTooLong(Mutant):
    """Retry-After slept, however long."""

    kills = "C19"

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)


# -- resuming -------------------------------------------------------------------------------------------------


class RandomOrder(Mutant):
    """Rows in another order in each call, as threads or a set give them."""

    kills = "C20"
    chance = random.Random(1)

    def finish(self, answer: Row, body: Any) -> Row:
        for rows in answer.get("insert", {}).values():
            self.chance.shuffle(rows)
        return answer


class MarkBeforeRows(Mutant):
    """The mark is moved when reading begins, so a crash loses what was to come."""

    kills = "C21"

    def tickets(self, state: State) -> None:
        part = state.setdefault("tickets", {})
        try:
            super().tickets(state)
        except Problem:
            state["tickets"] = {"mark": max(part.get("mark", ""), "2026-01-01T01:30:00Z")}
            raise


class RemembersInMemory(Mutant):
    """What was sent is remembered in the process, and a call that comes again gets nothing."""

    kills = "C22"
    last: Any = None

    def finish(self, answer: Row, body: Any) -> Row:
        again, self.last = body == self.last and bool(body.get("state")), body
        return answer | {"insert": {}} if again else answer


class PositionBeforeRows(Mutant):
    """When the time runs out, the page in hand is left and the position behind it kept."""

    kills = "C23"

    def take_tickets(self, page: list[Row]) -> None:
        if self.remaining() > 2 * self.slowest or not self.operations:
            super().take_tickets(page)


class OffsetNeverReset(Mutant):
    """The offset of the last pass is kept, as the ancestor did."""

    kills = "C24"

    def after_pass(self, part: State, found: set[str]) -> State:
        return super().after_pass(part, found) | {"offset": len(found), "found": sorted(found)}


class OffsetCountsCalls(Mutant):
    """The offset grows by one with each page, as the ancestor's did with each call: the window slides by one row."""

    kills = "C56"

    def next_offset(self, offset: int, page: list[Row]) -> int:
        return offset + 1


class WallClockMark(Mutant):
    """The mark is the time at which the sync ends, as the ancestor's was."""

    kills = "C25"

    def marked(self, part: State, seen: str) -> State:
        return {"mark": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}


class LocalTimeWithZ(Mutant):
    """Local time labelled Z in the rows."""

    kills = "C26"
    released = UNRELEASED

    def ticket(self, row: Row) -> Row:
        local = self.moment(row["updated_at"]).astimezone()
        return row | {"seen_at": f"{local:%Y-%m-%dT%H:%M:%SZ}"}


class StrictlyAfter(Mutant):
    """Rows changed after the mark, without those that share it."""

    kills = "C27"
    lookback = timedelta(0)

    def since(self, part: State) -> str | None:
        mark = part.get("mark")
        return f"{self.moment(mark) + timedelta(seconds=1):%Y-%m-%dT%H:%M:%SZ}" if mark else None


class MoreWhileAPageIsFull(Mutant):
    """hasMore for as long as a page's worth of tickets came, which those that share the newest time do each time."""

    kills = "C27"

    def finish(self, answer: Row, body: Any) -> Row:
        full = len(answer.get("insert", {}).get("tickets", [])) >= 10
        return answer | {"hasMore": answer["hasMore"] or full}


class NoLookback(Mutant):
    """Nothing from before the mark is read again."""

    kills = "C28"
    lookback = timedelta(0)


class NotSortedNotReadAgain(Mutant):
    """A list that is not sorted by its cursor, and nothing read again that changed while it was read."""

    kills = "C29"
    lookback = timedelta(0)

    def since(self, part: State) -> str | None:
        return part.get("mark")


class EntryForEachRow(Mutant):
    """An entry for each ticket in the state."""

    kills = "C30"

    def marked(self, part: State, seen: str) -> State:
        entries = {f"ticket-{id_}": seen for id_ in self.operations.get("tickets", {})}
        return super().marked(part, seen) | {"entries": part.get("entries", {}) | entries}


class TokenInState(Mutant):
    """The access token kept in the state."""

    kills = "C31"

    def envelope(self, state: State, more: bool) -> Row:
        return super().envelope(state | {"session": self.token}, more)


class StateRenamed(Mutant):
    """A member of the state renamed, without a thought for the states that are out there."""

    kills = "C31"

    def load(self, state: Any) -> State:
        loaded = super().load(state)
        if "tickets" in loaded:
            part = loaded["tickets"]
            loaded["tickets"] = part | {"mark": part["high"]} if "token" not in part else part
        return loaded

    def marked(self, part: State, seen: str) -> State:
        marked = super().marked(part, seen)
        return marked | {"high": marked["mark"]} if marked else marked


class AnyState(Mutant):
    """Whatever state comes is taken for one of ours."""

    kills = "C32"

    def load(self, state: Any) -> State:
        return state if isinstance(state, dict) and "tickets" in state else super().load({})


class FirstFailureEndsAll(Mutant):
    """A failing table ends the call for the other."""

    kills = "C33"

    def users(self, state: State) -> None:
        try:
            super().users(state)
        except Problem as problem:
            self.operations.clear()
            self.broken = True
            raise Problem(str(problem)) from None

    def tickets(self, state: State) -> None:
        if getattr(self, "broken", False):
            self.broken = False
            raise Problem("users failed")
        super().tickets(state)


class StarvedByAFailure(Mutant):
    """Once a table has failed in one sync, the next ones fail before they read any other (L1, L4)."""

    kills = "C33"

    def sync(self, state: State) -> Row:
        if state.get("progress", {}).get("failed"):
            before = self.operations, self.size
            try:
                dict(self.readings())[state["progress"]["failed"][0]](state)
            except Cut:
                raise Problem("nothing could be read in the time there is") from None
            self.operations, self.size = before
        return super().sync(state)


class FailingTableFirst(Mutant):
    """The table that takes all the time of a call is read first in each (L3)."""

    kills = "C33"

    def sync(self, state: State) -> Row:
        state.get("progress", {}).pop("failed", None)
        return super().sync(state)


# -- data -----------------------------------------------------------------------------------------------------


class StartsAtOne(Mutant):
    """The offset starts at 1, as the ancestor's did."""

    kills = "C34"

    def users(self, state: State) -> None:
        state.setdefault("users", {}).setdefault("offset", 1)
        super().users(state)


class LimitAsText(Mutant):
    """A limit that the secrets give as text: no length of a page ever equals it, as with the ancestor's "1000"."""

    kills = "C34"
    limit: Any = "10"

    def begin(self) -> None:
        super().begin()
        self.ended = False

    def get(self, path: str, **query: Any) -> Any:
        if path != "/users":
            return super().get(path, **query)
        page = [] if self.ended else super().get(path, **query)
        self.ended = len(page) != self.limit
        return page


class RenamedField(Mutant):
    """A column that has another name since the last release."""

    kills = "C35"

    def user(self, row: Row) -> Row:
        return {"years" if name == "age" else name: value for name, value in row.items()}


class NumberOrText(Mutant):
    """A number in one row, text in the next."""

    kills = "C36"
    released = UNRELEASED

    def ticket(self, row: Row) -> Row:
        return row | {"price": str(row["price"])} if row["id"] == 7 else row


class DeclaredOtherwise(Mutant):
    """A price that is declared as a day."""

    kills = "C63"

    def __call__(self, request: Any) -> Any:
        return declaring({"price": "date"}, request, super().__call__(request))


class DeclaredUnderAnotherName(Mutant):
    """A column whose declared name is misspelt."""

    kills = "C63"

    def __call__(self, request: Any) -> Any:
        return declaring({"prize": "double"}, request, super().__call__(request))


def declaring(columns: Row, request: Any, answer: Any) -> Any:
    """The answer with the types of columns of tickets, where it is a setup test's."""
    if request.get_json().get("setup_test") is True:
        answer.headers["X-Connector-Invocation"] = json.dumps({"columns": {"tickets": columns}})
    return answer


class NoOffset(Mutant):
    """Instants without an offset."""

    kills = "C37"
    released = UNRELEASED

    def ticket(self, row: Row) -> Row:
        return row | {"opened_at": str(row["updated_at"]).removesuffix("Z")}


class LocalTimes(NoOffset):
    """No fault: the same, declared."""

    def __call__(self, request: Any) -> Any:
        return declaring({"opened_at": "datetime"}, request, super().__call__(request))


class NamesCollide(Mutant):
    """Two columns that Fivetran names alike."""

    kills = "C38"
    released = UNRELEASED

    def ticket(self, row: Row) -> Row:
        return row | {"Order": 1, "order": 2}


class NarrowerLater(Mutant):
    """Rows of one answer narrower than those before."""

    kills = "C39"

    def tickets(self, state: State) -> None:
        self.narrow = bool(state.get("tickets", {}).get("mark"))
        super().tickets(state)

    def ticket(self, row: Row) -> Row:
        return {name: value for name, value in row.items() if name != "price" or not self.narrow}


class TombstonesIgnored(Mutant):
    """Deleted tickets passed over."""

    kills = "C40"

    def take_tickets(self, page: list[Row]) -> None:
        super().take_tickets([row for row in page if not row["deleted"]])


class DeletesAtOnce(Mutant):
    """A row missing from one listing is deleted."""

    kills = "C41"

    def delete_missing(self, part: State, found: set[str]) -> None:
        removed = sorted(set(part.get("keys", [])) - found)
        self.take("users", [], [{"id": id_} for id_ in removed])


class DeletedForEver(Mutant):
    """Deleted keys stay on a list of deleted ones."""

    kills = "C42"

    def tickets(self, state: State) -> None:
        self.removed = set(state.get("gone", []))
        super().tickets(state)
        state["gone"] = sorted(self.removed)

    def take_tickets(self, page: list[Row]) -> None:
        self.removed |= {row["id"] for row in page if row["deleted"]}
        super().take_tickets(
            [row if row["id"] not in self.removed else row | {"deleted": True} for row in page]
        )


# -- HTTP -----------------------------------------------------------------------------------------------------


class NoTimeout(Mutant):
    """requests.get without a time-out."""

    kills = "C43"
    timeouts = None


class NoRetry(Mutant):
    """Nothing is retried."""

    kills = "C44"
    tries = 1


class RetriesEverything(Mutant):
    """Refusals retried like outages."""

    kills = "C45"

    def worth_retrying(self, status: int) -> bool:
        return status != 200


class UnmovingToken(Mutant):
    """A token that does not move is followed for ever, as by the ancestor."""

    kills = "C46"

    def next_token(self, page: Row, token: str | None) -> str | None:
        return page["next"]  # type: ignore[no-any-return]


class PageTwiceIsTaken(Mutant):
    """A page that comes again where the next one should be is taken for it."""

    kills = "C46"

    def users(self, state: State) -> None:
        part = state.setdefault("users", {})
        offset, found = part.get("offset", 0), set(part.get("found", []))
        while page := self.listed(self.get("/users", offset=offset, limit=10)):
            self.take("users", page)
            found |= {row["id"] for row in page}
            offset = self.next_offset(offset, page)
            part |= {"offset": offset, "found": sorted(found)}
            self.pause()
        self.delete_missing(part, found)
        state["users"] = self.after_pass(part, found)


class NoRowsNoProblem(Mutant):
    """body.get("data", [])."""

    kills = "C47"

    def listed(self, page: Any, member: str | None = None) -> list[Row]:
        rows = page.get(member or "data", []) if isinstance(page, dict) else page
        return rows if isinstance(rows, list) else []

    def next_token(self, page: Any, token: str | None) -> str | None:
        return super().next_token(page, token) if isinstance(page, dict) and "next" in page else None


class LogsTheHeader(Mutant):
    """The request's headers in the log."""

    kills = "C48"

    def send(self, path: str, query: Row) -> tuple[int, Any, bytes]:
        print(f"GET {path} with Authorization: Bearer {self.token}")
        return super().send(path, query)


class LogsWhatWasLimited(Mutant):
    """The request's headers in the log when the source asks to wait."""

    kills = "C48"

    def delay(self, header: str | None, tried: int) -> float:
        if header is not None:
            print(f"rate limited: Authorization: Bearer {self.token}")
        return super().delay(header, tried)


class LogsWhatWasNotFound(Mutant):
    """The request's headers in the log when the source does not find it."""

    kills = "C48"

    def worth_retrying(self, status: int) -> bool:
        if status == 404:
            print(f"not found: Authorization: Bearer {self.token}")
        return super().worth_retrying(status)


class LogsTheAccessToken(OAuth, Mutant):
    """The access token in the log, once it is there."""

    kills = "C48"

    def keep(self, token: str) -> None:
        super().keep(token)
        print(f"logged in: {token}")


class AccessTokenInState(OAuth, Mutant):
    """The access token kept in the state, to save a request."""

    kills = "C31"

    def load(self, state: Any) -> State:
        self.token = str((state or {}).get("session", "")) if isinstance(state, dict) else ""
        return super().load(state)

    def envelope(self, state: State, more: bool) -> Row:
        return super().envelope(state | {"session": self.token}, more)


class FirstSecretOnly(Mutant):
    """secrets["url"], then secrets["token"]."""

    kills = "C49"

    def configure(self, secrets: Any) -> None:
        for key in ("url", "token"):
            if not isinstance((secrets or {}).get(key), str):
                raise Problem(f"secrets: {key} is missing")
        super().configure(secrets)


class ShortPageIsLast(Mutant):
    """len(page) < limit ends the list, as the ancestor had it."""

    kills = "C51"

    def begin(self) -> None:
        super().begin()
        self.ended: Any = None

    def get(self, path: str, **query: Any) -> Any:
        if path == "/users" and query["offset"] == self.ended:
            return []
        page = super().get(path, **query)
        if path == "/users" and isinstance(page, list) and len(page) < 10:
            self.ended = self.next_offset(query["offset"], page)
        return page


class DeadToken(Mutant):
    """A token the source no longer knows is sent again for ever, as the ancestor did."""

    kills = "C52"

    def restart(self) -> str | None:
        raise Problem("GET /tickets: HTTP 400")


class UnboundedBody(Mutant):
    """response.json() of whatever comes."""

    kills = "C53"
    max_bytes = 10**12


class CallsHome(Mutant):
    """Every call is counted somewhere else, and nobody sees it."""

    kills = "C54"

    def answer(self, body: Any) -> Row:
        with contextlib.suppress(requests.RequestException):
            requests.get("http://telemetry.example/called", timeout=1)
        return super().answer(body)


class FollowsRedirects(Mutant):
    """Redirects followed with the key in the query."""

    kills = "C54"

    def send(self, path: str, query: Row) -> tuple[int, Any, bytes]:
        status, headers, body = super().send(path, query)
        if status == 302 and "localhost" in headers["Location"]:
            requests.get(headers["Location"], params={"key": self.token}, timeout=self.timeouts).close()
        return status, headers, body


class ForgetsAfterLoss(Mutant):
    """Deletes in a first sync's missing list, and every change of an old row, are taken once only by chance."""

    kills = "C55"

    def marked(self, part: State, seen: str) -> State:
        marked = super().marked(part, seen)
        return marked if len(self.operations.get("tickets", {})) != 2 else {"mark": "2026-06-01T00:00:00Z"}


class KeyHoldsCursor(Mutant):
    """key=["id", "updated_at"]: each change of a row is one more row."""

    kills = "C57"
    released = UNRELEASED

    def envelope(self, state: State, more: bool) -> Row:
        answer = super().envelope(state, more)
        answer["schema"]["tickets"] = {"primary_key": ["id", "updated_at"]}
        return answer


class DropsFalsyValues(Mutant):
    """`if value:` where `if value is not None:` is meant."""

    kills = "C58"

    def user(self, row: Row) -> Row:
        return {name: value for name, value in row.items() if value}


class SetupTestAsksNothing(Mutant):
    """A setup test that is a success whatever the token."""

    kills = "C59"

    def setup_test(self, body: Any) -> Row:
        return {"state": body.get("state") or {}, "hasMore": False}


class RefusalIsAnEmptyList(Mutant):
    """A 401 read as an empty list, by which every row is deleted."""

    kills = "C60"
    unlikely = 10**9

    def get(self, path: str, **query: Any) -> Any:
        try:
            return super().get(path, **query)
        except Problem as problem:
            if "HTTP 401" not in str(problem):
                raise
            return {"data": [], "next": None} if path == "/tickets" else []


class PublicPartDeletesTheRest(Mutant):
    """Every row that two listings do not show is deleted, also when that is most of them."""

    kills = "C61"
    unlikely = 10**9


class ListsOnePage(Mutant):
    """Deletes inferred from a listing of its own, which asks for one page of a hundred rows."""

    kills = "C62"

    def delete_missing(self, part: State, found: set[str]) -> None:
        removed = set(part.get("keys", [])) - self.listing()
        if len(removed) < self.unlikely or len(removed) * 2 <= len(found):
            self.take("users", [], [{"id": id_} for id_ in sorted(removed)])
        super().delete_missing(part, found)

    def listing(self) -> set[str]:
        return {row["id"] for row in self.listed(self.get("/users", offset=0, limit=100))}


class ListsFivePages(ListsOnePage, Mutant):
    """The same, which gives up after five pages."""

    kills = "C62"

    def listing(self) -> set[str]:
        listed: set[str] = set()
        for _ in range(5):
            listed |= {row["id"] for row in self.listed(self.get("/users", offset=len(listed), limit=100))}
        return listed


class TakesAway(Mutant):
    """A column dropped in a minor release, and recorded so."""

    kills = "C50"
    released = Path(__file__).parent / "released_without_age.json"

    def user(self, row: Row) -> Row:
        return {name: value for name, value in row.items() if name != "age"}


MUTANTS: tuple[type[Mutant], ...] = tuple(Mutant.__subclasses__())
"""All of them, in the order of the checks they are made for."""
