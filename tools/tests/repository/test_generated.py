from __future__ import annotations

from pathlib import Path

import pytest

from tools.repository.errors import RepositoryError, StaleError
from tools.repository.generated import stale, write_or_check
from tools.repository.model import Repository

FILE = "made.txt"


def problem(repository: Repository) -> StaleError | None:
    return stale(repository, FILE, lambda _: "as it should be\n", "nox -s update")


def run(*arguments: str) -> int:
    return write_or_check(
        list(arguments), module="tools.maker", file=FILE, text=lambda _: "as it should be\n", problem=problem
    )


@pytest.mark.parametrize("before", [None, "as it was\n", "as it should be\r\n"])
def test_a_file_is_written_once_and_then_current(
    small: Repository,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    before: str | None,
) -> None:
    """A line says which of both it was."""
    monkeypatch.chdir(small.root)
    if before is not None:
        Path(FILE).write_bytes(before.encode())
    assert (run(), Path(FILE).read_text("utf-8")) == (0, "as it should be\n")
    assert (run(), run("--check")) == (0, 0)
    assert capsys.readouterr().out.splitlines() == [
        f"{FILE}: changed",
        f"{FILE}: current",
        f"{FILE}: current",
    ]


def test_a_check_raises_the_problem_and_writes_nothing(
    small: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the command that writes it."""
    monkeypatch.chdir(small.root)
    with pytest.raises(RepositoryError, match=r"^made\.txt isn't current; run `nox -s update`$"):
        run("--check")
    assert not Path(FILE).exists()
