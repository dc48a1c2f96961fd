"""What a function answered, read strictly.

The state is not decoded with the rest of the body: it goes back to the function byte for byte as it
came, so it is kept as raw JSON and never re-encoded.

Source: "Response format" of Fivetran's documentation, see `docs/protocol.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from difflib import get_close_matches
from math import isinf
from typing import Protocol, TypeAlias, TypeVar

import msgspec

from fivetran_emulator.errors import Finding, FunctionError, ReportedError
from fivetran_emulator.protocol.json_faults import json_fault
from fivetran_emulator.protocol.rules import Rules

__all__ = [
    "ANSWER_MEMBERS",
    "SDK_HEADER",
    "Answer",
    "FittingReader",
    "FittingRows",
    "Row",
    "RowTexts",
    "exact_fraction",
    "read_answer",
    "read_failure",
    "read_sdk_failure",
]

Row: TypeAlias = dict[str, object]
T = TypeVar("T")

ANSWER_MEMBERS = ("state", "insert", "delete", "schema", "hasMore", "softDelete")
SDK_HEADER = "X-Connector-SDK"
"""The header `failed` of an answer that stands for a failed sync of the Connector SDK: there is neither a function nor HTTP."""

_ERROR_MEMBERS = ("errorMessage", "errorType", "stackTrace")


@dataclass(frozen=True)
class RowTexts:
    """Rows as JSON arrays for DuckDB to read: one row after the other, each member once, and no digit that a double would change.

    The values of the members `as_text` are text with JSON in it.
    """

    arrays: Sequence[bytes]
    as_text: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class FittingRows:
    """Rows that a table takes as it is: they were checked while they were read, and stay JSON.

    `columns` gives for each member that one of them has its column. `texts` writes them, which the next call need not wait for.
    """

    count: int
    columns: Mapping[str, str]
    texts: Callable[[], RowTexts]
    raw: msgspec.Raw

    def __len__(self) -> int:
        return self.count

    def decoded(self) -> list[Row]:
        """The rows themselves, for what has to look at them."""
        return _ROWS.decode(self.raw)


class FittingReader(Protocol):
    """Reads rows of one table."""

    def read(self, raw: msgspec.Raw) -> FittingRows | None:
        """The rows, or None when one of them would change the table, or is wrong."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One accepted answer. Tables and columns have the names the function gave them.

    `state` is JSON text. `keys` has every table named in `schema`; the key of a table without one is empty. `soft_delete`
    is None when it applies to every table.
    """

    state: str
    has_more: bool
    insert: Mapping[str, list[Row] | FittingRows]
    delete: Mapping[str, list[Row]]
    keys: Mapping[str, tuple[str, ...]]
    soft_delete: frozenset[str] | None
    findings: tuple[Finding, ...]

    @property
    def is_empty(self) -> bool:
        """True when there is no row in `insert` nor in `delete`."""
        return not any(self.insert.values()) and not any(self.delete.values())


@dataclass
class _Reading:
    """The members of a body, and what was found wrong or odd in them so far."""

    members: dict[str, msgspec.Raw]
    rules: Rules
    problems: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def member(self, name: str, type_: type[T], default: T) -> T:
        """The member `name` decoded as `type_`; `default` when it is absent, null or wrong."""
        raw = self.members.get(name)
        if raw is None or bytes(raw) == b"null":
            return default
        try:
            return msgspec.json.decode(raw, type=type_)
        except msgspec.DecodeError as error:
            self.problems.append(_problem(name, error))
            return default


def read_answer(
    body: bytes, rules: Rules | None = None, fitting: Mapping[str, FittingReader] | None = None
) -> Answer:
    """Read the body of an answer with status 200, by the default rules unless others are given.

    `fitting` are readers by table, tried first.

    Raises FunctionError, with every problem found, when it is not an answer Fivetran would load.
    """
    reading = _Reading(_root(body), rules or Rules())
    _require_no_error(reading)
    answer = Answer(
        state=_state(reading),
        has_more=_has_more(reading),
        insert=_rows(reading, "insert", fitting or {}),
        delete=_decoded_rows(reading, "delete"),
        keys=_keys(reading),
        soft_delete=_soft_delete(reading),
        findings=(*_unknown_members(reading.members), *reading.findings),
    )
    if reading.problems:
        odd = [f"{finding.text}. {finding.hint}" for finding in answer.findings]
        raise FunctionError(
            *reading.problems,
            details=odd,
            hint="Nothing of this answer was loaded and the state is as before.",
        )
    return answer


def read_failure(body: bytes) -> ReportedError | None:
    """The failure a body describes with `errorMessage`, `errorType` and `stackTrace`; None when it has none of them."""
    try:
        members = msgspec.json.decode(body, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    message, kind = members.get("errorMessage"), members.get("errorType")
    trace = members.get("stackTrace") or []
    if message is None and kind is None and not trace:
        return None
    named = f"the function reports {kind}" if kind else "the function reports an error"
    lines = trace if isinstance(trace, list) else [trace]
    return ReportedError(f"{named}: {message}" if message else named, details=[str(line) for line in lines])


def read_sdk_failure(body: bytes) -> FunctionError:
    """The failure of an answer with SDK_HEADER: the connector's own sentence, and what to do."""
    failure = msgspec.json.decode(body, type=dict[str, str])
    return FunctionError(failure["errorMessage"], hint=failure["hint"])


def _root(body: bytes) -> dict[str, msgspec.Raw]:
    try:
        body.decode()
        return msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except msgspec.ValidationError as error:
        problem = f"the answer is JSON but not an object ({_plain(error)})"
        hint = "An answer is one object; text that holds JSON was encoded twice." if body[:1] == b'"' else ""
    except (msgspec.DecodeError, UnicodeDecodeError):
        fault = json_fault(body)
        problem, hint = f"the answer is not valid JSON: it {fault.kind}", fault.hint
    except RecursionError:
        problem, hint = "the answer is too deeply nested to be read", "Send such a value as text."
    raise FunctionError(problem, hint=hint)


def _require_no_error(reading: _Reading) -> None:
    """A 200 with an error member is a failure too, unless the rules only want to hear of it."""
    described = {name: raw for name, raw in reading.members.items() if name in _ERROR_MEMBERS}
    failure = read_failure(msgspec.json.encode(described))
    if failure is None:
        return
    if reading.rules.error_members == "fail":
        raise failure
    text = f"{failure.problems[0]}, and yet it answers with status 200"
    reading.findings.append(Finding("error-member", text, "Answer a failure with status 500 and no state."))


def _state(reading: _Reading) -> str:
    raw = bytes(reading.members.get("state", b""))
    if not raw:
        reading.problems.append(
            "`state` is missing; every answer must carry it, also when nothing has changed"
        )
    elif not raw.startswith(b"{"):
        text = f"`state` is {raw[:40].decode(errors='replace')}, not an object"
        if reading.rules.state_type == "object" or raw == b"null":
            reading.problems.append(text)
        else:
            reading.findings.append(
                Finding("state-type", text, "Fivetran documents an object; text may be refused.")
            )
    return raw.decode()


def _has_more(reading: _Reading) -> bool:
    raw = bytes(reading.members.get("hasMore", b"false"))
    if raw not in (b"true", b"false"):
        text = f"`hasMore` is {raw[:40].decode(errors='replace')}, not true or false"
        if reading.rules.has_more == "strict":
            reading.problems.append(text)
        else:
            reading.findings.append(Finding("has-more-type", text, "Send a boolean, not text or a number."))
    return raw.strip(b'"').lower() == b"true"


def exact_fraction(text: str) -> float | Decimal:
    """A JSON fraction: a float where that gives the same digits back, else a Decimal."""
    number = float(text)
    if len(text) <= _SAFE_LENGTH and "e" not in text and "E" not in text:
        return number
    if isinf(number):
        raise ValueError("Number out of range")
    exact = Decimal(text)
    return number if Decimal(repr(number)) == exact else exact


_SAFE_LENGTH = 16
"""Fifteen digits and a point: a double keeps that many, whatever they are (C's DBL_DIG)."""

_ROWS = msgspec.json.Decoder(list[Row], float_hook=exact_fraction)


def _rows(
    reading: _Reading, name: str, fitting: Mapping[str, FittingReader]
) -> dict[str, list[Row] | FittingRows]:
    rows: dict[str, list[Row] | FittingRows] = {}
    for table, raw in reading.member(name, dict[str, msgspec.Raw], {}).items():
        fit = fitting[table].read(raw) if table in fitting else None
        try:
            rows[table] = _ROWS.decode(raw) if fit is None else fit
        except msgspec.DecodeError as error:
            reading.problems.append(_problem(f"{name}.{table}", error))
    return rows


def _decoded_rows(reading: _Reading, name: str) -> dict[str, list[Row]]:
    rows = _rows(reading, name, {})
    return {table: some for table, some in rows.items() if not isinstance(some, FittingRows)}


def _keys(reading: _Reading) -> dict[str, tuple[str, ...]]:
    tables = reading.member("schema", dict[str, dict[str, msgspec.Raw]], {})
    keys: dict[str, tuple[str, ...]] = {}
    for table, declared in tables.items():
        raw = declared.get("primary_key", msgspec.Raw(b"[]"))
        try:
            keys[table] = tuple(msgspec.json.decode(raw, type=list[str]))
        except msgspec.DecodeError as error:
            reading.problems.append(_problem(f"schema.{table}.primary_key", error))
        if "primary_key" not in declared:
            reading.findings += [_misspelt_key(table, name) for name in declared if "key" in _letters(name)]
    return keys


def _misspelt_key(table: str, name: str) -> Finding:
    text = f"`schema.{table}` has `{name}`, which Fivetran ignores: the table has no key, and every row is a new one"
    return Finding("unknown-member", text, "Did you mean `primary_key`?")


def _soft_delete(reading: _Reading) -> frozenset[str] | None:
    if bytes(reading.members.get("softDelete", b"")) == b"true":
        text = (
            "`softDelete` is true; Fivetran's own pages disagree on what that means. Taken as: every table."
        )
        reading.findings.append(
            Finding("soft-delete-true", text, 'List the tables: "softDelete": ["users"].')
        )
        return None
    return frozenset(reading.member("softDelete", list[str], []))


def _unknown_members(members: Mapping[str, msgspec.Raw]) -> list[Finding]:
    return [_unknown(name) for name in members if name not in (*ANSWER_MEMBERS, *_ERROR_MEMBERS)]


def _unknown(name: str) -> Finding:
    by_letters = {_letters(member): member for member in ANSWER_MEMBERS}
    near = get_close_matches(_letters(name), by_letters, n=1, cutoff=0.75)
    meant = by_letters[near[0]] if near else None
    if meant == "hasMore":
        text = f"`{name}` is ignored by Fivetran: it stops after this answer and never asks for the rest"
        return Finding("has-more-misspelt", text, "Spell it `hasMore`.")
    if meant:
        return Finding("unknown-member", f"`{name}` is ignored by Fivetran", f"Did you mean `{meant}`?")
    known = ", ".join(ANSWER_MEMBERS)
    return Finding(
        "unknown-member", f"`{name}` is not a member Fivetran knows", f"An answer has {known}; leave it out."
    )


def _letters(name: str) -> str:
    return "".join(filter(str.isalpha, name)).lower()


def _problem(name: str, error: msgspec.DecodeError) -> str:
    return f"`{name}` is wrong: {_plain(error)}"


def _plain(error: Exception) -> str:
    """Msgspec's message with its path as a reader of JSON would write it: `$[3].a` is `row 3` of a list of rows."""
    return str(error).replace("`", "").replace(" - at $", " at ").strip()
