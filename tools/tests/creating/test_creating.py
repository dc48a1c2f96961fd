from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.local import readmes
from tools.local.scaffolding import refuse
from tools.local.testing import check_types, run_tests
from tools.locked.checks import checks
from tools.locked.ci.config import main as ci_config
from tools.locked.creating.template_rendering import create
from tools.repository.errors import RepositoryError
from tools.repository.model import Repository

NAME = "quite-a-long-name-for-a-source-2"
EIGHT = {
    "CHANGELOG.md", "README.md", "practice.py", "pyproject.toml",
    "src/connector_quite_a_long_name_for_a_source_2/__init__.py", "tests/test_contract.py",
}  # fmt: skip
LOCKS = {"requirements.txt", "requirements-test.txt"}


@pytest.fixture
def created(whole: Repository) -> Iterator[Path]:
    """A new connector in a copy of this repository."""
    path = create(whole, NAME)
    yield path
    shutil.rmtree(path)


def files_of(path: Path) -> set[str]:
    """All files under a folder, by their path in it."""
    return {file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()}


def test_a_new_connector_is_eight_files(created: Path) -> None:
    """Six to read, two locks to come; no sign of the template is left in any."""
    assert files_of(created) == EIGHT
    assert [name for name in EIGHT if "cookiecutter" in (created / name).read_text("utf-8")] == []


@pytest.mark.parametrize("command", [["check"], ["format", "--diff"]], ids=["rules", "format"])
def test_a_new_connector_is_lint_free(created: Path, command: list[str], whole: Repository) -> None:
    """Its author starts from clean, whatever the name's length does to the lines."""
    ruff = [sys.executable, "-m", "ruff", *command, "--no-cache", str(created)]
    done = subprocess.run(ruff, cwd=whole.root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "expected"),
    [("My_Source", "try `my-source`"), ("tools", "is taken"), ("fivetran-runtime", "is taken")],
)
def test_a_name_that_wont_do_is_refused(whole: Repository, name: str, expected: str) -> None:
    """Before anything is written."""
    with pytest.raises(RepositoryError, match=expected):
        refuse(whole, name)


def test_an_existing_connector_is_never_overwritten(whole: Repository, created: Path) -> None:
    """An author's work is safe from a second `create`."""
    with pytest.raises(RepositoryError, match="exists already"):
        create(whole, created.name)


def test_ci_learns_of_it_and_forgets_it(whole: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--check` fails until `ci_config` has run; without the folder the old file is back byte for byte."""
    monkeypatch.chdir(whole.root)
    ci_config([])
    before = (whole.root / ".circleci/config.yml").read_bytes()
    path = create(whole, NAME)
    with pytest.raises(RepositoryError, match="run `nox -s ci_config`"):
        ci_config(["--check"])
    ci_config([])
    assert (whole.root / ".circleci/config.yml").read_bytes() != before
    shutil.rmtree(path)
    ci_config([])
    assert (whole.root / ".circleci/config.yml").read_bytes() == before


@pytest.mark.index
def test_a_new_connectors_tests_and_checks_pass(whole: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """On its first day, in an environment of its own: `create`, `tests`, `types`, `check`."""
    monkeypatch.chdir(whole.root)
    command = [sys.executable, "-m", "tools.locked.creating.template_rendering", NAME]
    subprocess.run(command, cwd=whole.root, check=True, env={**os.environ, "PYTHONPATH": str(whole.root)})
    try:
        fresh = Repository(whole.root)
        assert files_of(fresh.connector(NAME).path) == EIGHT | LOCKS
        ci_config([])
        run_tests(fresh, NAME)
        check_types(fresh, [NAME])
        readmes.update(fresh, [NAME], check=True)
        own = [
            problem
            for problems in checks.run(Repository(whole.root)).values()
            for problem in problems
            if NAME in problem.where
        ]
        assert own == []
    finally:
        shutil.rmtree(whole.root / "connectors" / NAME)
        ci_config([])
