"""Secrets in the files that git tracks: Yelp's detect-secrets says what looks like one.

It takes half a millisecond a line, so a file is first searched as a whole with the same detectors' own patterns, and
only one with a hit is scanned. Locks are left out: the check `locks` knows every line of them.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
from detect_secrets.core.scan import scan_file
from detect_secrets.plugins import keyword
from detect_secrets.plugins.base import RegexBasedDetector
from detect_secrets.plugins.high_entropy_strings import HighEntropyStringsPlugin
from detect_secrets.settings import transient_settings

from tools.locked.checks.merge_base import NotCheckedError
from tools.repository.errors import Problem
from tools.repository.model import Repository

GENERAL = {
    "Base64HighEntropyString", "HexHighEntropyString", "KeywordDetector", "BasicAuthDetector", "CloudantDetector",
    "IbmCloudIamDetector", "IbmCosHmacDetector", "SoftlayerDetector",
}  # fmt: skip
"""Detectors that go by what a text is called or how random it is. The others know what a provider's keys look like."""

NEVER = {"IPPublicDetector"}
"""An address is no secret."""

KEYWORD = re.compile("|".join(keyword.DENYLIST), re.IGNORECASE)
"""A word that KeywordDetector goes by: each of its patterns has one of them."""

LOCK = re.compile(r"requirements[\w.-]*\.txt")

FIX = (
    "revoke it, for git keeps what was committed, and take it out; if it opens nothing, "
    "end its line with `# pragma: allowlist secret`"
)


def secret_problems(repository: Repository) -> Iterator[Problem]:
    """Everything in a tracked file that looks like a secret. Raises NotCheckedError where git can't list the files."""
    classes: Iterable[Any] = get_mapping_from_secret_type_to_class().values()
    detectors = {one.__name__: one() for one in classes}
    for path in tracked(repository.root):
        file = repository.root / path
        names = [name for name in detectors if _looks_at(name, path)]
        if file.is_file() and not LOCK.fullmatch(file.name):
            text = file.read_text("utf-8", errors="replace")
            hits = [name for name in names if _may_find(detectors[name], text)]
            yield from _scanned(repository.root, path, hits) if hits else ()


def tracked(root: Path) -> list[str]:
    """The paths of the files that git tracks, those added but not committed among them."""
    try:
        done = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        raise NotCheckedError(
            "this isn't a git repository, so nothing says which files are committed"
        ) from None
    return [path for path in done.stdout.split("\0") if path]


def is_made_up(path: str) -> bool:
    """Whether a file is one where passwords are made up by the dozen: a test, or a practice source."""
    parts = PurePosixPath(path).parts
    return "tests" in parts or (parts[0] == "connectors" and parts[2:] == ("practice.py",))


def _looks_at(name: str, path: str) -> bool:
    if name in NEVER or (name in GENERAL and is_made_up(path)):
        return False
    return name != "KeywordDetector" or not path.endswith(
        ".py"
    )  # in Python, ruff's S105 to S107 look for these


def _may_find(detector: Any, text: str) -> bool:
    """Whether a detector could find something in a line of the text; quick, and never wrongly no."""
    if isinstance(detector, RegexBasedDetector):
        patterns = (re.compile(one.pattern, one.flags | re.MULTILINE) for one in detector.denylist)
        return any(pattern.search(text) for pattern in patterns)
    if isinstance(detector, HighEntropyStringsPlugin):
        found = detector.analyze_string(text)  # no text of its alphabets holds an end of line
        return any(detector.calculate_shannon_entropy(one) > detector.entropy_limit for one in found)
    return bool(KEYWORD.search(text)) if isinstance(detector, keyword.KeywordDetector) else True


def _scanned(root: Path, path: str, detectors: Sequence[str]) -> Iterator[Problem]:
    kinds: dict[int, set[str]] = {}
    with transient_settings({"plugins_used": [{"name": name} for name in detectors]}):
        for secret in scan_file(str(root / path)):
            kinds.setdefault(secret.line_number, set()).add(secret.type)
    for line, found in sorted(kinds.items()):
        # Never its value: what is printed here is kept in CI's logs.
        yield Problem(f"{path}:{line}", f"this looks like a secret ({', '.join(sorted(found))})", FIX)
