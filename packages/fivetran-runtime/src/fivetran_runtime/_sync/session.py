"""One invocation of a connector, for every host: secrets and state in; tables, rows and the next state out.

A host makes an `Invocation` with its limits, a `Session` in it, and asks it for the setup test or for an answer. The state
that goes with an answer is in `Ended` and nowhere else. A state taken at an `At` lacks the keys that a listing has found so
far, which are written when its part of the pass ends: with such a state, rows that exist would be deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, Protocol

from fivetran_runtime._encoding import encode
from fivetran_runtime._invocation import logs
from fivetran_runtime._invocation.budget import NoToken
from fivetran_runtime._invocation.context import Invocation
from fivetran_runtime._sync.batch import Batch, Operation
from fivetran_runtime._sync.keys import Key
from fivetran_runtime._sync.loop import HostRules, Progress, leave_to_next_call, read_tables
from fivetran_runtime._sync.state import State, credentials_in, load
from fivetran_runtime.config import Config, all_texts, read, secret_texts, texts_to_hide
from fivetran_runtime.tables import Table


class Served(Protocol):
    """What of a `Connector` is used; its attributes are described there."""

    name: str
    version: str
    config: type[Config] | None
    client: Callable[[Any], Any]
    replaces_state: frozenset[str]

    @property
    def declared_tables(self) -> tuple[Table, ...]:
        """Those that are known without asking the source."""

    def tables_of(self, client: Any) -> list[Table]:
        """All tables."""

    def run_check(self, client: Any) -> None:
        """The setup test."""

    def run_before(self, client: Any) -> None:
        """The guard."""


class Ended:
    """What came of an invocation that has ended; iterating gives table, key and operation.

    Attributes:
        tables: all there are, so that their keys are known.
        state: the state that holds once these operations have arrived.
        has_more: whether the sync goes on with another invocation.

    Raises:
        DefectError: the state has grown too large.
    """

    def __init__(self, tables: list[Table], state: State, progress: Progress) -> None:
        self.tables, self.state = tables, state.dump()
        self.has_more = progress.has_more
        self._progress = progress

    def __iter__(self) -> Iterator[tuple[str, Key, Operation]]:
        return iter(self._progress.batch)

    @property
    def batch(self) -> Batch:
        """The operations, as pieces of JSON."""
        return self._progress.batch

    def report(self) -> dict[str, Any]:
        """What a log line says of it."""
        progress = self._progress
        return {
            "cut": progress.cut or ("failed" if progress.failures else None),
            "rows": progress.batch.counts(deletes=False),
            "deletes": progress.batch.counts(deletes=True),
        }

    def __str__(self) -> str:
        outcome = self.report()
        rows, deletes = sum(outcome["rows"].values()), sum(outcome["deletes"].values())
        ending = f"cut by {outcome['cut']}" if outcome["cut"] else "complete"
        return f"{rows} rows, {deletes} deletes, {ending}."


class Session:
    """A connector with one connection's secrets, in the invocation that runs.

    Raises:
        ConfigurationError: the secrets do not fit.
    """

    def __init__(self, connector: Served, secrets: object, invocation: Invocation) -> None:
        self._connector, self._invocation = connector, invocation
        self._config = self._configured(secrets)
        self._client = connector.client(self._config)

    def _configured(self, secrets: object) -> Any:
        redactor, kind = self._invocation.redactor, self._connector.config
        if kind is None:
            redactor.add(*all_texts(secrets))
            return secrets if isinstance(secrets, Mapping) else {}
        redactor.add(*texts_to_hide(kind, secrets))
        config = read(kind, secrets)
        redactor.add(*secret_texts(config))
        return config

    def tables(self) -> list[Table]:
        """All tables, those included that the source has to be asked for."""
        return self._connector.tables_of(self._client)

    def check(self, state: object) -> None:
        """Run the setup test; the state is as received, and stays so.

        Raises:
            Exception: whatever the connector raises, when it fails.
        """
        kept = credentials_in(state)
        for credentials in self._invocation.single_use:
            credentials.restore(kept)
        try:
            self._connector.run_before(self._client)
            self._connector.run_check(self._client)
        except NoToken as stop:  # a refresh token that holds for one exchange is the first sync's
            logs.warn(
                f"The setup test could not ask the source: {stop.why}. The first sync gets an access token."
            )

    def read(self, received: object, rules: HostRules) -> Ended:
        """Read on from a state as it was received, until everything is read or the budget ends.

        Raises:
            ConnectorError: nothing was read that is worth an answer: the state that was received goes on to hold.
            Exception: whatever the connector raises before its tables are read.
        """
        name = self._connector.name
        state, note = load(received, connector=name, replaces=self._connector.replaces_state)
        if note:
            logs.emit("WARNING", note, connector=name)
        try:
            self._renew_tokens(state)
            self._connector.run_before(self._client)
            tables = self._connector.tables_of(self._client)
        except NoToken as stop:
            logs.emit("INFO", f"This call ends without rows: {stop.why}.", connector=name)
            progress = leave_to_next_call(state, self._invocation, rules)
            return Ended([*self._connector.declared_tables], state, progress)
        return Ended(tables, state, self._read_tables(tables, state, rules))

    def _read_tables(self, tables: list[Table], state: State, rules: HostRules) -> Progress:
        kept = len(encode(state.dump())) + len(schema_json(tables))
        self._invocation.budget.reserve(kept, tables=len(tables), key_sets=sum(map(_key_sets, tables)))
        progress = read_tables(
            tables,
            self._client,
            config=self._config,
            state=state,
            invocation=self._invocation,
            rules=rules,
        )
        for name, error in progress.failures.items():
            logs.emit("ERROR", str(error), connector=self._connector.name, table=name, kind=error.kind)
        return progress

    def _renew_tokens(self, state: State) -> None:
        """Give credentials the tokens that the state keeps of them, and exchange those that do not do for this call.

        One in a call, since an error with the next would lose its tokens.

        Raises:
            NoToken: one was exchanged, and the call has to end with that.
        """
        single_use = self._invocation.single_use
        for credentials in single_use:
            credentials.restore(state.credentials())
        if any(credentials.renewed() for credentials in single_use):
            raise NoToken("new tokens go into the state first")


def _key_sets(table: Table) -> int:
    """How many sets of keys a table may begin in the state: its own, to infer deletes from, and one for each child table."""
    return len(table.keys) - 1 + (table.on_missing != "keep")


def schema_json(tables: list[Table]) -> bytes:
    """The JSON of the keys of all tables, children included."""
    return encode({name: {"primary_key": list(key)} for table in tables for name, key in table.keys.items()})


def efforts(invocation: Invocation) -> dict[str, Any]:
    """What an invocation took, for its log line; the connector's warnings among it."""
    return {
        "seconds": round(invocation.budget.elapsed(), 3),
        "requests": invocation.requests,
        "retries": invocation.retries,
        "waited_seconds": round(invocation.waited_seconds, 3),
        **({"no_rows": dict(invocation.no_rows)} if invocation.no_rows else {}),
        **({"missing_once": some} if (some := dict(islice(invocation.missing_once.items(), 20))) else {}),
        **logs.reported_warnings(invocation),
    }
