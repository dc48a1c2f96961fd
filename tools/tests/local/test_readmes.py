"""READMEs say what the code says."""

from __future__ import annotations

import pytest
from small_repository import ROOT

from tools.local import readmes
from tools.repository.errors import StaleError
from tools.repository.model import Repository

pytestmark = pytest.mark.index


def test_every_connectors_readme_is_current() -> None:
    """Secrets, example, tables and keys are those of the code."""
    readmes.update(Repository(ROOT), [], check=True)


def test_a_stale_readme_is_told_of_with_the_command_and_mended(whole: Repository) -> None:
    """The difference is shown; `update` brings back the very text."""
    file = whole.connector("casa").path / "README.md"
    before = file.read_text("utf-8")
    file.write_text(before.replace("| `access_token` |", "| `acces_token` |"), "utf-8")
    with pytest.raises(StaleError, match=r"\+\| `access_token` \|(.|\n)*run `nox -s update`"):
        readmes.update(whole, ["casa"], check=True)
    readmes.update(whole, ["casa"], check=False)
    assert file.read_text("utf-8") == before
