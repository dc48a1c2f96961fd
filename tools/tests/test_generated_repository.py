from __future__ import annotations

from pathlib import Path

from generated_repository import generate, git

from tools.locked.checks.checks import run

REST_ON_CI = {"ci_config", "ci_valid"}
"""The checks of a file that a generated repository has not: `nox -s ci_config` writes it."""


def test_a_generated_repository_is_as_it_should_be(tmp_path: Path) -> None:
    """Tests that stand on it meet nothing but what they look for."""
    repository = generate(tmp_path, ["acme", "acme-billing"])
    assert {name for name, result in run(repository).items() if result.problems} <= REST_ON_CI


def test_a_repository_may_hold_no_connector(tmp_path: Path) -> None:
    """The packages and the tools are there nevertheless: what `adopt` leaves."""
    repository = generate(tmp_path, 0)
    assert list(repository.connectors) == []
    assert "fivetran-runtime" in repository.packages


def test_a_generated_repository_is_committed_if_asked(tmp_path: Path) -> None:
    """One commit on main with nothing left over, whatever this machine's git is set to."""
    generate(tmp_path, 2, git=True)
    assert git(tmp_path, "status", "--porcelain") == ""
    assert git(tmp_path, "log", "--format=%D") == "HEAD -> main"
