"""Makes a deployment's connection what it should be, in steps that a second run takes up where the first was ended.

Created paused and in one request with its secrets, tested, and only then unpaused: whatever ends a run in between leaves
a paused connection that the next run finds by its schema. Each step is believed by Fivetran's answer, not by its status.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tools.locked.connecting.agreement import Agreement
from tools.locked.connecting.last_sent import LastSent
from tools.locked.connecting.plan import Intent, Plan
from tools.locked.fivetran.api import WAITS, ApiError, FivetranApi, Json, UnclearError
from tools.locked.fivetran.connection import Connection, created, find
from tools.locked.fivetran.setup_test import run_setup_test
from tools.repository.errors import RepositoryError


@dataclass(frozen=True)
class Connecting:
    """One run: the API, what the connection should be, what was last sent, who agrees, and who gets the lines."""

    api: FivetranApi
    intent: Intent
    last: LastSent
    agreement: Agreement
    say: Callable[[str], None] = print
    done: list[str] = field(default_factory=list)

    def run(self) -> Connection:
        """Everything that is left to do. RepositoryError with what was done before the step that failed."""
        try:
            return self._run()
        except RepositoryError as error:
            if not self.done:
                raise RepositoryError(f"{error}\n{self.intent.one.key}: nothing was changed") from error
            raise RepositoryError(
                f"{error}\n{self.intent.one.key}: done so far: {', '.join(self.done)}; the same command goes on from there"
            ) from error

    def _run(self) -> Connection:
        one = self.intent.one
        existing = find(self.api, one)
        prepared = self.intent.host.changes(self.api, existing)
        plan = self.intent.plan(existing, self.last.read(existing.id) if existing else None, prepared)
        self.say(f"{one.key}: {f'the connection {existing.id}' if existing else 'no connection yet'}")
        for line in (*plan.changes, *plan.notes):
            self.say(f"    {line}")
        if plan.is_empty and existing:
            self.say(f"{one.key}: nothing to do")
            return existing
        if plan.changes:
            self.agreement.ask("Do it?")
        there = self._settled(plan)
        if plan.test:
            self._test(there)
        return self._unpaused(there, plan)

    def _settled(self, plan: Plan) -> Connection:
        """The connection with its settings."""
        if plan.prepare:
            self._prepare(plan)
        if plan.existing is None:
            there = self._create(plan.body)
            self.done.append(f"created {there.id}, paused")
            self._remember(there, plan)
            return there
        if not plan.body:
            return plan.existing
        there = Connection.read(self.api.change(plan.existing.id, plan.body))
        self.done.append("settings changed")
        self._remember(there, plan)
        wanted = plan.body.get("schedule_type", there.schedule_type)
        self._require("schedule_type", there.schedule_type, wanted)
        return there

    def _prepare(self, plan: Plan) -> None:
        """What the host needs first; until a test has passed, no test says that it works."""
        if plan.existing is not None:
            self.last.write(plan.existing.id, {})
        if made := self.intent.host.prepare(self.api, plan.existing):
            self.done.append("package uploaded")
            plan.body["config"] |= made
        elif plan.existing is not None:
            self.done.append("package replaced")

    def _create(self, body: Json) -> Connection:
        """Made once: where an answer was lost, the schema says whether it was."""
        for wait in (*WAITS, None):
            try:
                return created(self.api, self.intent.one, body)
            except UnclearError:
                if wait is None:
                    raise
                self.api.sleep(wait)
                if there := find(self.api, self.intent.one):
                    return there
        raise AssertionError  # the last turn returns or raises

    def _remember(self, there: Connection, plan: Plan) -> None:
        config, host = plan.body.get("config", {}), self.intent.host
        parts: dict[str, Json] = {}
        if set(host.place) & set(config):
            parts["place"] = dict(host.place)
        if self.intent.secrets and {"secrets", "secrets_list"} & set(config):
            parts["secrets"] = dict(self.intent.secrets.texts)
        if parts:
            self.last.write(there.id, parts)

    def _test(self, there: Connection) -> None:
        """The setup test, each message shown. RepositoryError if a part failed: the connection stays as it is."""
        tested = run_setup_test(self.api, there.id, self.say)
        if tested.failed:
            paused = "it stays paused" if there.paused else "it isn't paused, and its next sync may fail, too"
            failed = f"{self.intent.one.key}: the setup test failed ({', '.join(tested.failed)}): {paused}"
            hint = self.intent.host.failing(tested.connection)
            raise RepositoryError("\n".join(filter(None, [failed, hint])))
        self.last.tested(there.id)
        self.done.append("tested")

    def _unpaused(self, there: Connection, plan: Plan) -> Connection:
        key = self.intent.one.key
        if plan.unpause:
            there = Connection.read(self.api.change(there.id, {"paused": False, "run_setup_tests": False}))
            self._require("paused", there.paused, wanted=False)
            self.say(f"{key}: connected as {there.id}; syncs begin by themselves")
        else:
            self.say(f"{key}: connected as {there.id}" + (f", paused{self._until()}" if there.paused else ""))
        return there

    def _until(self) -> str:
        return (
            " until Airflow's first run, which needs that ID" if self.intent.one.schedule == "airflow" else ""
        )

    def _require(self, name: str, found: object, wanted: object) -> None:
        if found != wanted:
            raise ApiError(
                f"Fivetran took {name}: {wanted} and answers {name}: {found}: the group, its plan or the account may not allow it; "
                "look at the connection in Fivetran"
            )
