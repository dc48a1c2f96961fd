"""What a rehearsal asks the served function, each time through its address at the fake of Google, as its deployer may.

Without secrets, then Fivetran's setup test and a whole sync by the emulator, from the connector's practice source.
"""

from __future__ import annotations

import json
import re
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.local.processes import descriptor_path, unnamed_file
from tools.locked.rehearsal.exchanges import DIRECTLY
from tools.locked.rehearsal.functions import LiveFunction
from tools.locked.rehearsal.google import FakeGoogle
from tools.repository.errors import RepositoryError

REQUIRED = re.compile(r"^\| `([^`]+)` \| .* \| required \|", re.MULTILINE)
"""A secret that must be given, in what `python -m fivetran_runtime.describe` prints."""

BARE = {"agent": "rehearsal", "state": {}, "secrets": {}}


@dataclass(frozen=True)
class Reply:
    """An answer of the function: status, the JSON of its body (None if it isn't JSON), and the start of its text."""

    status: int
    document: Any
    text: str


def ask(google: FakeGoogle, live: LiveFunction, body: Mapping[str, Any]) -> Reply:
    """POST to the function's address with an ID token for it."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {google.id_token(live.url)}"}
    request = urllib.request.Request(live.url, json.dumps(body).encode(), headers)  # noqa: S310 - the fake's
    try:
        with DIRECTLY.open(request, timeout=live.timeout) as answer:
            status, content = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            status, content = error.code, error.read()
    try:
        document = json.loads(content)
    except ValueError:
        document = None
    return Reply(status, document, content[:2000].decode(errors="replace"))


def status_for_strangers(live: LiveFunction) -> int:
    """The status of a call without a token. RepositoryError if that is an answer of the function."""
    request = urllib.request.Request(live.url, json.dumps(BARE).encode())  # noqa: S310 - the fake's
    try:
        with DIRECTLY.open(request):
            raise RepositoryError(f"{live.name} answers whoever calls it: it isn't private")
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def configuration_error(google: FakeGoogle, live: LiveFunction, description: str, version: str) -> str:
    """What the function says without secrets: the error that names every required key and what runs.

    RepositoryError if it says anything else. `description` is what its code says of its secrets; version and bundle
    are named where the deploy passed the function its bundle.
    """
    required = REQUIRED.findall(description)
    reply = ask(google, live, BARE)
    message = reply.document.get("errorMessage", "") if isinstance(reply.document, dict) else ""
    if not required:
        return f"HTTP {reply.status}; it requires no secret"
    bundle = live.variables.get("FIVETRAN_BUNDLE")
    wanted = [*required, *([version, bundle] if bundle else [])]
    missing = [word for word in wanted if word not in message]
    if reply.status != 500 or missing or reply.document.get("errorType") != "configuration":
        raise RepositoryError(
            f"asked without secrets, it should name {', '.join(wanted)}, and answered HTTP {reply.status}:\n{reply.text}"
        )
    return f"HTTP {reply.status}: {message}"


def any_answer(google: FakeGoogle, live: LiveFunction) -> str:
    """What a function written by hand says without secrets: that it answers is all there is to ask."""
    reply = ask(google, live, BARE)
    return f"HTTP {reply.status}: {' '.join(reply.text.split())[:160]}"


@dataclass(frozen=True)
class Emulator:
    """The emulator's command with what every call of it needs: the function's address, its token and the secrets."""

    program: Path
    live: LiveFunction
    token: str
    secrets: Mapping[str, object]

    def setup_test(self) -> dict[str, Any]:
        """Fivetran's setup test; the emulator's document. RepositoryError if it isn't passed."""
        return self._document("check-setup", [])

    def sync(self, warehouse: Path, schema: str) -> dict[str, Any]:
        """A whole sync into a new warehouse; the emulator's document. RepositoryError if it isn't complete."""
        return self._document("sync", ["--warehouse", str(warehouse), "--schema", schema])

    def rows(self, warehouse: Path, schema: str, tables: Sequence[str]) -> dict[str, int]:
        """The rows of each table, counted in the warehouse."""
        counts = " UNION ALL ".join(
            f'SELECT \'{table}\' AS table_name, count(*) AS row_count FROM "{schema}"."{table}"'  # noqa: S608 - names of the warehouse itself
            for table in tables
        )
        command = [
            str(self.program),
            "query",
            "--warehouse",
            str(warehouse),
            "--json",
            "--rows=100000",
            "--",
            counts,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RepositoryError(f"the warehouse can't be asked:\n{done.stderr.strip()}")
        return {str(row["table_name"]): int(row["row_count"]) for row in json.loads(done.stdout)}

    def _document(self, name: str, options: Sequence[str]) -> dict[str, Any]:
        with unnamed_file(json.dumps(self.secrets)) as secrets, unnamed_file(self.token) as token:
            command = [
                str(self.program), name, "--url", self.live.url, "--secrets", descriptor_path(secrets),
                "--id-token", f"@{descriptor_path(token)}", "--profile", f"gen{self.live.generation}", "--json", *options,
            ]  # fmt: skip
            descriptors = [secrets.fileno(), token.fileno()]
            done = subprocess.run(command, capture_output=True, text=True, pass_fds=descriptors, check=False)
        try:
            document: dict[str, Any] = json.loads(done.stdout)
        except ValueError:
            document = {}
        if done.returncode:
            problems = document.get("error", {}).get("problems") or [done.stderr.strip()]
            raise RepositoryError(f"{name} (exit {done.returncode}):\n" + "\n".join(map(str, problems)))
        return document
