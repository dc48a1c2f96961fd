"""The state: all that is remembered between two invocations, made to be read and patched by hand.

    {"version": 1, "connector": "acme",
     "tables": {"tickets": {"mark": "2026-01-31T12:00:00Z",          # read completely up to here
                            "since": "2026-01-31T11:50:00Z",         # a pass is open: what it asks for
                            "at": {"page": 7},                       # where it goes on
                            "seen": "2026-02-01T08:00:00Z"}},        # the newest cursor it has met
     "sync": {"id": "...", "done": ["users"]}}                       # only while Fivetran is to call again

Everything may be left out: `{}` reads every table from the start. docs/state.md describes each member and the safe
patches.

A state outlives releases in both directions. What a release does not know it sends back as it came; what it knows and
cannot read costs that table a pass from the start, with a line in the log, and never a connection. `version` stays what
it is for as long as no member changes its meaning; a state without it is taken as ours, one with another is not read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from fivetran_runtime._encoding import encode
from fivetran_runtime._invocation.budget import STATE_BYTES
from fivetran_runtime.errors import DefectError, StateError

VERSION = 1
"""What the state's members mean. It changes only if one of them comes to mean something else."""

_RESET = "Patch it, or send {} to read everything again (docs/state.md)."

_RETIRED = frozenset({"restarts"})  # written by earlier releases; it kept tables from ever starting again


class TableState(msgspec.Struct, omit_defaults=True):
    """What is remembered of one table; a pass is open while `at` is there. Packed keys: see `keys.py`."""

    mark: int | str | None = None
    """What has been read completely; the next pass asks from here, less the lookback."""
    newest: int | str | None = None
    """The newest cursor of the last complete pass, where it is later than the mark."""
    since: int | str | None = None
    """What the open pass asks for."""
    at: dict[str, Any] | None = None
    """The position where the open pass goes on."""
    sent: int = 0
    """How many rows behind that position were sent, where an answer does not hold what lies before the next `At`."""
    following: str | None = None
    """A digest of the key of the row behind those."""
    kept: dict[str, Any] | None = None
    """What the last complete pass has kept (`Keep`): the open one asks with it if its position holds it, too."""
    keeping: dict[str, Any] | None = None
    """What the open pass will have kept when it is complete."""
    late: bool = False
    """Whether what the open pass keeps does not count: it is younger than rows that were sent before it."""
    parents: str | None = None
    """The parents that have been read to their end up to the mark; the others are read from the floor."""
    parents_read: str | None = None
    """Those that the open pass has read to their end."""
    keys_of: dict[str, str] = {}
    """By child table: the keys of each row's children, where the table yields complete sets of them."""
    no_room: dict[str, int] = {}
    """What the state has no room for, and how many."""
    seen: int | str | None = None
    """The newest cursor that the open pass has met."""
    first: int | str | None = None
    """The newest cursor in the open pass's first answer from the source."""
    whole: bool = False
    """Whether the next pass starts at the floor, whatever the mark says."""
    declared: str | None = None
    """The key and the cursor under which all this was read."""
    children: dict[str, list[str]] | None = None
    """The child tables that all this was read with, and their keys."""
    floor: int | str | None = None
    """The floor that the mark was reached from, if there was one."""
    scope: str | None = None
    """A digest of the settings under which the mark was reached."""
    embeds: str | None = None
    """What the rows hold of other objects, as `_scope.embedded_name` names it."""
    place: str | None = None
    """A digest of the settings under which the open pass began."""
    keys: str | None = None
    """With `on_missing="delete"`: the keys of the rows at the destination that the last listing found."""
    kinds: list[str] = []
    """The type of each key column, so that a delete names a key as the source does."""
    missed: str | None = None
    """Keys that the last listing did not find and the one before did; another such listing deletes them."""
    held: str | None = None
    """Keys that two listings did not find, too many to be deleted without asking."""
    asked: str | None = None
    """The name of the set `held`."""
    confirm: str | None = None
    """Written by a person: the name of the set that is to be deleted."""
    lost: int = 0
    """Keys that recent listings have deleted, older ones counting less."""
    found: str | None = None
    """The keys that the open listing has found so far."""
    gone: str | None = None
    """Keys that are to be deleted and did not fit into the last answer."""
    unsent: str | None = None
    """Keys that the listing shows and no answer has sent."""
    tried: str | None = None
    """Unsent keys that the open pass from the floor should bring."""
    absent: str | None = None
    """Keys that the listing shows and the source does not bring even when asked for them."""
    tries: int = 0
    """How often absent keys were asked for in vain."""
    rest: int = 0
    """Listings to come before they are asked for again."""
    over: int = 0
    """How many keys there were, when they were more than the state has room for."""
    unknown: dict[str, Any] = {}
    """Members of another release, kept as they are."""

    def close_pass(self) -> None:
        """Forget the open pass."""
        self.since = self.at = self.seen = self.first = self.place = self.found = self.following = None
        self.keeping = self.parents_read = None
        self.sent, self.late = 0, False

    def forget_mark(self) -> None:
        """The next pass starts at the floor, and nothing counts that was read before it."""
        self.close_pass()
        self.mark = self.newest = self.children = self.floor = self.scope = self.embeds = None
        self.kept = self.parents = None
        self.whole = False

    def forget(self) -> None:
        """As if the table had never been read."""
        for name in _members(TableState):
            setattr(self, name, getattr(TableState(), name))

    def packed_bytes(self) -> int:
        """What this table's keys take in the state."""
        packed = (
            self.keys,
            self.missed,
            self.held,
            self.found,
            self.gone,
            self.unsent,
            self.tried,
            self.absent,
            self.parents,
            self.parents_read,
            *self.keys_of.values(),
        )
        return sum(len(part or "") for part in packed)

    def dump(self) -> dict[str, Any]:
        """As it is sent."""
        dumped: dict[str, Any] = msgspec.to_builtins(self, builtin_types=(Decimal,))
        if dumped.keys() <= {"declared"}:
            return {}  # nothing that was read under it
        unknown: dict[str, Any] = dumped.pop("unknown", {})
        return {**dumped, **unknown}


class SyncState(msgspec.Struct, omit_defaults=True):
    """What is remembered of the sync that is running."""

    id: str | None = None
    done: list[str] = []
    failed: list[str] = []
    waiting: list[str] = []
    """Tables that have used up a call without bringing a row: the others are read first."""
    empty: int = 0
    """Empty answers given in a row."""
    restarts: dict[str, int] = {}
    """How often a pass has begun again in this sync because the source no longer knew its position."""
    read: dict[str, str] = {}
    """Without a sync id: a digest of what each finished table's last pass brought."""


class State(msgspec.Struct):
    """The whole state of a connection."""

    connector: str
    tables: dict[str, TableState] = {}
    sync: SyncState | None = None
    kept: dict[str, Any] = {}
    """What is of no table: under `credentials`, tokens that change when they are used (`http/_single_use.py`)."""
    unknown: dict[str, Any] = {}
    """Members of another release, kept as they are."""

    def table(self, name: str) -> TableState:
        """A table's part, made when it is not there yet."""
        return self.tables.setdefault(name, TableState())

    def credentials(self) -> dict[str, Any]:
        """The part in which credentials keep their tokens; what is changed in it is sent."""
        found = self.kept.get("credentials")
        if not isinstance(found, dict):
            found = self.kept["credentials"] = {}
        return found

    def begin(self, sync_id: str | None) -> SyncState:
        """The running sync's part. What was done and what failed counts only under the same sync id.

        Requests without an id cannot be distinguished: the state's part without an id counts for all of them.
        """
        if self.sync is None or self.sync.id != sync_id:
            self.sync = SyncState(id=sync_id)
        return self.sync

    def parts(self) -> dict[str, Any]:
        """What is remembered of the tables, as it is sent."""
        return {name: part for name, table in self.tables.items() if (part := table.dump())}

    def dump(self) -> dict[str, Any]:
        """The state as it is sent.

        Raises:
            DefectError: it has grown larger than may travel in every request.
        """
        dumped: dict[str, Any] = {"version": VERSION, "connector": self.connector, "tables": self.parts()}
        if self.sync is not None and (sync := msgspec.to_builtins(self.sync)):
            dumped["sync"] = sync
        if kept := {name: part for name, part in self.kept.items() if part != {}}:
            dumped["kept"] = kept
        dumped |= self.unknown
        size = len(encode(dumped))
        if size > STATE_BYTES:
            message = f"The state has grown to {size:,} bytes; at most {STATE_BYTES:,} may travel with every answer."
            raise DefectError(message, hint="Yield smaller positions in At(...).")
        return dumped


def credentials_in(received: object) -> dict[str, Any]:
    """What credentials have kept in the state of a setup test, which goes back as it came."""
    kept = received.get("kept") if isinstance(received, dict) else None
    found = kept.get("credentials") if isinstance(kept, dict) else None
    return dict(found) if isinstance(found, dict) else {}


def load(received: object, *, connector: str, replaces: Iterable[str] = ()) -> tuple[State, str | None]:
    """The state of a request.

    Args:
        received: the request's `state` member: an object, or None.
        connector: this connector's name.
        replaces: the keys of states that earlier, hand-written releases left; such a state is a full pass.

    Returns:
        The state, and sentences for the log when a part of it could not be used.

    Raises:
        StateError: it is another connector's, or not a state.
    """
    if received is None or received == {}:
        return State(connector=connector), None
    if not isinstance(received, dict):
        raise StateError(f"The state is a JSON {_json_name(received)}, not an object.", hint=_RESET)
    if "connector" not in received and set(received) <= set(replaces):
        keys = ", ".join(sorted(received))
        note = f"The state was written by this connector's predecessor ({keys}); every table is read from the start."
        return State(connector=connector), note
    _require_owner(received, connector)
    notes: list[str] = []
    state = State(connector=connector)
    if received.get("version", VERSION) == VERSION:
        state.tables, state.sync = _tables(received.get("tables", {}), notes), _sync(received.get("sync"))
    else:
        notes.append(f"The state has version {received['version']!r}: every table is read from the start.")
    kept = received.get("kept")
    state.kept = kept if isinstance(kept, dict) else {}
    state.unknown = _others(received, {"version", "connector", "tables", "sync", "kept"})
    notes += _unknown(state.unknown, "The state")
    return state, " ".join(notes) or None


def _require_owner(received: Mapping[str, Any], connector: str) -> None:
    owner = received.get("connector")
    if owner is None:
        keys = ", ".join(sorted(map(str, received)))
        raise StateError(
            f"The state names no connector; its keys are {keys}. It is not this connector's.", hint=_RESET
        )
    if owner != connector:
        raise StateError(f"The state belongs to the connector {owner!r}; this is {connector!r}.", hint=_RESET)


def _tables(received: object, notes: list[str]) -> dict[str, TableState]:
    if not isinstance(received, dict):
        notes.append("The state's tables cannot be read: every table is read from the start.")
        return {}
    return {str(name): _table(str(name), part, notes) for name, part in received.items()}


def _table(name: str, received: object, notes: list[str]) -> TableState:
    try:
        part = _known(received, TableState)
    except msgspec.ValidationError as error:
        notes.append(f"The state of table {name} cannot be read ({error}): the table is read from the start.")
        return TableState()
    if isinstance(received, dict):
        part.unknown = _others(received, _members(TableState) | _RETIRED)
        notes += _unknown(part.unknown, f"The state of table {name}")
    return part


def _sync(received: object) -> SyncState | None:
    try:
        return None if received is None else _known(received, SyncState)
    except msgspec.ValidationError:
        return None  # it only saves work within one sync


AnyState = TypeVar("AnyState", TableState, SyncState)


def _known(received: object, kind: type[AnyState]) -> AnyState:
    """The members this release knows; null counts as absent, as after a patch."""
    if isinstance(received, dict):
        received = {name: received[name] for name in _members(kind) & received.keys()}
        received = {name: value for name, value in received.items() if value is not None}
    return msgspec.convert(received, kind)


def _members(kind: type[msgspec.Struct]) -> frozenset[str]:
    return frozenset(kind.__struct_fields__) - {"unknown"}


def _others(received: Mapping[Any, Any], known: Iterable[str]) -> dict[str, Any]:
    return {str(name): value for name, value in received.items() if name not in set(known)}


def _unknown(members: Iterable[str], where: str) -> Iterable[str]:
    if others := sorted(set(members)):
        yield f"{where} has members that this release does not know: {', '.join(others)}; they are kept, without effect."


def _json_name(value: object) -> str:
    return {str: "text", list: "list", bool: "boolean"}.get(type(value), "number")
