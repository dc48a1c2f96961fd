from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from small_repository import Write

from tools.environments.virtual_environments import VirtualEnvironment
from tools.local.testing import asked_for, check_types, lint, run_tests
from tools.repository.errors import RepositoryError
from tools.repository.model import Repository

UNUSED = "import os\n"


@pytest.fixture(autouse=True)
def this_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tools' environment is the one that these tests run in; making another takes an index."""
    monkeypatch.setattr(VirtualEnvironment, "prepare", lambda self: replace(self, path=Path(sys.prefix)))


@pytest.fixture
def two_wrong(small: Repository, write: Write) -> Repository:
    """Two connectors, each with an import that nothing uses."""
    for path in ("connectors/acme/practice.py", "connectors/other-one/practice.py"):
        write(path, UNUSED)
    return small


def test_lint_names_only_what_it_is_asked_about(
    two_wrong: Repository, capfd: pytest.CaptureFixture[str]
) -> None:
    """An author sees their own connector's mistakes, not another team's."""
    with pytest.raises(RepositoryError, match="ruff check found something"):
        lint(two_wrong, ["acme"])
    shown = capfd.readouterr().out
    assert "connectors/acme/practice.py" in shown
    assert "other-one" not in shown


def test_lint_fixes_only_what_it_is_asked_to(two_wrong: Repository) -> None:
    """Another team's file stays as it is."""
    lint(two_wrong, ["acme"], fix=True)
    assert (two_wrong.root / "connectors/acme/practice.py").read_text("utf-8") == ""
    assert (two_wrong.root / "connectors/other-one/practice.py").read_text("utf-8") == UNUSED
    lint(two_wrong, ["acme"])


def test_lint_of_everything_finds_everything(
    two_wrong: Repository, capfd: pytest.CaptureFixture[str]
) -> None:
    """Without a name nothing is left out."""
    with pytest.raises(RepositoryError, match="ruff check found something"):
        lint(two_wrong)
    shown = capfd.readouterr().out
    assert "connectors/acme/practice.py" in shown
    assert "connectors/other-one/practice.py" in shown


def test_an_unformatted_file_is_shown_with_the_command(small: Repository, write: Write) -> None:
    """What is to be typed next names the same subjects."""
    write("connectors/acme/practice.py", "x = {  'a':1}\n")
    with pytest.raises(RepositoryError, match="run `nox -s lint -- acme --fix`"):
        lint(small, ["acme"])


def test_no_release_is_recorded_of_what_lint_finds_wrong(two_wrong: Repository) -> None:
    """Before anything is installed or run: what a version promises is written down once the version is right."""
    with pytest.raises(RepositoryError, match="ruff"):
        run_tests(two_wrong, "acme", ["-k", "C35", "--write-released"])


def test_lint_refuses_a_subject_that_isnt_there(small: Repository) -> None:
    """A mistyped name isn't a clean one."""
    with pytest.raises(RepositoryError, match="Did you mean `acme`"):
        lint(small, ["acmee"])


@pytest.mark.parametrize(
    ("command_line", "expected"),
    [
        ("-s tests -- acme other-one -x", ["acme", "other-one"]),
        ("-s lint tests -- acme", ["acme"]),
        ("-s tests", []),
        ("-s tests -- -k page", []),
        ("-s lint -- acme", []),
        ("", []),
    ],
)
def test_only_what_is_asked_for_is_listed(small: Repository, command_line: str, expected: list[str]) -> None:
    """With 300 connectors, testing one doesn't print 299 lines on the others."""
    assert asked_for(small, command_line.split()) == expected


def test_a_misspelt_subject_is_reported_once(small: Repository) -> None:
    """Before any session runs, with the nearest match."""
    with pytest.raises(RepositoryError, match="Did you mean `acme`"):
        asked_for(small, ["-s", "tests", "--", "acmee"])


def test_types_of_the_tests_on_the_other_host_are_checked_too(small: Repository, write: Write) -> None:
    """They have a conftest of their own beside that of tests/, and are named where they are wrong."""
    write("packages/fivetran-runtime/tests/conftest.py", "ANSWER: int = 42\n")
    write("packages/fivetran-runtime/host_tests/conftest.py", "ANSWER: int = 42\n")
    check_types(small, ["fivetran-runtime"])
    write("packages/fivetran-runtime/host_tests/conftest.py", 'ANSWER: int = "42"\n')
    with pytest.raises(RepositoryError, match=r"types are wrong in fivetran-runtime-host_tests$"):
        check_types(small, ["fivetran-runtime"])
