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
from tools.locked.connecting.progress import Progress
from tools.locked.fivetran.answers import ApiError, Json, UnclearError
from tools.locked.fivetran.api import FivetranApi
from tools.locked.fivetran.connection import Connection, created, find
from tools.locked.fivetran.make_once import make_once
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
    progress: Progress = field(default_factory=Progress)

    def run(self) -> Connection:
        """Everything that is left to do. RepositoryError with what was done before the step that failed."""
        key = self.intent.one.key
        try:
            return self._run()
        except RepositoryError as error:
            if not isinstance(error, UnclearError):
                self.progress.answered()
            raise RepositoryError(f"{error}\n{key}: {self.progress}") from error
        except KeyboardInterrupt:
            self.say(f"{key}: interrupted; {self.progress}")
            raise

    def _run(self) -> Connection:
        one = self.intent.one
        existing = find(self.api, one)
        prepared = self.intent.host.changes(self.api, existing)
        plan = self.intent.plan(existing, self.last.read(existing.id) if existing else None, prepared)
        self.say(f"{one.key}: {_ahead(plan)}")
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
            self._remember(there, plan)
            return there
        if not plan.body:
            return plan.existing
        self.progress.sends("the settings were changed")
        there = Connection.read(self.api.change(plan.existing.id, plan.body))
        self.progress.answered("settings changed")
        self._remember(there, plan)
        wanted = plan.body.get("schedule_type", there.schedule_type)
        self._require("schedule_type", there.schedule_type, wanted)
        return there

    def _prepare(self, plan: Plan) -> None:
        """What the host needs first; until a test has passed, no test says that it works."""
        if plan.existing is not None:
            self.last.write(plan.existing.id, {})
        done = "uploaded" if plan.existing is None else "replaced"
        self.progress.sends(f"the package was {done}")
        made = self.intent.host.prepare(self.api, plan.existing)
        self.progress.answered(*([f"package {done}"] if made or plan.existing else []))
        if made:
            plan.body["config"] |= made

    def _create(self, body: Json) -> Connection:
        """Made once: where an answer was lost, the schema says whether it was."""
        api, one = self.api, self.intent.one
        self.progress.sends("the connection was created")
        there = make_once(api, lambda: created(api, one, body), lambda: find(api, one))
        self.progress.answered(f"created {there.id}, paused")
        return there

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
        self.progress.answered("tested")

    def _unpaused(self, there: Connection, plan: Plan) -> Connection:
        key = self.intent.one.key
        if plan.unpause:
            self.progress.sends("it was unpaused")
            there = Connection.read(self.api.change(there.id, {"paused": False, "run_setup_tests": False}))
            self._require("paused", there.paused, wanted=False)
            self.progress.answered("unpaused")
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


def _ahead(plan: Plan) -> str:
    """What there is, before the lines that say what will be changed."""
    there = f"the connection {plan.existing.id}" if plan.existing else "no connection yet"
    if not plan.changes:
        return there
    return f"{there}, to be {'changed' if plan.existing else 'made'}:"
