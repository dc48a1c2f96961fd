"""A fake of Fivetran's API on this machine that keeps what it is sent, and whose setup tests and syncs call the function.

    with FakeFivetran(description, google) as fivetran:
        fivetran.groups["decent_dropsy"] = Group()       # a destination, and the account that calls its functions
        fivetran.connections                             # by id: configuration, state, and the rows that syncs brought
        fivetran.calls, fivetran.writes()                # every request; those that are no GET
    fivetran.package_url                             # where the uploaded package is run, if it is
        fivetran.fail("POST", "connections", 503)        # the next such request is answered so, and not carried out
        fivetran.fail("POST", "connections", 502, carried_out=True)   # its answer is lost

Every request and every answer is judged by the vendor's description; leaving the block raises what was wrong.
"""

from __future__ import annotations

import base64
import email
import hashlib
import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from vendor_description import Description

from tools.locked.rehearsal.exchanges import DIRECTLY, Answer, Call
from tools.locked.rehearsal.google import FakeGoogle
from tools.locked.rehearsal.listening import listening

Json = dict[str, Any]
KEY, SECRET = "practice-key", "practice-secret-of-the-api"
MASK = "******"
SECRET_KEYS = ("function_trigger", "secrets")


@dataclass
class Group:
    """A destination. `keeps_paused` is one that lets no connection be unpaused; `refuses` is said to every new one."""

    caller: str = "g-decent-dropsy@fivetran-production.iam.gserviceaccount.com"
    keeps_paused: bool = False
    refuses: str = ""


@dataclass
class Made:
    """A connection at Fivetran. `rows` are by table and key, as its syncs loaded them; `hidden` ones this key can't see."""

    id: str
    group: str
    service: str
    config: Json
    paused: bool = True
    schedule_type: str = "auto"
    setup_state: str = "incomplete"
    sync_state: str = "scheduled"
    succeeded_at: str | None = None
    failed_at: str | None = None
    state: Json | None = None
    tasks: list[Json] = field(default_factory=list)
    rows: dict[str, dict[str, Json]] = field(default_factory=dict)
    hidden: bool = False

    @property
    def secrets(self) -> Mapping[str, str]:
        """As the function gets them."""
        if "secrets" in self.config:
            return dict(json.loads(self.config["secrets"]))
        return {one["key"]: one["value"] for one in self.config.get("secrets_list", ())}


class Refusal(Exception):  # noqa: N818 - an answer, not a fault of ours
    """Answered as Fivetran answers an error."""

    def __init__(self, status: int, message: str, code: str = "InvalidInput", wait: str = "") -> None:
        super().__init__(message)
        headers = {"Content-Type": "application/json", **({"Retry-After": wait} if wait else {})}
        self.answer = Answer(status, json.dumps({"code": code, "message": message}).encode(), headers)


@dataclass
class Failure:
    """A failure to come: of which requests, how it is answered, and whether the request is carried out all the same."""

    method: str
    path: re.Pattern[str]
    answer: Answer
    carried_out: bool


class FakeFivetran:
    """The fake; a context manager."""

    def __init__(self, description: Description, google: FakeGoogle) -> None:
        self.description, self.google = description, google
        self.groups: dict[str, Group] = {}
        self.connections: dict[str, Made] = {}
        self.packages: dict[str, bytes] = {}
        self.calls: list[Call] = []
        self.wrong: list[str] = []
        self.failures: list[Failure] = []
        self.filters = True
        self.package_url = ""
        self.package_tests: Callable[[bytes], list[Json]] = lambda _: []  # a package without a form has none
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self.url = f"http://127.0.0.1:{self._stack.enter_context(listening(self.handle, self.calls))}"
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        assert self.wrong == []

    def fail(
        self, method: str, path: str, status: int, message: str = "made to fail", *,
        times: int = 1, carried_out: bool = False, wait: str = "",
    ) -> None:  # fmt: skip
        """Answer the next `times` such requests with an error."""
        answer = Refusal(status, message, "Failure", wait).answer
        self.answer_with(answer, method, path, times=times, carried_out=carried_out)

    def answer_with(
        self, answer: Answer, method: str, path: str, *, times: int = 1, carried_out: bool = False
    ) -> None:
        """Answer the next `times` such requests with anything, which isn't judged."""
        self.failures += [Failure(method, re.compile(path), answer, carried_out)] * times

    def writes(self) -> list[str]:
        """The requests that are no mere look."""
        return [
            f"{call.method} {call.path.removeprefix('/v1/')}" for call in self.calls if call.method != "GET"
        ]

    def only(self) -> Made:
        """The one connection there is."""
        (one,) = self.connections.values()
        return one

    def handle(self, call: Call) -> Answer:
        """The answer to a request, both judged."""
        self._judge(call)
        failure = self._failure(call)
        if failure and not failure.carried_out:
            return failure.answer
        try:
            answer = self._routed(call)
        except Refusal as refusal:
            answer = refusal.answer
        self._judge(call, answer)
        return failure.answer if failure else answer

    def _judge(self, call: Call, answer: Answer | None = None) -> None:
        if problem := self.description.judge(call, answer):
            self.wrong.append(problem)

    def _failure(self, call: Call) -> Failure | None:
        for failure in self.failures:
            if failure.method == call.method and failure.path.search(call.path):
                self.failures.remove(failure)
                return failure
        return None

    def _routed(self, call: Call) -> Answer:
        if (
            call.headers.get("authorization")
            != "Basic " + base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
        ):
            raise Refusal(401, "The API key is invalid", "AuthFailed")
        for method, pattern, route in ROUTES:
            found = re.fullmatch(f"/v1/{pattern}", call.path)
            if found and method == call.method and route == "_download":
                self._package(found[1])
                return Answer(200, self.packages[found[1]], {"Content-Type": "application/zip"})
            if found and method == call.method:
                status, content = getattr(self, route)(call, *found.groups())
                return Answer(status, json.dumps({"code": "Success", "message": "Done", **content}).encode())
        raise Refusal(404, f"No such path: {call.path}", "NotFound")

    # Groups

    def _group(self, name: str) -> Group:
        if name not in self.groups:
            raise Refusal(404, f"Cannot find group with id '{name}'", "NotFound_Group")
        return self.groups[name]

    def _list(self, call: Call, group: str) -> tuple[int, Json]:
        """A page holds one connection, so that paging is needed."""
        self._group(group)
        seen = [one for one in self.connections.values() if one.group == group and not one.hidden]
        found = [
            one
            for one in seen
            if not self.filters or call.query.get("schema") in (None, one.config["schema"])
        ]
        start = int(call.query.get("cursor", "0"))
        following = {"next_cursor": str(start + 1)} if start + 1 < len(found) else {}
        items = [{**self._shown(one), "connected_by": "someone"} for one in found[start : start + 1]]
        return 200, {"data": {"items": items, **following}}

    def _caller(self, _: Call, group: str) -> tuple[int, Json]:
        return 200, {"data": {"service_account": self._group(group).caller}}

    # Connections

    def _create(self, call: Call) -> tuple[int, Json]:
        body = call.body
        group = self._group(body["group_id"])
        if group.refuses:
            raise Refusal(400, group.refuses)
        schema = body["config"]["schema"]
        if any(
            one.group == body["group_id"] and one.config["schema"] == schema
            for one in self.connections.values()
        ):
            raise Refusal(400, f"Connection with schema '{schema}' already exists")
        self._require_package(body)
        made = Made(
            f"made_{len(self.connections) + 1}", body["group_id"], body["service"], dict(body["config"])
        )
        made.schedule_type = body.get("schedule_type", "auto")
        made.paused = body.get("paused", False)
        if body["service"] == "google_cloud_function":
            made.config["service_account_email"] = group.caller
        self.connections[made.id] = made
        return 201, {"data": self._shown(made)}

    def _require_package(self, body: Json) -> None:
        package = body["config"].get("package_id")
        if body["service"] != "connector_sdk":
            return
        if package not in self.packages:
            raise Refusal(400, f"Package '{package}' does not exist")
        if self._user_of(package):
            raise Refusal(400, f"Package '{package}' is used by another connection")

    def _user_of(self, package: str) -> str:
        """The connection that has a package."""
        return next(
            (one.id for one in self.connections.values() if one.config.get("package_id") == package), ""
        )

    def _details(self, _: Call, name: str) -> tuple[int, Json]:
        return 200, {"data": self._shown(self._connection(name))}

    def _change(self, call: Call, name: str) -> tuple[int, Json]:
        made, body = self._connection(name), call.body
        made.config |= body.get("config", {})
        made.schedule_type = body.get("schedule_type", made.schedule_type)
        if "paused" in body:
            made.paused = body["paused"] or self.groups[made.group].keeps_paused
        if body.get("config"):
            made.setup_state = "incomplete"
        if not made.paused and made.schedule_type == "auto" and not made.succeeded_at:
            self._run(made)
        return 200, {"data": self._shown(made)}

    def _test(self, _: Call, name: str) -> tuple[int, Json]:
        made = self._connection(name)
        tests = self._setup_tests(made)
        made.setup_state = "broken" if any(one["status"] == "FAILED" for one in tests) else "connected"
        return 200, {"data": {**self._shown(made), "setup_tests": tests}}

    def _setup_tests(self, made: Made) -> list[Json]:
        if made.service == "connector_sdk" and not self.package_url:
            return self.package_tests(self.packages[made.config["package_id"]])
        status, text = self._ask(made, {"state": {}, "setup_test": True})
        title = "Connecting to the function"
        if status == 200:
            return [{"title": title, "status": "PASSED", "message": ""}]
        message = f"The function answered {status}: {text}"
        return [{"title": title, "status": "FAILED", "message": message}]

    def _sync(self, _: Call, name: str) -> tuple[int, Json]:
        made = self._connection(name)
        if made.paused:
            raise Refusal(409, "The connection is paused", "Conflict")
        self._run(made)
        return 200, {"message": "Sync has been successfully triggered"}

    def _resync(self, _: Call, name: str) -> tuple[int, Json]:
        made = self._connection(name)
        made.state = {}
        self._run(made)
        return 200, {"message": "Re-sync has been triggered successfully"}

    def _state(self, _: Call, name: str) -> tuple[int, Json]:
        made = self._connection(name)
        if made.state is None:
            raise Refusal(400, "The connection has no state yet")
        return 200, {"data": {"state": made.state}}

    def _set_state(self, call: Call, name: str) -> tuple[int, Json]:
        made = self._connection(name)
        if made.sync_state == "syncing" or not made.paused:
            raise Refusal(409, "The connection is not paused", "Conflict")
        made.state = call.body["state"]
        return 200, {"data": {"state": made.state}}

    def _connection(self, name: str) -> Made:
        if name not in self.connections:
            raise Refusal(404, f"Cannot find connection with id '{name}'", "NotFound_Connection")
        return self.connections[name]

    def _shown(self, made: Made) -> Json:
        config: Json = {key: MASK if key in SECRET_KEYS else value for key, value in made.config.items()}
        if "secrets_list" in config:
            config["secrets_list"] = [{"key": one["key"], "value": MASK} for one in config["secrets_list"]]
        ended = {"succeeded_at": made.succeeded_at, "failed_at": made.failed_at}
        return {
            "id": made.id, "group_id": made.group, "service": made.service, "service_version": 1,
            "schema": made.config["schema"], "created_at": "2026-11-27T03:00:00Z", "paused": made.paused,
            "pause_after_trial": False, "schedule_type": made.schedule_type, "sync_frequency": 360,
            "data_delay_sensitivity": "NORMAL", "config": config,
            "status": {
                "setup_state": made.setup_state, "sync_state": made.sync_state if made.sync_state == "syncing" or not made.paused else "paused",
                "update_state": "on_schedule", "is_historical_sync": made.succeeded_at is None, "tasks": made.tasks,
                "warnings": [],
            },
            **{key: value for key, value in ended.items() if value},
        }  # fmt: skip

    # Packages

    def _packages(self, call: Call) -> tuple[int, Json]:
        """A page holds one."""
        start = int(call.query.get("cursor", "0"))
        names = list(self.packages)
        following = {"next_cursor": str(start + 1)} if start + 1 < len(names) else {}
        return 200, {
            "data": {"items": [self._package(name) for name in names[start : start + 1]], **following}
        }

    def _upload(self, call: Call) -> tuple[int, Json]:
        name = f"package_{len(self.packages) + 1}"
        self.packages[name] = _file(call)
        return 201, {"data": self._package(name)}

    def _package_details(self, _: Call, name: str) -> tuple[int, Json]:
        return 200, {"data": self._package(name)}

    def _replace(self, call: Call, name: str) -> tuple[int, Json]:
        self._package(name)
        self.packages[name] = _file(call)
        return 200, {"data": self._package(name)}

    def _package(self, name: str) -> Json:
        if name not in self.packages:
            raise Refusal(404, f"Cannot find package with id '{name}'", "NotFound_Package")
        user = self._user_of(name)
        return {
            "id": name, "created_at": "2026-11-27T03:00:00Z", "updated_at": "2026-11-27T03:00:00Z",
            "created_by": "someone", "last_updated_by": "someone", **({"connection_id": user} if user else {}),
            "file_sha256_hash": hashlib.sha256(self.packages[name]).hexdigest(),
        }  # fmt: skip

    # What calls the function

    def _run(self, made: Made) -> None:
        """A sync: the function, until it has no more; rows and state of each answer are kept together."""
        moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if made.service == "connector_sdk" and not self.package_url:
            made.state, made.succeeded_at = made.state or {}, moment
            return
        for status, answer in self._answers(made):
            if status != 200:
                made.failed_at = moment
                made.tasks = [
                    {"code": "function_failed", "message": f"The function answered {status}: {answer}"}
                ]
                return
        made.succeeded_at, made.tasks = moment, []

    def _answers(self, made: Made) -> Iterator[tuple[int, str]]:
        """Status and text of each call, those that bring rows already loaded."""
        more = True
        while more:
            status, text = self._ask(made, {"state": made.state or {}, "sync_id": "one"})
            if status != 200:
                yield status, text
                return
            answer: Json = json.loads(text)
            _load(made, answer)
            more = answer.get("hasMore", False)
            yield status, text

    def _ask(self, made: Made, body: Json) -> tuple[int, str]:
        """POST to the function, as the group's account."""
        url = made.config.get("function_trigger") or self.package_url
        token = self.google.id_token(url, self.groups[made.group].caller)
        agent = f"Fivetran Google Cloud Functions Connector/{made.id}/{made.config['schema']}"
        content = json.dumps({"agent": agent, "secrets": made.secrets, **body}).encode()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        request = urllib.request.Request(url, content, headers)  # noqa: S310 - the fake's
        try:
            with DIRECTLY.open(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()


def _file(call: Call) -> bytes:
    """The one file of a form."""
    head = f"Content-Type: {call.headers['content-type']}\r\n\r\n".encode()
    _, part = email.message_from_bytes(head + call.body).walk()
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content


def _load(made: Made, answer: Json) -> None:
    """Rows by their key, and the state."""
    keys = {table: one.get("primary_key", []) for table, one in answer.get("schema", {}).items()}
    for table, rows in answer.get("insert", {}).items():
        for row in rows:
            made.rows.setdefault(table, {})[_key(row, keys[table])] = row
    for table, rows in answer.get("delete", {}).items():
        for row in rows:
            made.rows.get(table, {}).pop(_key(row, keys[table]), None)
    made.state = answer["state"]


def _key(row: Json, columns: list[str]) -> str:
    return json.dumps([row[column] for column in columns])


ROUTES = (
    ("GET", r"groups/([^/]+)/connections", "_list"),
    ("GET", r"groups/([^/]+)/service-account", "_caller"),
    ("POST", r"connections", "_create"),
    ("GET", r"connections/([^/]+)", "_details"),
    ("PATCH", r"connections/([^/]+)", "_change"),
    ("POST", r"connections/([^/]+)/test", "_test"),
    ("POST", r"connections/([^/]+)/sync", "_sync"),
    ("POST", r"connections/([^/]+)/resync", "_resync"),
    ("GET", r"connections/([^/]+)/state", "_state"),
    ("PATCH", r"connections/([^/]+)/state", "_set_state"),
    ("GET", r"connector-sdk/packages", "_packages"),
    ("POST", r"connector-sdk/packages", "_upload"),
    ("GET", r"connector-sdk/packages/([^/]+)", "_package_details"),
    ("PATCH", r"connector-sdk/packages/([^/]+)", "_replace"),
    ("GET", r"connector-sdk/packages/([^/]+)/download", "_download"),
)
