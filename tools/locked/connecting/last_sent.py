"""What this machine last sent to a connection of what Fivetran never shows again, so that the same need not be sent twice.

Fivetran masks secrets and the trigger's address, so nothing there says whether a file still holds what is set. Kept here
is a fingerprint: scrypt with a salt of its own, from which no value comes back; in .nox/, which git ignores, readable by
its owner alone. It proves what was sent from here, and not that nobody has changed it at Fivetran since: that is said.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets as randomness
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tools.repository.model import Repository

FOLDER = ".nox/connections"

COST = 2**14
"""Of a fingerprint: scrypt's N, some 50 ms, so that short secrets aren't found by trying."""


@dataclass(frozen=True)
class Sent:
    """Fingerprints by part of the configuration (`place`, `secrets`), when they were sent, and whether a test passed since."""

    connection: str
    salt: str
    parts: Mapping[str, str]
    at: str
    tested: bool

    def holds(self, part: str, value: Mapping[str, Any]) -> bool:
        """Whether this very value was what was sent."""
        return self.parts.get(part) == _fingerprint(value, self.salt)


@dataclass(frozen=True)
class LastSent:
    """The file that remembers it for one deployment."""

    file: Path

    @classmethod
    def of(cls, repository: Repository, key: str) -> LastSent:
        """That of the group `key` of deploy.yaml."""
        return cls(repository.root / FOLDER / f"{key}.json")

    def read(self, connection: str) -> Sent | None:
        """What was sent to this connection; None if nothing was from here, or the file can't be read."""
        try:
            sent = Sent(**json.loads(self.file.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        return sent if sent.connection == connection else None

    def write(self, connection: str, parts: Mapping[str, Mapping[str, Any]]) -> None:
        """Remember these parts, of which no test says yet that they work; others of the same connection stay."""
        before = self.read(connection)
        salt = before.salt if before else randomness.token_hex(16)
        made = {part: _fingerprint(value, salt) for part, value in parts.items()}
        kept = dict(before.parts) if before else {}
        moment = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        self._store(Sent(connection, salt, {**kept, **made}, moment, tested=False))

    def tested(self, connection: str) -> None:
        """Remember that a setup test has passed."""
        if (sent := self.read(connection)) and not sent.tested:
            self._store(replace(sent, tested=True))

    def _store(self, sent: Sent) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.file.with_name(f".{self.file.name}-{os.getpid()}")
        unfinished.touch(mode=0o600)
        unfinished.write_text(json.dumps(asdict(sent)), "utf-8")
        unfinished.replace(self.file)


def _fingerprint(value: Mapping[str, Any], salt: str) -> str:
    text = json.dumps(value, sort_keys=True).encode()
    return hashlib.scrypt(text, salt=bytes.fromhex(salt), n=COST, r=8, p=1).hex()
