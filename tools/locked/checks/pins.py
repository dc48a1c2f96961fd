"""Reads locks as pip would: is everything pinned and hashed, and does it fit what was asked for?"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from tools.environments.locks import Lock
from tools.repository.errors import Problem, at
from tools.repository.model import Repository


@dataclass(frozen=True)
class Pin:
    """One distribution of a lock: its normalized name, version, number of hashes, and line."""

    name: str
    version: str
    hashes: int
    line: int


def pins_of(text: str) -> Iterator[Pin | tuple[int, str]]:
    """The pins of a lock; for a line that isn't one, its number and text."""
    for number, words in _entries(text):
        spec, *options = words.split(" --")
        pinned = _exact(spec.strip())
        hashes = sum(option.startswith("hash=sha256:") for option in options)
        yield Pin(*pinned, hashes, number) if pinned else (number, spec.strip())


def _entries(text: str) -> Iterator[tuple[int, str]]:
    """The lock's logical lines, those that end in a backslash joined with the next, and where each begins."""
    words: list[str] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not words and (not line.strip() or line.lstrip().startswith("#")):
            continue
        words.append(line.removesuffix("\\").strip())
        if not line.endswith("\\"):
            yield number + 1 - len(words), " ".join(words)
            words = []
    if words:
        yield text.count("\n") + 2 - len(words), " ".join(words)


@cache  # a thousand locks hold the same few hundred pins
def _exact(spec: str) -> tuple[str, str] | None:
    """The normalized name and the version of a requirement that allows one version only: `A_b==1.0` -> a-b, 1.0."""
    try:
        requirement = Requirement(spec)
    except InvalidRequirement:
        return None
    exact = re.fullmatch(r"==([^,*]+)", str(requirement.specifier))
    return (canonicalize_name(requirement.name), exact[1]) if exact and not requirement.url else None


def pin_problems(repository: Repository, lock: Lock) -> Iterator[Problem]:
    """What is unpinned, unhashed, missing, too old or too new in a lock, or ours and so not to be there at all."""
    if not lock.file.is_file():
        return
    ours = {package.distribution for package in repository.packages.values()}
    found: dict[str, list[Pin]] = {}
    for entry in pins_of(lock.file.read_text("utf-8")):
        line, what = (
            (entry.line, _pin_problem(entry, ours))
            if isinstance(entry, Pin)
            else (entry[0], f"`{entry[1]}` isn't one exact version")
        )
        if isinstance(entry, Pin):
            found.setdefault(entry.name, []).append(entry)
        if what:
            yield Problem(at(lock.file, repository.root, line), what, f"run `{lock.command}`")
    for what in _unmet(lock, found, ours):
        yield Problem(at(lock.file, repository.root), what, f"run `{lock.command}`")


def _pin_problem(pin: Pin, ours: Container[str]) -> str:
    if pin.name in ours:
        return f"{pin.name} is of this repository: an index is never to be asked for it"
    return "" if pin.hashes else f"{pin.name} has no hash"


def _unmet(lock: Lock, found: Mapping[str, list[Pin]], ours: Container[str]) -> Iterator[str]:
    """Direct requirements that the pins don't meet. One with a marker may rightly be absent."""
    for requirement in map(_requirement, lock.inputs["requires"]):
        name = canonicalize_name(requirement.name)
        if name in ours or requirement.marker:
            continue
        if name not in found:
            yield f"{name} is required but not pinned"
        for pin in found.get(name, ()):
            if not _fits(requirement, pin.version):
                yield f"{name} is pinned to {pin.version}, but {requirement.specifier} is asked for"


_requirement = cache(Requirement)


@cache
def _fits(requirement: Requirement, version: str) -> bool:
    return requirement.specifier.contains(version, prereleases=True)
