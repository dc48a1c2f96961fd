"""C30 to C32, C35, C50: what outlives a call: the state, and what earlier releases promised in tests/released.json."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any

from fivetran_emulator.contract.check import NotRun, Violation, check
from fivetran_emulator.contract.comparing import compare, leaves, require_tables, shortened
from fivetran_emulator.contract.lab.secret_forms import credentials_sent, marked_secrets, secret_traces
from fivetran_emulator.contract.lab.source_tables import SourceTable
from fivetran_emulator.contract.lab.virtual_time import instant
from fivetran_emulator.contract.releases import (
    Release,
    breaks,
    fits,
    following,
    numbers,
    required_secrets,
    tables_of,
    write,
)
from fivetran_emulator.contract.subject import PracticeSubject, Subject, answered

__all__ = ["CHECKS", "MAX_STATE_BYTES", "record"]

MAX_STATE_BYTES = 65_536
_SYNCS = 6
_BYTES_A_ROW = 28
"""More than a compressed key takes, with which deletes are found, and less than a key with anything beside it."""


@check("C30", "the state stays small", risk="fail when the state has grown too large")
def state_size(subject: PracticeSubject) -> None:
    """Ten times the rows make the state no larger than the keys alone would, or than 64 KiB, and syncs alone no larger at all."""
    _require_no_growth(subject)
    before = len(json.dumps(subject.clean.state))
    for name in [table.name for table in require_tables(subject, subject.trial())]:
        trial = subject.trial()
        added = _grow(next(table for table in require_tables(subject, trial) if table.name == name))
        sync = trial.connection.sync()
        size = max((len(json.dumps(call.answer.get("state"))) for call in sync.exchanges), default=0)
        if size > MAX_STATE_BYTES or size - before > 500 + added * _BYTES_A_ROW:
            raise Violation(
                f"the state grew from {before} to {size} bytes with {added} rows of {name} more",
                expected=f"at most {MAX_STATE_BYTES} bytes, and at most {_BYTES_A_ROW} for each new row",
                cause="an entry for each row or parent in the state: keep the place where the reading stopped instead",
                reproduce=[f"each source row of {name} ten times, under new keys"],
            )


def _require_no_growth(subject: PracticeSubject) -> None:
    """Sync after sync of an unchanged source the state stays as large as it is."""
    trial = subject.trial()
    sizes = []
    for _ in range(_SYNCS):
        trial.connection.sync()
        sizes.append(len(json.dumps(trial.connection.state)))
    if sizes[-1] > sizes[1] + _SYNCS:  # a counter may gain a digit
        raise Violation(
            f"after {_SYNCS} syncs of an unchanged source the state has {sizes[-1]} bytes, {sizes[1]} after the second",
            expected="the same size",
            cause="something is noted of each sync or call and never taken out",
            reproduce=[f"{_SYNCS} syncs"],
        )


def _grow(table: SourceTable) -> int:
    """Each row nine times more; how many that are."""
    rows = table.rows()
    for row in rows:
        for number in range(1, 10):
            table.source.put(table.copied(row, number))
    return 9 * len(rows)


@check(
    "C31",
    "the state can be kept for years",
    risk="fail, or give secrets away, when a state is kept for long",
    remote="Each state is a JSON object with a version, and has no secret in it.",
)
def durable_state(subject: Subject) -> None:
    """Each state is a JSON object with a version, has no secret in it, and those of recorded releases are still read."""
    seen = answered(subject)
    sent = credentials_sent(
        (asked for exchange in seen for asked in exchange.asked), seen[0].request["secrets"] if seen else {}
    )
    for exchange in seen:
        state = exchange.answer.get("state")
        if not isinstance(state, dict) or not {"version", "v"} & set(state):
            raise Violation(
                f"the state is {shortened(state)}",
                expected='an object with a version, such as {"version": 1, ...}',
                cause="without one a later release cannot distinguish an old state from a broken one",
            )
        secrets = exchange.request["secrets"]
        only = marked_secrets(secrets) | sent.keys()
        for place, value in leaves(state):
            if traces := secret_traces(str(value), {**secrets, **sent}, only=only):
                raise Violation(
                    f"{place} holds {traces[0]}",
                    expected="no secret, and no access token: states are shown and logged",
                    cause="a session that is kept, or a next link with the key in its query, saved as it came",
                    reproduce=["an undisturbed sync"],
                )
    if isinstance(subject, PracticeSubject):
        for release in subject.releases:
            _require_readable(subject, release)


def _require_readable(subject: PracticeSubject, release: Release) -> None:
    """A connection of an earlier release goes on with its state, and a change made since arrives."""
    trial = subject.trial()
    connection = trial.connection
    connection.state, connection.warehouse = release.state, copy.deepcopy(subject.clean.warehouse)
    for table in trial.source_tables(connection.warehouse):
        table.source.put(table.touched(table.rows()[0]))
    reproduce = [f"send the state of {release.version} in tests/released.json"]
    sync = connection.sync()
    if not sync.complete:
        raise Violation(
            f"a state of release {release.version} is not read: {sync.exchanges[-1].error}",
            expected="that connections go on after an update",
            cause="a member of the state that was renamed: read the old name too, or read everything from the start when it is there",
            reproduce=reproduce,
        )
    compare(
        subject,
        connection.warehouse,
        trial.fresh(),
        cause="a member of the state means something else than it did",
        reproduce=reproduce,
        truth="what changed since arrives",
    )


@check(
    "C32",
    "a state of somebody else's is refused",
    risk="lose rows, or fail without a word, when the state is not its own",
)
def foreign_states(subject: PracticeSubject) -> None:
    """A foreign, broken or future state gives an error or a full sync, never success without the rows."""
    clean = subject.clean
    for what, state in _odd_states(clean.state):
        trial = subject.trial()
        trial.connection.state = state
        sync = trial.connection.sync()
        last = sync.exchanges[-1]
        if last.failed and last.error:
            continue
        if last.failed:
            raise Violation(
                f"a state that is {what} ends in HTTP {last.reply.status} without a message",
                expected="an error that says what is wrong with the state, or a full sync",
                cause="state[...] or state.get(...) of whatever came: look at its form before anything else",
                reproduce=[f"send the state {json.dumps(state)[:300]}"],
            )
        compare(
            subject,
            trial.connection.warehouse,
            clean.warehouse,
            cause="state.get(...) of whatever came: rows that changed before a mark from the future are never asked for",
            reproduce=[f"a state that is {what}: {json.dumps(state)[:300]}"],
            truth="an error that says what is wrong with the state, or a full sync",
        )


def _odd_states(state: Any) -> Iterator[tuple[str, Any]]:
    yield "another connector's", {"last_id": 17, "tables_done": ["x"]}
    yield "text", "2026-01-01"
    if isinstance(state, dict) and "version" in state:
        yield "a newer release's", {**state, "version": 99}
    if any(instant(value) for _place, value in leaves(state)):
        yield "from 2099", _from_2099(copy.deepcopy(state))


def _from_2099(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _from_2099(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_from_2099(inner) for inner in value]
    return re.sub(r"^\d{4}", "2099", value) if instant(value) else value


_COMMAND = "nox -s tests -- NAME -k C35 --write-released"


def record(subject: PracticeSubject) -> str:
    """Write what the connector promises now under its present version; a sentence that says so.

    Raises ValueError when the version must be raised first, or there is none.
    """
    if subject.version is None or subject.released is None:
        raise ValueError("there is no __version__ in src/*/__init__.py to record it under")
    write(subject.released, _now(subject, subject.version))
    return f"{subject.version} is recorded in {subject.released.parent.name}/{subject.released.name}"


def _now(subject: PracticeSubject, version: str) -> Release:
    required = required_secrets(subject)
    secrets = subject.trial().connection.secrets
    return Release(
        version,
        tables_of(subject.clean.connection),
        {key: "required" if key in required else "optional" for key in sorted(secrets)},
        subject.clean.state,
    )


def _recorded(subject: PracticeSubject) -> list[Release]:
    if not subject.releases:
        raise NotRun(f"no release is recorded; do so before the first one is deployed: {_COMMAND}")
    return subject.releases


def _latest(subject: PracticeSubject) -> Release:
    """The last release up to the present version."""
    recorded = _recorded(subject)
    version = subject.version
    if version is None or not re.fullmatch(r"\d+\.\d+\.\d+", version):
        return recorded[-1]
    upto = [one for one in recorded if numbers(one.version) <= numbers(version)]
    return upto[-1] if upto else recorded[0]


@check("C35", "columns as released", risk="change its columns without a word when the source renames a field")
def released_columns(subject: PracticeSubject) -> None:
    """Tables, keys and columns are those recorded for the last release, with the same kinds of values."""
    latest = _latest(subject)
    now = tables_of(subject.clean.connection)
    if differs := list(fits(latest.tables, now, as_text=subject.function.platform.fractions_as_text)):
        raise Violation(
            "; ".join(differs),
            expected=f"the tables of {latest.version} in tests/released.json",
            cause=f"a field that the source has renamed; or a change that is meant: then {_COMMAND} records it",
            reproduce=["an undisturbed sync"],
        )


@check("C50", "an update breaks nobody", risk="break queries when it is updated")
def compatible_releases(subject: PracticeSubject) -> None:
    """Within a major version no table, column or key goes, no column changes its kind, and no secret becomes required."""
    for earlier, later in combinations(_recorded(subject), 2):
        if not (broken := breaks(earlier, later)):
            continue
        raise Violation(
            "; ".join(broken),
            expected=f"a version that says so, {following(earlier.version)} or later, not {later.version}",
            cause="a column renamed or dropped in a small release: queries and connections that rely on it break",
        )


CHECKS = [state_size, durable_state, foreign_states, released_columns, compatible_releases]
