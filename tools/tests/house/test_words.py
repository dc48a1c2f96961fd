from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tools.locked.house.words import INSTEAD, main, word_problems


@pytest.mark.parametrize(
    "text",
    [
        "the user is told twice", "def heeds(): ...", "class Wish: ...", "MOST_BYTES = 1",
        "def refuse_text(): ...", "_refuse_text()", "what a newcomer would do", "def row_is_gone(): ...", '"the row is gone"',
    ],
)  # fmt: skip
def test_a_word_is_found_in_names_and_in_sentences(text: str) -> None:
    """And the line says what to write instead."""
    found = list(word_problems(f"fine\n{text}\n", "docs/page.md"))
    assert found[0].where == "docs/page.md:2"
    assert found[0].fix.startswith("instead: ")


@pytest.mark.parametrize(
    "text",
    [
        "410 Gone",
        "the state's `gone`",
        "furthermore",
        "refuses",
        "stolder",
        "almost_all",
        "Counter.most_common(1)",
    ],
)
def test_what_only_looks_like_one_is_no_problem(text: str) -> None:
    """HTTP's own word, a member of states that are out there, a method of the standard library, and longer words."""
    assert list(word_problems(text, "x.py")) == []


def test_files_that_git_knows_or_would_know_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those that it ignores are not."""
    word = next(iter(INSTEAD))
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text("ignored.md\n")
    for name in ("page.md", "ignored.md", "picture.svg"):
        (tmp_path / name).write_text(f"you are {word}\n")
    monkeypatch.chdir(tmp_path)
    assert main([]) == 1
    assert capsys.readouterr().out.splitlines()[0] == f"page.md:1: `{word}` is not plain here"
    (tmp_path / "page.md").write_text("you know\n")
    assert main([]) == 0
