"""What git says of this clone and of a commit that is live."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from tempfile import TemporaryDirectory

from tools.locked.deploying.release import DIRTY
from tools.repository.errors import RepositoryError


class Relation(Enum):
    """Where a live commit stands, seen from this clone's HEAD."""

    SAME = "the same commit"
    OLDER = "an ancestor"
    NEWER = "a descendant"
    ELSEWHERE = "on another line of history"
    UNKNOWN = "not in this clone"


@dataclass(frozen=True)
class GitHistory:
    """The git repository at `root`."""

    root: Path

    def head(self) -> str:
        """The commit checked out: 40 hexadecimal digits. RepositoryError where there is none."""
        return self._said("rev-parse", "--verify", "HEAD^{commit}")

    def branch(self) -> str | None:
        """The branch checked out; None where a commit is, without one."""
        done = self._run("symbolic-ref", "--quiet", "--short", "HEAD")
        return done.stdout.strip() or None

    def dirty(self) -> list[str]:
        """The paths that differ from the commit, those that git doesn't know among them; not those it ignores."""
        return [line[3:] for line in self._said("status", "--porcelain").splitlines()]

    def relation(self, commit: str) -> Relation:
        """Where `commit`, a live function's label, stands."""
        commit = commit.removesuffix(DIRTY)
        if not self.knows(commit):
            return Relation.UNKNOWN
        head = self.head()
        if self._said("rev-parse", "--verify", f"{commit}^{{commit}}") == head:
            return Relation.SAME
        if self._is_ancestor(commit, head):
            return Relation.OLDER
        return Relation.NEWER if self._is_ancestor(head, commit) else Relation.ELSEWHERE

    def knows(self, commit: str) -> bool:
        """Whether `commit` is one, and in this clone."""
        if not commit or commit.startswith("-"):
            return False
        return self._run("rev-parse", "--quiet", "--verify", f"{commit}^{{commit}}").returncode == 0

    def full(self, commit: str) -> str:
        """All 40 digits of a commit named in any way git understands. RepositoryError if there is none."""
        if not self.knows(commit):
            raise RepositoryError(
                f"git knows no commit `{commit}` here; `git fetch --unshallow` or `git fetch` may help"
            )
        return self._said("rev-parse", "--verify", f"{commit}^{{commit}}")

    def text(self, commit: str, path: str) -> str | None:
        """A file of `commit`, by its path from the root; None where that commit or that file isn't."""
        done = self._run("show", f"{commit}:{path}") if self.knows(commit) else None
        return done.stdout if done is not None and done.returncode == 0 else None

    @contextmanager
    def checked_out(self, commit: str) -> Iterator[Path]:
        """The files of `commit` in a worktree of their own, removed afterwards."""
        with TemporaryDirectory(prefix="fivetran-connectors-") as folder:
            path = Path(folder).resolve() / "repository"
            self._said("worktree", "add", "--quiet", "--detach", str(path), self.full(commit))
            try:
                yield path
            finally:
                self._run("worktree", "remove", "--force", str(path))

    def _is_ancestor(self, older: str, newer: str) -> bool:
        done = self._run("merge-base", "--is-ancestor", older, newer)
        if done.returncode not in (0, 1):
            raise RepositoryError(f"git can't compare {older} and {newer}: {done.stderr.strip()}")
        return done.returncode == 0

    def _said(self, *arguments: str) -> str:
        done = self._run(*arguments)
        if done.returncode:
            raise RepositoryError(f"`git {' '.join(arguments)}` failed in {self.root}: {done.stderr.strip()}")
        return done.stdout.rstrip()

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        if shutil.which("git") is None:
            raise RepositoryError("git isn't on this machine, and a deploy names the commit it was made from")
        environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        command = ["git", "-C", str(self.root), *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
