"""What has changed since an earlier commit, as git tells it: paths, and groups of deploy.yaml.

A path that was renamed counts at both ends, one that was deleted counts where it was. Where git can't tell, the
answer is not "nothing" but "unknown", with the reason; whoever asks then takes everything as changed.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tools.locked.declared import deployments

MAIN = "main"
"""The branch that is deployed."""


@dataclass(frozen=True)
class Changes:
    """The changed paths, relative to the repository, or None where they can't be known.

    `since` says since when, or why they can't be known. `functions` are the groups of deploy.yaml that are new or
    other than they were; None where that can't be known.
    """

    since: str
    paths: frozenset[str] | None = None
    functions: frozenset[str] | None = None


def changes_since(root: Path, revision: str, *, ancestor: bool = False) -> Changes:
    """The changes between where `revision` and HEAD parted and the working tree, uncommitted ones included.

    With `ancestor` a revision that HEAD doesn't descend from leaves them unknown: after a forced push nobody knows
    what the last run has seen.
    """
    if _git(root, "rev-parse", "--is-shallow-repository") != "false":
        return Changes("git has no whole history here")
    base = _git(root, "merge-base", revision, "HEAD")
    if not base:
        return Changes(f"git knows no common ancestor of HEAD and `{revision}`")
    if ancestor and base != _git(root, "rev-parse", f"{revision}^{{commit}}"):
        return Changes(f"HEAD doesn't descend from `{revision}`")
    changed = _git(root, "diff", "--name-only", "--no-renames", "-z", base, "--")
    new = _git(root, "ls-files", "--others", "--exclude-standard", "-z")
    if changed is None or new is None:
        return Changes(f"git can't compare with {base}")
    paths = frozenset(path for path in f"{changed}\0{new}".split("\0") if path)
    return Changes(f"since {base[:12]}", paths, _changed_functions(root, base, paths))


def _changed_functions(root: Path, base: str, paths: frozenset[str]) -> frozenset[str] | None:
    if deployments.FILE not in paths:
        return frozenset()
    before = _groups(_git(root, "show", f"{base}:{deployments.FILE}"))
    file = root / deployments.FILE
    after = _groups(file.read_text("utf-8") if file.is_file() else "")
    if before is None or after is None:
        return None
    return frozenset(name for name, group in after.items() if group != before.get(name))


def _groups(text: str | None) -> dict[str, Any] | None:
    """The file's groups as plain data; None if it isn't such a file."""
    try:
        data = yaml.safe_load(text) if text is not None else None
    except yaml.YAMLError:
        return None
    return data if isinstance(data, dict) else ({} if text == "" else None)


def _git(root: Path, *arguments: str) -> str | None:
    """What git answers, None if it can't. Ends of lines are cut off, NULs are not."""
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.decode("utf-8", "backslashreplace").strip("\n") if done.returncode == 0 else None
