from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from generated_repository import commit_all, generate, git

from tools.locked.checks.checks import main, run
from tools.repository.model import Repository

SOURCE = "connectors/acme/src/connector_acme/__init__.py"
RECORD = "connectors/acme/tests/released.json"
TABLES: dict[str, Any] = {
    "tickets": {"key": ["id"], "columns": {"id": "text", "title": "text"}},
    "users": {"key": ["id"], "columns": {"id": "text"}},
}

Change = Callable[[Path], None]


def edit(path: str, pattern: str, replacement: str) -> Change:
    """Replace what a pattern finds in a file of the repository; it must find something."""

    def change(root: Path) -> None:
        file = root / path
        text, count = re.subn(pattern, replacement, file.read_text("utf-8"))
        assert count
        file.write_text(text, "utf-8")

    return change


def write_record(root: Path, version: str, tables: dict[str, Any]) -> None:
    """Write acme's released.json with one release."""
    releases = [{"version": version, "tables": tables, "secrets": {}, "state": {}}]
    (root / RECORD).write_text(json.dumps({"releases": releases}), "utf-8")


@pytest.fixture(scope="module")
def main_branch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of two connectors, one of them released, everything committed on main; tests copy it."""
    root = tmp_path_factory.mktemp("main")
    generate(root, ["acme", "billing"])
    write_record(root, "1.2.0", TABLES)
    (root / SOURCE).with_name("lists.py").touch()
    shutil.rmtree(root / "packages/fivetran-emulator")  # nothing here looks at it
    commit_all(root, "start")
    return root


@pytest.fixture
def branch(main_branch: Path, tmp_path: Path) -> Path:
    """A branch of it."""
    root = tmp_path / "branch"
    shutil.copytree(main_branch, root)
    git(root, "switch", "--quiet", "--create", "change")
    return root


def found(root: Path, check: str) -> list[str]:
    """What a check says."""
    return [str(problem) for problem in run(Repository(root), [check])[check].problems]


SHIPPED = {
    "a line of code": edit(SOURCE, "limit=1", "limit=2"),
    "a requirement": edit(
        "connectors/acme/pyproject.toml", '"functions-framework"', '"functions-framework>=3"'
    ),
    "a pin": edit("connectors/acme/requirements.txt", "requests==99.0", "requests==99.1"),
    "a new module": lambda root: (root / SOURCE).with_name("new.py").touch(),
    "a module less": lambda root: (root / SOURCE).with_name("lists.py").unlink(),
}

NOT_SHIPPED = {
    "a README": edit("connectors/acme/README.md", "Tickets", "All tickets"),
    "a test": edit("connectors/acme/tests/test_contract.py", "deletes", "them"),
    "a lock's header": edit("connectors/acme/requirements.txt", "Inputs: sha256:.", "Inputs: sha256:0"),
    "a test requirement": edit("connectors/acme/pyproject.toml", '"pytest-socket"', '"pytest-socket>=0.7"'),
    "the runtime": edit(
        "packages/fivetran-runtime/src/fivetran_runtime/__init__.py", r'__version__ = "', '__version__ = "1'
    ),
}


@pytest.mark.parametrize("committed", [True, False], ids=["committed", "not yet committed"])
@pytest.mark.parametrize("change", SHIPPED.values(), ids=SHIPPED)
def test_what_ships_changes_with_its_version_only(branch: Path, change: Change, *, committed: bool) -> None:
    """Otherwise main has it and no deploy ever brings it; a new version puts it right."""
    change(branch)
    if committed:
        commit_all(branch, "a change")
    (problem,) = found(branch, "versions")
    assert problem.startswith(f"{SOURCE}: ")
    assert "the version is still 1.2.0" in problem
    assert "nox -s bump -- acme patch" in problem
    edit(SOURCE, "1.2.0", "1.2.1")(branch)
    assert found(branch, "versions") == []


@pytest.mark.parametrize("change", NOT_SHIPPED.values(), ids=NOT_SHIPPED)
def test_what_does_not_ship_needs_no_version(branch: Path, change: Change) -> None:
    """Tests, words and the runtime change without a deploy of every connector."""
    change(branch)
    assert found(branch, "versions") == []


def test_a_version_never_goes_back(branch: Path) -> None:
    """What is deployed would be refused as older than what runs."""
    edit(SOURCE, "1.2.0", "1.1.9")(branch)
    (problem,) = found(branch, "versions")
    assert "goes back from 1.2.0 to 1.1.9" in problem


def test_a_new_connector_has_nothing_to_raise(branch: Path) -> None:
    """Main doesn't have it yet."""
    git(branch, "rm", "-r", "--quiet", "connectors/acme")
    git(branch, "commit", "--quiet", "--message=without acme")
    git(branch, "branch", "--force", "main")
    git(branch, "checkout", "--quiet", "HEAD~1", "--", "connectors/acme")
    assert found(branch, "versions") == []
    assert found(branch, "promises") == []


BROKEN = {
    "the key of tickets is title, and was id, since 1.2.0": {
        **TABLES, "tickets": {**TABLES["tickets"], "key": ["title"]},
    },
    "column tickets.title is missing since 1.2.0": {
        **TABLES, "tickets": {"key": ["id"], "columns": {"id": "text"}},
    },
    "table users is missing since 1.2.0": {"tickets": TABLES["tickets"]},
}  # fmt: skip


@pytest.mark.parametrize(("what", "tables"), BROKEN.items(), ids=BROKEN)
def test_a_promise_is_broken_by_a_major_version_only(branch: Path, what: str, tables: dict[str, Any]) -> None:
    """Queries rest on columns, and a re-sync follows a new key."""
    write_record(branch, "1.3.0", tables)
    (problem,) = found(branch, "promises")
    assert problem == f"{RECORD}: {what}\n    run `nox -s bump -- acme major`"
    write_record(branch, "2.0.0", tables)
    assert found(branch, "promises") == []


def test_before_1_0_a_minor_version_may_break_a_promise(branch: Path) -> None:
    """As semantic versions have it: 0.4 promises nothing of 0.3."""
    write_record(branch, "0.3.0", TABLES)
    commit_all(branch, "early")
    git(branch, "branch", "--force", "main")
    write_record(branch, "0.3.1", {"tickets": TABLES["tickets"]})
    assert len(found(branch, "promises")) == 1
    write_record(branch, "0.4.0", {"tickets": TABLES["tickets"]})
    assert found(branch, "promises") == []


def test_more_than_was_promised_breaks_nothing(branch: Path) -> None:
    """A new table and a new column are a minor version."""
    columns = {**TABLES["tickets"]["columns"], "priority": "text"}
    write_record(
        branch, "1.3.0", {**TABLES, "teams": TABLES["users"], "tickets": {"key": ["id"], "columns": columns}}
    )
    assert found(branch, "promises") == []


@pytest.mark.parametrize("text", [None, "{}", '{"releases": []}', "not JSON"])
def test_a_record_is_not_done_away_with(branch: Path, text: str | None) -> None:
    """A promise that nobody remembers is broken unseen."""
    if text is None:
        (branch / RECORD).unlink()
    else:
        (branch / RECORD).write_text(text, "utf-8")
    (problem,) = found(branch, "promises")
    assert "it no longer says what 1.2.0 promised" in problem


def test_main_itself_has_nothing_to_say(branch: Path) -> None:
    """A fresh clone is as it should be."""
    git(branch, "switch", "--quiet", "main")
    for check in ("versions", "promises"):
        result = run(Repository(branch), [check])[check]
        assert (result.problems, result.not_checked) == ((), "")


def test_others_main_counts_and_not_ones_own(branch: Path) -> None:
    """A commit on this clone's main that nobody has seen is a change like any other."""
    git(branch, "update-ref", "refs/remotes/origin/main", "main")
    git(branch, "switch", "--quiet", "main")
    edit(SOURCE, "limit=1", "limit=2")(branch)
    commit_all(branch, "a change")
    assert len(found(branch, "versions")) == 1


def without_git(root: Path) -> None:
    """What a downloaded archive is."""
    shutil.rmtree(root / ".git")


def without_main(root: Path) -> None:
    """What a job that fetched one branch has."""
    git(root, "branch", "--quiet", "--delete", "--force", "main")


def shallow(root: Path) -> None:
    """What a checkout of one commit has."""
    commit_all(root, "two")
    (root / ".git" / "shallow").write_text(git(root, "rev-parse", "HEAD") + "\n", "utf-8")


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (without_git, "this isn't a git repository"),
        (without_main, "there is neither origin/main nor main here: `git fetch origin main`"),
        (shallow, "this clone is shallow: `git fetch --unshallow`"),
    ],
)
def test_what_cannot_be_compared_is_said(
    branch: Path, make: Change, why: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It isn't red, and it isn't silently green."""
    make(branch)
    monkeypatch.chdir(branch)
    assert main(["versions", "promises"]) == 0
    shown = capsys.readouterr().out
    assert shown.count(f"not checked: {why}") == 2
    assert "ok    versions" not in shown
