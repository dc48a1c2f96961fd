"""What main has: the commit where this branch left it, as git tells it.

On main itself, with nothing ahead of it, the merge base is HEAD, and only uncommitted changes differ from it.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tools.locked.ci.changes import changes_since

MAINS = ("origin/main", "main")
"""Where main is looked for: as others have it, then as this clone has."""


class NotCheckedError(Exception):
    """A check could not be made here; `str()` says why, and what would make it possible."""


@dataclass(frozen=True)
class MergeBase:
    """A commit of the repository at `root`, and the paths that differ from it now."""

    root: Path
    commit: str
    paths: frozenset[str]

    @classmethod
    def of(cls, root: Path) -> MergeBase:
        """The merge base of HEAD and main. Raises NotCheckedError where git can't tell it."""
        if _git(root, "rev-parse", "--show-toplevel") is None:
            raise NotCheckedError("this isn't a git repository, so nothing says what main has")
        if _git(root, "rev-parse", "--is-shallow-repository") != "false":
            raise NotCheckedError("this clone is shallow: `git fetch --unshallow` fetches what main has")
        for name in MAINS:
            if commit := _git(root, "merge-base", "HEAD", name):
                return cls(root, commit, changes_since(root, commit).paths or frozenset())
        raise NotCheckedError(
            "there is neither origin/main nor main here: `git fetch origin main` fetches it"
        )

    def text(self, path: Path) -> str | None:
        """A file as it was there; None if it wasn't."""
        return _git(self.root, "show", f"{self.commit}:{path.relative_to(self.root).as_posix()}")

    def changed_under(self, folder: Path) -> list[str]:
        """The changed paths under a folder, sorted and relative to the repository."""
        inside = folder.relative_to(self.root)
        return sorted(path for path in self.paths if PurePosixPath(path).is_relative_to(inside))


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.decode("utf-8", "replace").removesuffix("\n") if done.returncode == 0 else None
