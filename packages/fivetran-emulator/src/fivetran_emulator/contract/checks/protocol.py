"""C01 to C13: what an answer looks like, and that a sync comes to an end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fivetran_emulator.contract.check import Blocked, NotRun, Violation, check
from fivetran_emulator.contract.comparing import sent, shown
from fivetran_emulator.contract.lab.connection import Exchange, Sync, accepted_json, key_of
from fivetran_emulator.contract.lab.faults import status
from fivetran_emulator.contract.subject import PracticeSubject, Subject, answered
from fivetran_emulator.errors import FunctionError
from fivetran_emulator.protocol.answer import ANSWER_MEMBERS, read_answer
from fivetran_emulator.protocol.rules import MAX_EMPTY_ANSWERS

__all__ = ["CHECKS", "first_key_twice", "rows_differ"]

_SCALARS = (bool, int, float, str)


def _first_calls(subject: Subject) -> list[Exchange]:
    """All that was answered, or, when nothing completes, at least the first call."""
    clean = subject.clean_or_not
    whole = clean.first.complete and clean.second.complete
    found = answered(subject) if whole else [*clean.first.exchanges, *clean.second.exchanges]
    if not any(exchange.reply.status == 200 for exchange in found):
        raise Blocked("no call was answered with status 200; see C09")
    return found


@check("C01", "only the members Fivetran knows", remote=True)
def known_members(subject: Subject) -> None:
    """An answer has no member but state, insert, delete, schema, hasMore and softDelete, spelt so."""
    for exchange in _first_calls(subject):
        if unknown := sorted(set(exchange.answer) - set(ANSWER_MEMBERS)):
            misspelt = "has_more" in unknown
            raise Violation(
                f"the answer has {', '.join(unknown)}",
                expected=f"only {', '.join(sorted(ANSWER_MEMBERS))}",
                cause="`has_more` is a misspelling that Fivetran ignores: a sync stops after its first page"
                if misspelt
                else "a member of one's own; Fivetran ignores it, so leave it out or put it into the state",
                reproduce=[sent(exchange)],
            )


@check("C02", "members of the right type", remote=True)
def member_types(subject: Subject) -> None:
    """Each answer has hasMore true or false, state an object, insert and delete objects of lists of objects."""
    for exchange in _first_calls(subject):
        if exchange.reply.status != 200:
            continue
        answer = exchange.reply.json
        if answer is None:
            raise Blocked("an answer is not JSON; see C03")
        if problems := list(_type_problems(answer)) or refused(exchange.reply.body):
            raise Violation(
                "; ".join(problems),
                expected="the types of docs/protocol.md, `The answer`",
                cause='text in the place of a value, such as "false", or one row in the place of a list of rows',
                reproduce=[sent(exchange)],
            )


def refused(body: bytes) -> list[str]:
    """What `fivetran-emulator sync` would refuse an answer for, by the same reader; nothing when it would load it."""
    try:
        read_answer(body)
    except FunctionError as error:
        return list(error.problems)
    return []


def _type_problems(answer: Any) -> Iterator[str]:
    if not isinstance(answer, dict):
        yield f"the answer is a {type(answer).__name__}, not an object"
        return
    if not isinstance(answer.get("state"), dict):
        yield f"state is {answer.get('state')!r}"
    if not isinstance(answer.get("hasMore", False), bool):
        yield f"hasMore is {answer['hasMore']!r}"
    for member in ("insert", "delete"):
        tables = answer.get(member, {})
        if not isinstance(tables, dict):
            yield f"{member} is a {type(tables).__name__}"
            continue
        for table, rows in tables.items():
            if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                yield f"{member}.{table} is not a list of objects"


@check("C03", "strict JSON", remote=True)
def strict_json(subject: Subject) -> None:
    """Every answer is JSON that a strict parser takes: no NaN, no Infinity, valid UTF-8."""
    for exchange in _first_calls(subject):
        body = exchange.reply.body
        if exchange.reply.status == 200 and accepted_json(body) is None:
            constants = [name for name in ("NaN", "Infinity") if name.encode() in body]
            raise Violation(
                f"the answer is not JSON{': it has ' + shown(constants) if constants else ''}",
                expected="JSON by RFC 8259",
                cause="a page of HTML: is this the function's address, and may it be called?"
                if body.lstrip().startswith(b"<")
                else "a float that is not a number: send None in its place",
                reproduce=[sent(exchange)],
            )


@check("C04", "every table has a key", remote=True)
def keys_declared(subject: Subject) -> None:
    """Every table with rows is declared in schema with one primary key, the same in each answer that has rows of it."""
    keys: dict[str, Any] = {}
    for exchange in _first_calls(subject):
        schema = exchange.answer.get("schema") or {}
        for table, _row in [*exchange.rows("insert"), *exchange.rows("delete")]:
            declared = schema.get(table)
            key = declared.get("primary_key") if isinstance(declared, dict) else None
            if not key:
                raise Violation(
                    f"table {table} has rows but no primary_key in schema",
                    expected="a key: without one Fivetran appends, and each row that is sent again is one more row",
                    cause=f"a child table that is missing in schema, or a name spelt in two ways ({table})",
                    reproduce=[sent(exchange)],
                )
            if keys.setdefault(table, key) != key:
                raise Violation(
                    f"table {table} has the key {shown(keys[table])} in one answer and {shown(key)} in a later one",
                    expected="one key: the rows that are there were loaded under the first",
                    cause="a key that is made of the columns which the rows of an answer happen to have",
                    reproduce=[sent(exchange)],
                )


@check("C05", "no key without a value", remote=True)
def key_values(subject: Subject) -> None:
    """Every row and every delete has each key column, with one value that is not null."""
    for exchange in _first_calls(subject):
        schema = exchange.answer.get("schema") or {}
        for member in ("insert", "delete"):
            for table, row in exchange.rows(member):
                for column in _key(schema, table):
                    if not isinstance(row.get(column), _SCALARS):
                        raise Violation(
                            f"a row of {table} has {row.get(column)!r} in its key column {column}: {row}",
                            expected="a value; Fivetran cannot distinguish rows without one",
                            cause="a key column that the source leaves empty: choose another key, or skip such rows",
                            reproduce=[sent(exchange)],
                        )


def _key(schema: Any, table: str) -> tuple[str, ...]:
    declared = schema.get(table) if isinstance(schema, dict) else None
    key = declared.get("primary_key") if isinstance(declared, dict) else None
    return tuple(map(str, key)) if isinstance(key, list) else ()


@check("C06", "a key once in an answer", remote=True)
def one_row_a_key(subject: Subject) -> None:
    """An answer has at most one row for a key of a table."""
    for exchange in _first_calls(subject):
        if twice := first_key_twice(exchange):
            raise Violation(
                f"the answer has several rows of {twice}",
                expected="one; which of several wins is not documented",
                cause="overlapping pages in one answer: keep the last row of a key",
                reproduce=[sent(exchange)],
            )


def first_key_twice(exchange: Exchange) -> str:
    """Table and key of the first row of an answer that has a second one; empty when there is none."""
    seen: set[tuple[str, str]] = set()
    for table, row in exchange.rows():
        if not (key := _key(exchange.answer.get("schema"), table)):
            continue
        one = (table, key_of(row, key))
        if one in seen:
            return f"{table} with the key {one[1]}"
        seen.add(one)
    return ""


@check("C07", "no key both inserted and deleted", remote=True)
def one_operation_a_key(subject: Subject) -> None:
    """No answer has a key both in insert and in delete."""
    for exchange in _first_calls(subject):
        schema = exchange.answer.get("schema")
        inserted = {(table, key_of(row, _key(schema, table))) for table, row in exchange.rows("insert")}
        deleted = {(table, key_of(row, _key(schema, table))) for table, row in exchange.rows("delete")}
        if both := sorted(inserted & deleted):
            raise Violation(
                f"{shown(both)} in insert and in delete of one answer",
                expected="one of the two; Fivetran promises no order between them",
                cause="a row that was deleted and made again: only its last operation may be sent",
                reproduce=[sent(exchange)],
            )


def _emptied(subject: PracticeSubject) -> Sync | None:
    trial = subject.trial()
    for rows in trial.rows.values():
        for row in rows.listed():
            rows.remove(*rows.identity(row))
    return trial.connection.sync() if trial.rows else None


@check(
    "C08",
    "no run of empty answers",
    remote="Never more than ten answers in a row without a row while hasMore is true.",
)
def few_empty_answers(subject: Subject) -> None:
    """Never more than ten answers in a row without a row while hasMore is true, also over an empty source."""
    for connection in subject.observed:
        _require_few_empty(connection.exchanges, "the source as it is")
    if isinstance(subject, PracticeSubject) and (empty := _emptied(subject)):
        _require_few_empty(empty.exchanges, "a source whose tables are all empty")


def _require_few_empty(exchanges: list[Exchange], source: str) -> None:
    run = 0
    for exchange in exchanges:
        run = 0 if exchange.rows() or exchange.rows("delete") or not exchange.has_more else run + 1
        if run > MAX_EMPTY_ANSWERS:
            raise Violation(
                f"{run} answers in a row without a row, over {source}",
                expected=f"at most {MAX_EMPTY_ANSWERS}: Fivetran ends a sync after them, as failed",
                cause="a window or a page without rows is answered at once: go on within the call while there is time",
                reproduce=[sent(exchange)],
            )


@check("C09", "the sync comes to an end", remote=True)
def terminates(subject: Subject) -> None:
    """A first and a second sync of the unchanged source complete, with rows."""
    clean = subject.clean_or_not
    for name, sync in (("first", clean.first), ("second", clean.second)):
        last = sync.exchanges[-1]
        if sync.endless and not isinstance(subject, PracticeSubject):
            raise NotRun(
                f"the {name} sync goes on after {len(sync.exchanges)} calls: allow more with --calls"
            )
        if sync.endless:
            seen, cause = (
                f"the {name} sync still has hasMore true after {len(sync.exchanges)} calls",
                "hasMore is never false, or the position never moves",
            )
        elif last.failed:
            what = last.error or last.reply.reason or f"HTTP {last.reply.status}: {last.reply.body[:120]!r}"
            seen, cause = f"call {len(sync.exchanges)} of the {name} sync failed: {what}", "see the message"
        else:
            continue
        raise Violation(seen, expected="a complete sync", cause=cause, reproduce=[sent(last)])
    if not clean.warehouse.tables and not clean.warehouse.appended:
        raise Violation("no row at all", expected="rows", cause="the rows are looked for in the wrong place")


@check("C10", "the state moves on", remote=True)
def state_moves(subject: Subject) -> None:
    """No call answers hasMore with the very state it was sent, which would be asked again for ever."""
    for exchange in _first_calls(subject):
        if exchange.has_more and exchange.answer.get("state") == exchange.request["state"]:
            raise Violation(
                "hasMore is true and the state is the one that was sent",
                expected="another state, or hasMore false",
                cause="a token or a page number that is not moved on",
                reproduce=[sent(exchange)],
            )


_ODD_REQUESTS: Mapping[str, Mapping[str, Any]] = {
    "no state": {"state": ...},
    "state null": {"state": None},
    "no sync_id": {"sync_id": ...},
    "an unknown member": {"customPayload": {"a": "b"}},
    "setup_test false": {"setup_test": False},
}
"""What is changed of a usual request; `...` takes a member away."""


@check(
    "C11",
    "any request of Fivetran's",
    remote="A missing, null or empty state, no sync_id, and members of the future are all taken.",
)
def tolerant(subject: Subject) -> None:
    """A missing, null or empty state, no sync_id, and members of the future are all taken; what is logged has the sync_id."""
    trial = subject.trial()
    usual = trial.connection.call(accept=False)
    if usual.failed:
        raise Blocked("a usual first call fails; see C09")
    # A source in use changes meanwhile.
    differs = rows_differ if isinstance(subject, PracticeSubject) else tables_differ
    for what, change in _ODD_REQUESTS.items():
        body = {
            name: value for name, value in {**trial.connection.body(), **change}.items() if value is not ...
        }
        reply, _seconds, _asked = trial.connection._call(body)  # noqa: SLF001 - a body that a connection never sends
        if reply.status != usual.reply.status or differs(usual, Exchange(body, reply, 0, ())):
            raise Violation(
                f"with {what} the answer is HTTP {reply.status}, and not the one to a usual first call",
                expected="the same rows",
                cause="request[...] where request.get(...) is needed",
                reproduce=[f"send { ({key: value for key, value in body.items() if key != 'secrets'}) }"],
            )
    if not isinstance(subject, PracticeSubject) or subject.function.platform.names_syncs:
        _require_sync_id_logged(usual)


def _require_sync_id_logged(usual: Exchange) -> None:
    if usual.reply.logs and str(usual.request["sync_id"]) not in usual.reply.logs:
        raise Violation(
            "the logs do not mention the sync_id",
            expected="it, so that Fivetran's log and the function's can be joined",
            cause="it is not read from the request",
        )


def rows_differ(one: Exchange, other: Exchange) -> bool:
    """Whether two answers bring different rows or deletes."""
    return any(one.answer.get(member) != other.answer.get(member) for member in ("insert", "delete"))


def tables_differ(one: Exchange, other: Exchange) -> bool:
    """Whether two answers bring rows of different tables."""
    return {table for table, _row in one.rows()} != {table for table, _row in other.rows()}


@check("C12", "a failure says so")
def failure_envelope(subject: PracticeSubject) -> None:
    """When the source fails for good, the answer is an error with a message, without rows and without a state."""
    trial = subject.trial()
    trial.where(lambda _asked: True, status(500))
    sync = trial.connection.sync()
    last = sync.exchanges[-1]
    body = last.reply.json
    half = sorted({"state", "insert", "delete"} & set(body if isinstance(body, dict) else {}))
    if last.reply.status == 200 or not last.error or half:
        seen = f"HTTP {last.reply.status} with {half or 'no rows'}" + (
            "" if last.error else " and no errorMessage"
        )
        raise Violation(
            seen,
            expected="HTTP 500 with errorMessage, and neither state nor rows",
            cause="an exception that is swallowed, or one that leaves the function: Fivetran then shows nothing of it",
            reproduce=["every request to the source answers HTTP 500", sent(last)],
        )


@check(
    "C13",
    "the setup test is cheap",
    remote="A setup test succeeds, takes under 10 s, and brings no rows.",
    must=False,
)
def setup_test(subject: Subject) -> None:
    """A setup test takes under 10 s and 4 requests, brings no rows, and fails with a message when the source refuses."""
    passed = subject.trial().connection.call(accept=False, setup_test=True)
    _require_cheap(passed)
    if isinstance(subject, PracticeSubject):
        _require_refusal_reported(subject, asks=bool(passed.asked))


def _require_cheap(passed: Exchange) -> None:
    problems = [
        problem
        for problem, found in (
            (f"HTTP {passed.reply.status}: {passed.error or passed.reply.body[:80]!r}", passed.failed),
            (f"{len(passed.rows())} rows", bool(passed.rows())),
            (f"{len(passed.asked)} requests to the source", len(passed.asked) > 3),
            (f"{passed.seconds:.0f} s", passed.seconds > 10),
            ("hasMore true", passed.has_more),
        )
        if found
    ]
    if problems:
        raise Violation(
            f"the setup test came to {shown(problems)}",
            expected="status 200, no rows, at most 3 requests, under 10 s",
            cause="see the message"
            if passed.failed
            else "setup_test in the request is not looked at, so that the whole sync runs",
            reproduce=['send "setup_test": true and state {}'],
        )


def _require_refusal_reported(subject: PracticeSubject, *, asks: bool) -> None:
    trial = subject.trial()
    trial.where(lambda _asked: True, status(401))
    refused = trial.connection.call(accept=False, setup_test=True)
    if asks and not (refused.failed and refused.error):
        raise Violation(
            f"the source answers 401 and the setup test HTTP {refused.reply.status} {refused.error!r}",
            expected="an error that says what failed",
            cause="the check asks nothing that needs the credentials, or swallows the refusal",
            reproduce=['every request answers 401; send "setup_test": true'],
        )


CHECKS = [
    known_members, member_types, strict_json, keys_declared, key_values, one_row_a_key, one_operation_a_key,
    few_empty_answers, terminates, state_moves, tolerant, failure_envelope, setup_test,
]  # fmt: skip
