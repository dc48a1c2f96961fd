"""READMEs say what the code says."""

from __future__ import annotations

import pytest

from tools.local import readmes
from tools.local.testing import run_tests
from tools.repository.errors import RepositoryError, StaleError
from tools.repository.model import Repository


@pytest.mark.index
@pytest.mark.connector("casa")
def test_a_stale_readme_fails_the_tests_and_is_put_right_by_update(whole: Repository) -> None:
    """Secrets, example, tables and keys are those of the code; the difference is shown at the end, also where all tests pass."""
    file = whole.connector("casa").path / "README.md"
    before = file.read_text("utf-8")
    write_test(whole, "assert True")
    file.write_text(before.replace("| `access_token` |", "| `acces_token` |"), "utf-8")
    with pytest.raises(
        StaleError, match=r"^README.md .* run `nox -s update -- \w+`:(.|\n)*\+\| `access_token` \|"
    ):
        run_tests(whole, "casa", ["tests/test_small.py"])
    write_test(whole, "assert False")
    with pytest.raises(
        RepositoryError, match=r"^tests of casa failed .*\nREADME.md is not what the code says; run"
    ):
        run_tests(whole, "casa", ["tests/test_small.py"])
    readmes.update(whole, ["casa"], check=False)
    assert file.read_text("utf-8") == before


def write_test(repository: Repository, line: str) -> None:
    """Give casa a test of one line."""
    file = repository.connector("casa").path / "tests" / "test_small.py"
    file.write_text(f"def test_small() -> None:\n    {line}\n", "utf-8")
