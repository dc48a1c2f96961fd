from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from generated_repository import commit_all, git

from tools.locked.deploying.git_history import GitHistory, Relation
from tools.repository.errors import RepositoryError


@pytest.fixture
def history(tmp_path: Path) -> GitHistory:
    """Two commits on main."""
    for number in (1, 2):
        (tmp_path / "file").write_text(f"{number}\n")
        commit_all(tmp_path, str(number))
    return GitHistory(tmp_path)


def test_a_commit_is_placed_against_head(history: GitHistory) -> None:
    """Older, the same, newer, on another line, or unknown; a dirty one as the commit it began from."""
    head = history.head()
    first = git(history.root, "rev-parse", "HEAD^")
    git(history.root, "switch", "--quiet", "--create=other", first)
    (history.root / "file").write_text("3\n")
    other = commit_all(history.root, "other")
    git(history.root, "switch", "--quiet", "main")
    relations = [
        history.relation(commit) for commit in (head, first, first + "-dirty", other, "f" * 40, "", "--all")
    ]
    assert relations == [
        Relation.SAME, Relation.OLDER, Relation.OLDER, Relation.ELSEWHERE, *[Relation.UNKNOWN] * 3
    ]  # fmt: skip
    git(history.root, "switch", "--quiet", "--detach", first)
    assert history.relation(head) is Relation.NEWER
    assert history.branch() is None


def test_a_shallow_clone_does_not_pass_for_the_whole_history(history: GitHistory, tmp_path: Path) -> None:
    """What it lacks is unknown, not absent."""
    first = git(history.root, "rev-parse", "HEAD^")
    git(history.root, "clone", "--quiet", "--depth=1", f"file://{history.root}", str(tmp_path / "shallow"))
    assert GitHistory(tmp_path / "shallow").relation(first) is Relation.UNKNOWN


def test_a_tree_is_dirty_with_files_that_git_does_not_know(history: GitHistory) -> None:
    """They would be bundled by whoever copies folders; what git ignores isn't."""
    assert history.dirty() == []
    (history.root / ".git" / "info" / "exclude").write_text("ignored\n")
    for name in ("file", "new", "ignored"):
        (history.root / name).write_text("changed\n")
    assert sorted(history.dirty()) == ["file", "new"]


def test_an_older_commits_files_are_checked_out_and_removed_again(history: GitHistory) -> None:
    """Also when what is done with them fails; nothing is left in the repository."""
    first = git(history.root, "rev-parse", "HEAD^")
    with contextlib.suppress(KeyError), history.checked_out(first) as folder:
        assert (folder / "file").read_text() == "1\n"
        raise KeyError
    assert not folder.exists()
    assert git(history.root, "worktree", "list").count("\n") == 0
    with pytest.raises(RepositoryError, match="knows no commit `nope`"), history.checked_out("nope"):
        pass


def test_a_folder_without_git_says_so(tmp_path: Path) -> None:
    """No traceback, and no deploy without a commit."""
    with pytest.raises(RepositoryError, match="rev-parse"):
        GitHistory(tmp_path).head()
