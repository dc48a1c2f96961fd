"""Packages of the Connector SDK at Fivetran: uploaded, replaced, and known by the SHA-256 of their zip.

A package has no name, and belongs to one connection (https://fivetran.com/docs/rest-api/api-reference/connector-sdk). So
one that was uploaded by a run that ended before it made the connection is found by its hash, and used instead of another.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from tools.locked.fivetran.answers import ApiError, Json
from tools.locked.fivetran.api import FivetranApi
from tools.locked.fivetran.make_once import make_once
from tools.repository.errors import RepositoryError

SHOWN = 12
"""Digits of a hash that a person compares."""


@dataclass(frozen=True)
class Archive:
    """A package's zip on this machine."""

    file: Path
    content: bytes = field(repr=False)

    @classmethod
    def read(cls, file: Path) -> Archive:
        """RepositoryError if it isn't a zip."""
        try:
            content = file.read_bytes()
        except OSError as error:
            raise RepositoryError(f"{file}: {error.strerror}") from error
        if not content.startswith(b"PK"):
            raise RepositoryError(
                f"{file}: this isn't a zip; `--package` takes a package's zip or its ID at Fivetran"
            )
        return cls(file, content)

    @property
    def digest(self) -> str:
        """SHA-256 in hexadecimal, as Fivetran tells it of a package."""
        return hashlib.sha256(self.content).hexdigest()

    def __str__(self) -> str:
        return f"{self.file}, sha256 {self.digest[:SHOWN]}"


def digest_at_fivetran(api: FivetranApi, package: str) -> str:
    """The SHA-256 of what a package holds; empty where Fivetran doesn't tell. RepositoryError if there is no such package."""
    try:
        return _digest(api.package(package))
    except ApiError as error:
        if error.status == 404:
            raise RepositoryError(
                f"Fivetran has no package {package}, or none that this key sees: {error.said}"
            ) from error
        raise


def content_at_fivetran(api: FivetranApi, package: str) -> bytes:
    """The zip that a package holds. RepositoryError if what comes isn't what Fivetran's hash says."""
    content = api.download(package)
    said = digest_at_fivetran(api, package)
    if said and hashlib.sha256(content).hexdigest() != said:
        raise RepositoryError(
            f"Fivetran sends another content of package {package} than the one whose hash it tells"
        )
    return content


def uploaded(api: FivetranApi, archive: Archive) -> str:
    """The id of a package with this content that no connection has: one that is there already, or a new one."""

    def upload() -> str:
        return str(_checked(api.upload(archive.file.name, archive.content), archive)["id"])

    def unused() -> str | None:
        same = (one for one in api.packages() if _digest(one) == archive.digest)
        return next((str(one["id"]) for one in same if not one.get("connection_id")), None)

    return unused() or make_once(api, upload, unused)


def replace(api: FivetranApi, package: str, archive: Archive) -> None:
    """Give a package another content, which its connection's next sync runs."""
    _checked(api.replace_package(package, archive.file.name, archive.content), archive)


def _checked(answer: Json, archive: Archive) -> Json:
    """What arrived is what was sent. RepositoryError if Fivetran tells another hash."""
    if (arrived := _digest(answer)) and arrived != archive.digest:
        raise RepositoryError(
            f"{archive.file}: sha256 {archive.digest[:SHOWN]} was sent, and Fivetran has {arrived[:SHOWN]}: the same command sends it again"
        )
    return answer


def _digest(data: Json) -> str:
    return str(data.get("file_sha256_hash") or "").lower()
