"""Whether what was deployed is what answers: one POST without secrets, right after a deploy.

A connector on the runtime answers with the configuration error, which names the required keys, its version and its
bundle; a plain one passes if our process answered and not Google in its place. Fivetran's setup test, with secrets,
belongs to connecting. The request is a setup test so that a connector that needs no secrets reads no rows.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import requests

from tools.locked.deploying.google_api import CannotAskError, GoogleApi
from tools.locked.deploying.live import LiveFunction
from tools.locked.deploying.release import Release
from tools.repository.model import Project, Repository

REQUEST: dict[str, Any] = {
    "agent": "fivetran-connectors smoke test",
    "state": {},
    "secrets": {},
    "setup_test": True,
}
SECONDS = 60
"""How long an answer may take, a cold start included."""

WAITS = (2.0, 5.0, 10.0, 20.0)
"""Seconds between tries: an old instance may answer for a moment, or Google in the place of a new one."""

REPORT_HEADER = "X-Connector-Invocation"
"""In which the runtime tells connector, version and bundle with every answer."""

CRASH = ("X-Google-Status", "crash")
"""How the functions-framework marks what a function of ours raised."""

WERKZEUG_PAGE = re.compile(r"<!doctype html>\s*<html lang=en>\s*<title>")
"""The page of the functions-framework's web server; Google's own pages begin otherwise."""


class Result(Enum):
    """What a smoke test ends with. `CANNOT_ASK` says nothing about the function."""

    PASSED = "passed"
    FAILED = "failed"
    CANNOT_ASK = "cannot ask"


@dataclass(frozen=True)
class Outcome:
    """The result and the sentence that goes with it."""

    result: Result
    why: str


@dataclass(frozen=True)
class Expected:
    """Who should answer: the release, whether through the runtime, and the secrets it can't do without, where known."""

    release: Release
    on_runtime: bool
    required: tuple[str, ...] | None


@dataclass(frozen=True)
class Answer:
    """A function's answer, headers by lower-case name."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def document(self) -> dict[str, Any] | None:
        """The body as a JSON object, if it is one."""
        try:
            data = json.loads(self.text)
        except ValueError:
            return None
        return data if isinstance(data, dict) else None

    @property
    def shown(self) -> str:
        """For people: status and the body's beginning."""
        return f"{self.status} {' '.join(self.text.split())[:200]}".strip()


def expected_of(repository: Repository, project: Project, release: Release) -> Expected:
    """Who should answer for a connector: read from its files, for the tools never import it."""
    on_runtime = any(
        package.name == "fivetran-runtime" for package in repository.local_dependencies(project, test=False)
    )
    handled = re.search(r"^main = \w+\.handler$", project.init_file.read_text("utf-8"), re.MULTILINE)
    return Expected(release, on_runtime and handled is not None, _required(project, release))


def _required(project: Project, release: Release) -> tuple[str, ...] | None:
    """The required secrets that tests/released.json records for this version; None where it doesn't."""
    file = project.path / "tests" / "released.json"
    try:
        for one in json.loads(file.read_text("utf-8"))["releases"]:
            if one["version"] == release.shown_version:
                return tuple(key for key, need in one["secrets"].items() if need == "required")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return None


def smoke_test(
    api: GoogleApi, live: LiveFunction, expected: Expected, *, sleep: Callable[[float], None] = time.sleep
) -> Outcome:
    """Ask the function; a failure again after a pause, for the platform may still be switching over."""
    try:
        token = api.id_token(live.url)
    except CannotAskError as error:
        return Outcome(Result.CANNOT_ASK, f"no identity token for {api.who.account}: {error}")
    outcome = _ask(live.url, token, expected)
    for wait in WAITS:
        if outcome.result is not Result.FAILED:
            break
        sleep(wait)
        outcome = _ask(live.url, token, expected)
    return outcome


def _ask(url: str, token: str, expected: Expected) -> Outcome:
    headers = {"Authorization": f"Bearer {token}"}
    try:
        response = requests.post(url, json=REQUEST, headers=headers, timeout=SECONDS, allow_redirects=False)
    except requests.Timeout:
        return Outcome(Result.FAILED, f"no answer within {SECONDS} s")
    except requests.RequestException as error:
        return Outcome(Result.CANNOT_ASK, f"{url} can't be reached: {type(error).__name__}")
    lower = {name.lower(): value for name, value in response.headers.items()}
    return judge(Answer(response.status_code, lower, response.text), expected)


def judge(answer: Answer, expected: Expected) -> Outcome:
    """What an answer says of the release that should have given it."""
    if not is_ours(answer):
        if answer.status in (401, 403):
            return Outcome(
                Result.CANNOT_ASK, f"Google answers {answer.status}: the deployer isn't an Invoker"
            )
        return Outcome(Result.FAILED, f"Google answers in the function's place: {answer.shown}")
    if not expected.on_runtime:
        return Outcome(Result.PASSED, f"our process answered: {answer.status}")
    return _judge_runtime(answer, expected)


def _judge_runtime(answer: Answer, expected: Expected) -> Outcome:
    document, release = answer.document or {}, expected.release
    message = str(document.get("errorMessage", ""))
    refused = document.get("errorType") == "configuration" and message.startswith("Secrets:")
    report = message if refused else answer.headers.get(REPORT_HEADER.lower(), "")
    if missing := [word for word in (release.version, release.bundle) if not _names(report, word)]:
        return Outcome(Result.FAILED, f"the answer doesn't name {' or '.join(missing)}: {answer.shown}")
    if not refused and expected.required:
        return Outcome(Result.FAILED, f"without secrets a configuration error was expected: {answer.shown}")
    if unnamed := [key for key in expected.required or () if not _names(message, key)]:
        return Outcome(
            Result.FAILED, f"the configuration error doesn't name {', '.join(unnamed)}: {answer.shown}"
        )
    named = f", which names {', '.join(expected.required)}" if expected.required else ""
    return Outcome(
        Result.PASSED, f"{release} answers{' with the configuration error' if refused else ''}{named}"
    )


def is_ours(answer: Answer) -> bool:
    """Whether our process answered, and not Google's front end in its place.

    Ours: a JSON object that isn't Google's error, any success, the functions-framework's mark of a crash or its web
    server's page. Google's: its HTML pages, "Rate exceeded.", `{"error": ...}`.
    """
    name, value = CRASH
    if answer.headers.get(name.lower()) == value or answer.status < 300:
        return True
    document = answer.document
    if document is not None:
        return not isinstance(document.get("error"), dict)
    return WERKZEUG_PAGE.match(answer.text) is not None


def _names(text: str, word: str) -> bool:
    return re.search(rf"(?<![\w.-]){re.escape(word)}(?![\w-])", text) is not None
