"""What a run would change at Fivetran, found out before anything is: as lines for people and as the request's body.

What Fivetran shows is compared. What it masks, the secrets and a function's address, can't be: it is compared with what
this machine last sent, and where that isn't known either, the line says so instead of claiming a difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from tools.locked.connecting.hosts import Host
from tools.locked.connecting.last_sent import Sent
from tools.locked.connecting.secrets_file import Secrets
from tools.locked.declared.deployments import Deployment
from tools.locked.fivetran.answers import Json
from tools.locked.fivetran.connection import CONNECTED, Connection, require_group
from tools.repository.errors import RepositoryError

SCHEDULE_TYPES = {"fivetran": "auto", "airflow": "manual"}


@dataclass(frozen=True)
class Plan:
    """`changes` and `notes` are lines; what the host prepares comes first, then `body`, empty if no setting changes."""

    existing: Connection | None
    changes: tuple[str, ...]
    notes: tuple[str, ...]
    prepare: bool
    test: bool
    unpause: bool
    body: Json = field(repr=False)

    @property
    def is_empty(self) -> bool:
        """Whether everything is as it should be."""
        return not (self.prepare or self.body or self.test or self.unpause)


class Pausing(Enum):
    """Whether a paused connection is unpaused in the end."""

    AS_DECLARED = "one that has never synced is, unless Airflow does it"
    UNPAUSE = "in any case"
    STAY = "not by this run"

    @classmethod
    def of(cls, *, unpause: bool, stay: bool) -> Pausing:
        """From the two options that exclude each other."""
        return cls.UNPAUSE if unpause else cls.STAY if stay else cls.AS_DECLARED


@dataclass(frozen=True)
class Intent:
    """What a connection should be: the deployment, where it runs, the secrets if a file was given, whether to unpause."""

    one: Deployment
    host: Host
    secrets: Secrets | None
    pausing: Pausing = Pausing.AS_DECLARED

    def unpauses(self, *, new: bool) -> bool:
        """Whether a paused connection is to be unpaused; `new` is one that has never synced."""
        declared = new and self.one.schedule != "airflow"
        return self.pausing is Pausing.UNPAUSE or (self.pausing is Pausing.AS_DECLARED and declared)

    @property
    def schedule_type(self) -> str:
        """Fivetran's word for who starts syncs."""
        return SCHEDULE_TYPES[self.one.schedule]

    def plan(self, existing: Connection | None, sent: Sent | None, prepared: Sequence[str] = ()) -> Plan:
        """What is left to do, `prepared` by the host among it. RepositoryError if a new connection has no secrets."""
        if existing is None:
            return self._creation(prepared)
        return _Comparison(self, existing, sent, list(prepared), prepares=bool(prepared)).plan()

    def _creation(self, prepared: Sequence[str]) -> Plan:
        one, secrets = self.one, self.secrets
        if secrets is None:
            raise RepositoryError(
                f"{one.key}: there is no connection yet, and a new one needs its secrets: --secrets FILE, an object of JSON "
                f"({{}} if it needs none; connectors/{one.connector}/README.md lists them)"
            )
        by_airflow = one.schedule == "airflow"
        stays = ("paused, until --unpause",) if self.pausing is Pausing.STAY else ()
        lines = (
            f"a new connection of the service {self.host.service}",
            f"group: {require_group(one)}",
            f"schema: {one.schema}, for ever",
            *prepared,
            *(f"{key}: {value}" for key, value in self.host.place.items()),
            f"secrets: {secrets.keys} (from {secrets})",
            "schedule: Airflow's; manual, and paused until its first run"
            if by_airflow
            else "schedule: Fivetran's",
            *stays,
        )
        body = {
            "group_id": one.group,
            "service": self.host.service,
            "paused": True,
            "run_setup_tests": False,
            "schedule_type": self.schedule_type,
            "config": {"schema": one.schema, **self.host.place, **self.host.secrets(secrets, None)},
        }
        unpause = self.unpauses(new=True)
        return Plan(None, lines, (), prepare=True, test=True, unpause=unpause, body=body)


@dataclass(frozen=True)
class _Comparison:
    """An existing connection beside what it should be."""

    intent: Intent
    there: Connection
    sent: Sent | None
    changes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    prepares: bool = False

    def plan(self) -> Plan:
        config = {**self._place(), **self._secrets()}
        body: Json = {"config": config} if config else {}
        if self._schedule_differs():
            self.changes.append(f"schedule_type: {self.there.schedule_type} -> {self.intent.schedule_type}")
            body["schedule_type"] = self.intent.schedule_type
        if body:
            body["run_setup_tests"] = False
        test = self._untested(changed=self.prepares or bool(config))
        unpause = self._unpause(after=", once the setup test has passed" if test else "")
        return Plan(
            self.there,
            tuple(self.changes),
            tuple(self.notes),
            prepare=self.prepares,
            test=test,
            unpause=unpause,
            body=body,
        )

    def _untested(self, *, changed: bool) -> bool:
        """Whether no setup test says of what is set then that it works."""
        interrupted = self.sent is not None and not self.sent.tested
        return changed or interrupted or self.there.setup_state != CONNECTED

    def _schedule_differs(self) -> bool:
        """Without `schedule: airflow` nothing is declared: who set it to manual at Fivetran meant it."""
        by_airflow = self.intent.one.schedule == "airflow"
        return by_airflow and self.there.schedule_type != self.intent.schedule_type

    def _place(self) -> Json:
        """The address or package, where it differs or, masked, goes along with new secrets."""
        place = self.intent.host.place
        if self.sent is not None and self.sent.holds("place", place) and not self._contradicted(place):
            return {}
        return {key: value for key, value in place.items() if self._differs(key, value)}

    def _contradicted(self, place: Mapping[str, str]) -> bool:
        return any(self.there.shown(key) not in (None, value) for key, value in place.items())

    def _differs(self, key: str, value: str) -> bool:
        shown = self.there.shown(key)
        if shown is not None:
            if shown != value:
                self.changes.append(f"{key}: {shown} -> {value}")
            return shown != value
        if self.sent is not None and "place" in self.sent.parts:
            self.changes.append(f"{key}: not what was sent from here on {self.sent.at} -> {value}")
            return True
        if self.intent.secrets is not None:
            self.changes.append(f"{key}: not shown by Fivetran, so not compared -> {value}")
            return True
        self.notes.append(f"{key}: not shown by Fivetran; left as it is (--secrets FILE sends it, too)")
        return False

    def _secrets(self) -> Json:
        """The secrets, unless this machine knows that it has sent these very ones."""
        secrets, sent = self.intent.secrets, self.sent
        if secrets is None:
            return {}
        keys = self.there.secret_keys
        same_keys = keys is None or sorted(keys) == sorted(secrets.texts)
        if sent is not None and sent.holds("secrets", secrets.texts) and same_keys:
            self.notes.append(
                f"secrets: as sent from here on {sent.at}; Fivetran doesn't show whether they were changed since"
            )
            return {}
        if not secrets.texts and (keys or self.there.config.get("secrets")):
            raise RepositoryError(
                f"{secrets.file}: it holds no secrets, and {self.there.id} has some: {', '.join(keys or ['one text'])}. "
                "If it needs none any more, delete them in Fivetran"
            )
        self.changes.extend(self._secrets_lines(secrets, keys))
        return self.intent.host.secrets(secrets, self.there)

    def _secrets_lines(self, secrets: Secrets, keys: list[str] | None) -> Iterator[str]:
        """What can honestly be said of a change of values that nobody sees."""
        yield f"secrets: all are replaced: {secrets.keys} (from {secrets})"
        if added := [key for key in secrets.texts if key not in (keys or secrets.texts)]:
            yield f"secrets, new: {', '.join(added)}"
        if dropped := [key for key in keys or () if key not in secrets.texts]:
            yield f"secrets, dropped: {', '.join(dropped)}"
        if self.sent is None or "secrets" not in self.sent.parts:
            yield "secrets: Fivetran doesn't show the values there, so whether they differ isn't known"
        elif not self.sent.holds("secrets", secrets.texts):
            yield f"secrets: they differ from those sent from here on {self.sent.at}"

    def _unpause(self, *, after: str) -> bool:
        """A connection that has synced and is paused was paused by somebody, who is asked by --unpause."""
        if not self.there.paused:
            return False
        if self.intent.unpauses(new=not self.there.has_synced):
            self.changes.append(f"paused: true -> false{after}")
            return True
        by_airflow = self.intent.one.schedule == "airflow" and not self.there.has_synced
        why = "until Airflow's first run" if by_airflow else "and stays so without --unpause"
        self.notes.append(f"paused, {why}")
        return False
