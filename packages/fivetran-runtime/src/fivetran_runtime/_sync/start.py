"""Where a pass starts: at the mark, or where the open one stopped; and what of the state still counts.

A mark and a position mean something only under what they were written under: the declared key and cursor, and the
settings that decide which rows the source shows. Where that has changed, the table is read from its floor, or the open
pass from its beginning, with one line in the log.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from fivetran_runtime import cursors
from fivetran_runtime._invocation import logs
from fivetran_runtime._invocation.clock import clock
from fivetran_runtime._scope import Digest, still_embedded
from fivetran_runtime._sync.positions import restored
from fivetran_runtime._sync.row_encoder import written
from fivetran_runtime._sync.state import TableState
from fivetran_runtime.errors import DefectError
from fivetran_runtime.tables import Table

_CURSORS = ("mark", "newest", "since", "seen", "first")
_MAX_AHEAD = timedelta(days=1)


class Terms(msgspec.Struct, frozen=True):
    """What a table is read under in this invocation.

    Attributes:
        floor: where a first pass starts, as the author gave it.
        scope: a digest of the settings that decide which rows the table holds; None where nothing is known of them.
        embedded: what the rows hold of other objects; None where the table does not say.
        place: a digest of all settings: a position may depend on any of them, such as the address.
        now: the invocation's start; what is later than that moves no mark.
    """

    floor: Any = None
    scope: Digest | None = None
    embedded: Mapping[int, Any] | None = None
    place: Digest | None = None
    now: datetime = msgspec.field(default_factory=lambda: clock().now())


class Start(msgspec.Struct, frozen=True):
    """What a table function is called with, and what is known of cursors.

    Attributes:
        since: None for a table without a cursor, and on a first sync without a floor.
        position: the arguments of the last `At`; empty at the beginning of a pass.
        opens: whether this is the beginning of a pass.
        whole: whether the pass starts at the floor.
        mark: the mark so far.
        newest: the newest cursor of the last complete pass.
        seen: the newest cursor the open pass has met.
        first: the newest cursor of its first answer from the source.
    """

    since: Any = None
    position: dict[str, Any] = msgspec.field(default_factory=dict)
    opens: bool = True
    whole: bool = True
    mark: Any = None
    newest: Any = None
    seen: Any = None
    first: Any = None


def start(table: Table, state: TableState, terms: Terms) -> Start:
    """Where this invocation begins to read a table; drops from the state what no longer counts.

    Raises:
        DefectError: the floor is not of the cursor's kind.
    """
    _drop_what_changed(table, state, terms)
    if table.kind is None:
        return Start(position=_position(table, state), opens=state.at is None)
    known = _cursors(table, state, terms.now)
    floor = floor_of(table, terms)
    if state.at is not None:
        since = _not_ahead(table, known.pop("since"), terms.now)
        return Start(
            since=since, position=_position(table, state), opens=False, whole=since in (None, floor), **known
        )
    known["mark"] = _not_ahead(table, known["mark"], terms.now)
    since = floor if state.whole else _opening(table, known["mark"], floor)
    return Start(since=since, whole=since in (None, floor), mark=known["mark"], newest=known["newest"])


def _opening(table: Table, mark: Any, floor: Any) -> Any:
    """The `since` of a new pass: the mark less the lookback, not before the floor."""
    if mark is None:
        return floor
    since = cursors.minus(mark, table.lookback)
    return since if floor is None else max(since, floor)


def _drop_what_changed(table: Table, state: TableState, terms: Terms) -> None:
    name = table.name
    if state.declared not in (None, table.declared):
        _tell(
            name,
            f"its key and cursor were {state.declared}, and are {table.declared}",
            "is read from the start",
        )
        state.forget()
    if table.remembers and terms.scope and not terms.scope.is_of(state.scope):
        _tell(name, "the settings that decide which rows it holds have changed", "is read from the start")
        state.forget_mark()
    if table.remembers and (wider := _wider(table, state, terms)):
        _tell(name, wider, "is read from the start")
        state.forget_mark()
    if terms.embedded is not None and state.embeds and not still_embedded(state.embeds, terms.embedded):
        _tell(name, "names that its rows hold have changed at the source", "is read from the start")
        state.forget_mark()
    if changed := _changed_meanwhile(table, state, terms):
        _tell(name, changed, "is read from the beginning of that pass")
        state.sent = 0
        state.at = {name: value for name, value in (state.at or {}).items() if name in table.kept}
        state.keeping = None  # a token that was given under other settings may tell of other rows


def _changed_meanwhile(table: Table, state: TableState, terms: Terms) -> str | None:
    """What has changed since the open pass began, so that its position does not count; None for nothing."""
    if state.at is None:
        return None
    if terms.place and not terms.place.is_of(state.place):
        return "settings have changed while it was read"
    if table.kept and state.children is None:  # a token of now would be younger than what was read
        return "a release that keeps nothing has begun to read it"
    return None


def _wider(table: Table, state: TableState, terms: Terms) -> str | None:
    """What a release lets the table hold that complete passes before it did not bring; None for nothing.

    A state of a release that wrote neither children nor floor says nothing, and is taken over.
    """
    before = state.children
    if before is not None and (
        added := [name for name, key in _children(table).items() if before.get(name) != key]
    ):
        return f"its children {', '.join(added)} are new, or have another key"
    if state.floor is None:
        return None
    try:
        floor, was = floor_of(table, terms), table.require_kind().parse(state.floor)
    except ValueError:
        return "its floor was of another kind"
    return "its floor is earlier than it was" if floor is None or floor < was else None


def note_terms(table: Table, state: TableState, terms: Terms) -> None:
    """Write down what decides which rows complete passes bring, of what is not a setting."""
    if table.kind:
        floor = floor_of(table, terms)
        state.floor = None if floor is None else table.kind.dump(floor)
    state.children = _children(table) if table.remembers else None


def _children(table: Table) -> dict[str, list[str]]:
    return {name: [*key] for name, key in table.keys.items() if name != table.name}


def floor_of(table: Table, terms: Terms) -> Any:
    """Where a first pass starts, as a cursor; None for the beginning.

    Raises:
        DefectError: the floor is not of the cursor's kind.
    """
    if terms.floor is None:
        return None
    try:
        return table.require_kind().parse(terms.floor)
    except ValueError as error:
        raise DefectError(f"Table {table.name}, floor: {written(terms.floor)} {error}.") from None


def _tell(table: str, why: str, what: str) -> None:
    logs.emit("WARNING", f"Table {table}: {why}; the table {what}.", table=table)


def _cursors(table: Table, state: TableState, now: datetime) -> dict[str, Any]:
    """The state's cursors as values; none of them counts when one cannot be read."""
    kind = table.require_kind()
    try:
        known = {
            member: None if (value := getattr(state, member)) is None else kind.parse(value)
            for member in _CURSORS
        }
        _require_not_ahead(kind, known.values(), now)
    except ValueError as error:
        _tell(table.name, f"a cursor in its state {error}", "is read from the start")
        state.forget_mark()
        return dict.fromkeys(_CURSORS)
    return known


def _require_not_ahead(kind: cursors.Kind, values: Iterable[Any], now: datetime) -> None:
    """Raise ValueError for a cursor more than a day ahead: no clock is that wrong, so nothing is known of what was read."""
    for value in values:
        if value is not None and cursors.is_beyond(kind, value, now + _MAX_AHEAD):
            raise ValueError(f"is {kind.dump(value)}, later than tomorrow")


def _not_ahead(table: Table, value: Any, now: datetime) -> Any:
    """A mark that is not later than now: from there on nothing can have been read."""
    kind = table.require_kind()
    if value is None or kind.latest is None or not cursors.is_beyond(kind, value, now):
        return value
    lowered = kind.latest(now)
    why = f"its mark {kind.dump(value)} is later than now"
    _tell(table.name, why, f"is asked for changes from {kind.dump(lowered)}, less the lookback")
    return lowered


def _position(table: Table, state: TableState) -> dict[str, Any]:
    try:
        return restored(table, state.at or {})
    except ValueError as error:
        _tell(table.name, f"its position {error}", "is read from the beginning of that pass")
        state.at = {}
        return {}
