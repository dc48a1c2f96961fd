"""What is done to a connection that exists: its status, pause, a sync, a re-sync, its state."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.locked.connecting.agreement import Agreement
from tools.locked.connecting.declared_secrets import declared_secrets
from tools.locked.connecting.state_file import as_text, keep, read_state
from tools.locked.declared.deployments import Deployment
from tools.locked.fivetran.answers import ApiError, Json
from tools.locked.fivetran.api import FivetranApi
from tools.locked.fivetran.connection import Connection, find
from tools.repository.errors import RepositoryError, at
from tools.repository.model import Repository

SYNCING = "syncing"


@dataclass(frozen=True)
class LookingAfter:
    """The deployment's connection: the API, who agrees to what can't be taken back, and who gets the lines."""

    api: FivetranApi
    repository: Repository
    one: Deployment
    agreement: Agreement
    say: Callable[[str], None] = print

    def there(self) -> Connection:
        """The connection. RepositoryError if there is none."""
        found = find(self.api, self.one)
        if found is None:
            raise RepositoryError(
                f"{self.one.key}: no connection has the schema {self.one.schema} in the group {self.one.group}; "
                f"`nox -s connect -- {self.one.key} --secrets FILE` makes it"
            )
        return found

    def status(self) -> None:
        """Print what Fivetran says of it."""
        for line in self._status_lines(self.there()):
            self.say(line)

    def _status_lines(self, there: Connection) -> Iterator[str]:
        yield f"{self.one.key}: the connection {there.id} ({there.service}), schema {there.schema}, group {self.one.group}"
        yield f"    paused: {'yes' if there.paused else 'no'}; schedule: {there.schedule_type}"
        yield f"    setup: {there.setup_state}; sync: {there.sync_state}"
        yield f"    last success: {there.succeeded_at or 'never'}; last failure: {there.failed_at or 'never'}"
        yield from (f"    {alert}" for alert in there.alerts)

    def pause(self) -> None:
        """No sync begins any more, by schedule or Airflow, until it is unpaused."""
        there = self.there()
        if there.paused:
            self.say(f"{self.one.key}: {there.id} is paused already")
            return
        after = Connection.read(self.api.change(there.id, {"paused": True, "run_setup_tests": False}))
        if not after.paused:
            raise RepositoryError(
                f"{self.one.key}: Fivetran took the pause and answers that {there.id} isn't paused: look at it there"
            )
        self.say(
            f"{self.one.key}: {there.id} is paused; `nox -s connect -- {self.one.key} --unpause` goes on"
        )

    def sync(self) -> None:
        """Start a sync now; one that runs goes on."""
        there = self._unpaused()
        self.say(f"{self.one.key}: {self.api.sync(there.id)}; --status shows how it ends")

    def resync(self) -> None:
        """Have everything read again, from an empty state."""
        there = self._unpaused()
        self.say(f"{self.one.key}: {there.id} forgets its state, and reads all of its source again")
        if (self._state_before(there) or {}).get("kept"):
            self.say(
                "    its state keeps tokens: put a new refresh token into the secrets first, or set a state with `kept` alone"
            )
        self.agreement.ask("Re-sync it?")
        self.say(f"{self.one.key}: {self.api.resync(there.id)}; --status shows how it ends")

    def _unpaused(self) -> Connection:
        there = self.there()
        if there.paused:
            raise RepositoryError(
                f"{self.one.key}: {there.id} is paused, so nothing would start: `nox -s connect -- {self.one.key} --unpause` first"
            )
        return there

    def state(self) -> None:
        """Print the state that the next sync begins with, as JSON."""
        self.say(as_text(self._state(self.there())))

    def set_state(self, file: Path) -> None:
        """Replace the state by a file's, of a paused connection; the one before is kept in build/, in a file of its own.

        RepositoryError, with nothing changed, if the file isn't an object, the connection isn't paused or a sync runs.
        """
        of_runtime = declared_secrets(self.repository, self.one.connector) is not None
        state, there = read_state(file, of_runtime=of_runtime), self.there()
        if not there.paused or there.sync_state == SYNCING:
            raise RepositoryError(
                f"{self.one.key}: {there.id} {'is syncing' if there.sync_state == SYNCING else 'is not paused'}, and a sync would overwrite "
                f"the state: `nox -s connect -- {self.one.key} --pause`, and wait until --status shows no sync"
            )
        before = self._state_before(there)
        if before == state:
            self.say(f"{self.one.key}: nothing to do, {there.id} has this state")
            return
        self._show_change(before, state)
        self.agreement.ask("Replace the state?")
        if before is not None:
            kept = keep(before, self.repository.root / "build", self.one.key)
            self.say(f"{self.one.key}: the state before is kept in {at(kept, self.repository.root)}")
        if self._sent(there, state) != state:
            raise RepositoryError(
                f"{self.one.key}: Fivetran took the state and shows another one: look at --state before you unpause it"
            )
        self.say(f"{self.one.key}: {there.id} has the state of {file}; it is paused still")

    def _sent(self, there: Connection, state: Json) -> Json:
        try:
            return self.api.set_state(there.id, state)
        except ApiError as error:
            if error.status == 400:
                raise RepositoryError(
                    f"{error}\n    before a first sync Fivetran may take no state: --unpause, --pause as soon as --status shows the sync, and "
                    "set it when that has ended"
                ) from error
            raise

    def _state(self, there: Connection) -> Json:
        try:
            return self.api.state(there.id)
        except ApiError as error:
            if error.status == 400:
                raise RepositoryError(
                    f"{self.one.key}: {there.id} has no state yet; its first sync makes one"
                ) from error
            raise

    def _state_before(self, there: Connection) -> Json | None:
        """The state that is about to be replaced; None before the first sync."""
        try:
            return self.api.state(there.id)
        except ApiError as error:
            if error.status == 400:
                return None
            raise

    def _show_change(self, before: Json | None, after: Json) -> None:
        for key in sorted({*(before or {}), *after}):
            old, new = (before or {}).get(key), after.get(key)
            if old != new:
                self.say(f"    {key}: {_shortened(old)} -> {_shortened(new)}")
        if not after:
            self.say("    an empty state: the next sync reads everything again")


def _shortened(value: object) -> str:
    text = "nothing" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 100 else f"{text[:90]}... ({len(text):,} characters)"
