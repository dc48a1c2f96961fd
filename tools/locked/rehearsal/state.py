"""What the fake of Google knows, and the table of the requests it answers."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime

from tools.locked.rehearsal.exchanges import Answer, Call, Failure, Serve
from tools.locked.rehearsal.functions import Builder, LiveFunction, Resource, build
from tools.locked.rehearsal.identity import Identity

Route = Callable[..., Resource | Answer]
ROUTES: list[tuple[str, str, str | None, Route]] = []
"""Method, path, the permission asked for (None: no token is needed) and who answers."""


def route(method: str, path: str, permission: str | None) -> Callable[[Route], Route]:
    """Have the method answer these requests; the groups of the path's pattern are its arguments."""

    def register(route: Route) -> Route:
        ROUTES.append((method, path, permission, route))
        return route

    return register


class State:
    """Functions, uploads, operations and what a test makes go wrong; requests come from several gclouds at once."""

    url: str
    """The fake's own address, without a slash at the end."""

    def __init__(self, *, project: str = "fake-project", serve: Serve | None = None) -> None:
        self.project = project
        self.deployer = f"deployer@{project}.iam.gserviceaccount.com"
        self.calls: list[Call] = []
        self.functions: dict[str, LiveFunction] = {}
        self.uploads: dict[str, bytes] = {}
        self.forbidden: set[str] = set()
        self.build: Builder = build
        self.serve: Serve = serve or (lambda *_: Answer(503, b"nothing serves this function"))
        self.identity = Identity()
        self._failures: list[tuple[str, re.Pattern[str], Failure]] = []
        self._operations: dict[str, Resource] = {}
        self._number = 0
        self._lock = threading.RLock()
        self._stack = ExitStack()

    def address(self, path: str) -> str:
        """Where a function is called."""
        _, project, _, region, _, name = path.split("/")
        return f"{self.url}/call/{project}/{region}/{name}"

    def access_token(self, account: str | None = None) -> str:
        """An access token of the deployer, or of another account."""
        return self.identity.access_token(account or self.deployer)

    def id_token(self, audience: str, account: str | None = None) -> str:
        """An ID token of the deployer, or of another account, for that audience."""
        return self.identity.id_token(account or self.deployer, audience)

    def next_name(self, kind: str) -> str:
        """A name that nothing else has, such as `upload-7`."""
        self._number += 1
        return f"{kind}-{self._number}"


def now(later: float = 0) -> str:
    """The moment, or one so many seconds later, as Google writes it."""
    return datetime.fromtimestamp(datetime.now(UTC).timestamp() + later, UTC).strftime(
        "%Y-%m-%dT%H:%M:%S.%fZ"
    )
