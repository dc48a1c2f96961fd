"""Reads locks as pip would: is everything pinned and hashed, and does it fit what was asked for?"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from tools.environments.locks import Lock
from tools.repository.errors import Problem, at
from tools.repository.model import Repository

CONTINUED = re.compile(r"\\\n\s*")


@dataclass(frozen=True)
class Pin:
    """One distribution of a lock: its normalized name, version, number of hashes, and line."""

    name: str
    version: str
    hashes: int
    line: int


def pins_of(text: str) -> Iterator[Pin | tuple[int, str]]:
    """The pins of a lock; for a line that isn't one, its number and text."""
    line = 1
    for entry in re.split(r"(?<!\\)\n", text):
        words = CONTINUED.sub(" ", entry).strip()
        if words and not words.startswith("#"):
            spec, *options = re.split(r"\s+(?=--)", words)
            pin = _pin(spec, options, line)
            yield pin or (line, spec)
        line += entry.count("\n") + 1


def _pin(spec: str, options: list[str], line: int) -> Pin | None:
    try:
        requirement = Requirement(spec)
    except InvalidRequirement:
        return None
    exact = re.fullmatch(r"==([^,*]+)", str(requirement.specifier))
    if exact is None or requirement.url:
        return None
    hashes = sum(option.startswith("--hash=sha256:") for option in options)
    return Pin(canonicalize_name(requirement.name), exact[1], hashes, line)


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
    for requirement in map(Requirement, lock.inputs["requires"]):
        name = canonicalize_name(requirement.name)
        if name in ours or requirement.marker:
            continue
        if name not in found:
            yield f"{name} is required but not pinned"
        for pin in found.get(name, ()):
            if not requirement.specifier.contains(pin.version, prereleases=True):
                yield f"{name} is pinned to {pin.version}, but {requirement.specifier} is asked for"
