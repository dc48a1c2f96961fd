"""The state: all that is remembered between two invocations, made to be read and patched by hand.

    {"version": 1, "connector": "acme",
     "tables": {"tickets": {"mark": "2026-01-31T12:00:00Z",          # read completely up to here
                            "since": "2026-01-31T11:50:00Z",         # a pass is open: what it asks for
                            "at": {"page": 7},                       # where it goes on
                            "seen": "2026-02-01T08:00:00Z"}},        # becomes the mark when it ends
     "sync": {"id": "...", "done": ["users"]}}                       # only while Fivetran is to call again

Everything may be left out: `{}` reads every table from the start. Removing a table re-reads that table; removing
`since`, `at` and `seen` restarts its pass from the mark; setting `mark` moves it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from fivetran_runtime.budget import STATE_BYTES
from fivetran_runtime.encoding import encode
from fivetran_runtime.errors import DefectError, StateError

VERSION = 1
_RESET = "Patch it, or send {} to read everything again (docs/state.md)."


class TableState(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """What is remembered of one table; a pass is open while `at` is there."""

    mark: int | str | None = None
    since: int | str | None = None
    at: dict[str, Any] | None = None
    seen: int | str | None = None
    restarts: int = 0
    """How often the open pass had to begin again because the source no longer knew where it had stopped."""
    keys: str | None = None
    """With `on_missing="delete"`: the keys that the last complete pass found, packed."""
    missed: str | None = None
    """The keys it did not find and the one before did; another such pass deletes them."""
    found: str | None = None
    """The keys that the open pass has found so far."""

    def close_pass(self) -> None:
        """Forget the open pass."""
        self.since = self.at = self.seen = self.found = None
        self.restarts = 0


class SyncState(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """What is remembered of the sync that is running."""

    id: str | None = None
    done: list[str] = []
    failed: list[str] = []
    empty: int = 0
    """Empty answers given in a row."""


class State(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """The whole state of a connection."""

    connector: str
    version: int = VERSION
    tables: dict[str, TableState] = {}
    sync: SyncState | None = None

    def table(self, name: str) -> TableState:
        """A table's part, made when it is not there yet."""
        return self.tables.setdefault(name, TableState())

    def begin(self, sync_id: str | None) -> SyncState:
        """The running sync's part; another sync's list of finished tables is forgotten.

        A request without a sync id is taken as a call of the sync that the state tells of.
        """
        if self.sync is None or (sync_id and self.sync.id and self.sync.id != sync_id):
            self.sync = SyncState()
        self.sync.id = sync_id or self.sync.id
        return self.sync

    def dump(self) -> dict[str, Any]:
        """The state as it is sent.

        Raises:
            DefectError: it has grown larger than may travel in every request.
        """
        tables = {name: part for name, table in self.tables.items() if (part := msgspec.to_builtins(table))}
        dumped: dict[str, Any] = {"version": VERSION, "connector": self.connector, "tables": tables}
        if self.sync is not None and (sync := msgspec.to_builtins(self.sync)):
            dumped["sync"] = sync
        size = len(encode(dumped))
        if size > STATE_BYTES:
            message = (
                f"The state has grown to {size:,} bytes; at most {STATE_BYTES:,} may travel in every request."
            )
            raise DefectError(message, hint="Yield smaller positions in At(...).")
        return dumped


def load(received: object, *, connector: str, replaces: Iterable[str] = ()) -> tuple[State, str | None]:
    """The state of a request.

    Args:
        received: the request's `state` member: an object, or None.
        connector: this connector's name.
        replaces: the keys of states that earlier, hand-written releases left; such a state is a full pass.

    Returns:
        The state, and a sentence for the log when it was deliberately dropped.

    Raises:
        StateError: it is another connector's, a newer release's, or not a state.
    """
    if received is None or received == {}:
        return State(connector=connector), None
    if not isinstance(received, dict):
        raise StateError(f"The state is a JSON {_json_name(received)}, not an object.", hint=_RESET)
    if "version" not in received and set(received) <= set(replaces):
        keys = ", ".join(sorted(received))
        note = f"The state was written by this connector's predecessor ({keys}); every table is read from the start."
        return State(connector=connector), note
    return _decode(received, connector), None


def _decode(received: dict[str, Any], connector: str) -> State:
    version = received.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        keys = ", ".join(sorted(map(str, received)))
        raise StateError(
            f"The state has no version; its keys are {keys}. It is not this connector's.", hint=_RESET
        )
    if version > VERSION:
        message = (
            f"The state has version {version}; this release reads up to {VERSION}. A newer release wrote it."
        )
        raise StateError(message, hint="Deploy that release again, or a newer one.")
    owner = received.get("connector")
    if owner != connector:
        raise StateError(f"The state belongs to the connector {owner!r}; this is {connector!r}.", hint=_RESET)
    try:
        return msgspec.convert(received, State)
    except msgspec.ValidationError as error:
        raise StateError(f"The state cannot be read: {error}.", hint=_RESET) from None


def _json_name(value: object) -> str:
    return {str: "text", list: "list", bool: "boolean"}.get(type(value), "number")
