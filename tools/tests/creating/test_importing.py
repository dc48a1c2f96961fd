from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from ancestor_shaped import MAIN, written
from generated_repository import git

from tools.local.syncing import sync
from tools.local.testing import check_types, run_tests
from tools.locked.creating import baking, importing
from tools.locked.creating.creation import take_over
from tools.locked.creating.importing import read, rewritten
from tools.locked.declared.deployments import Deployment
from tools.locked.deploying.bundle import stage
from tools.repository.errors import RepositoryError
from tools.repository.limits import Limits
from tools.repository.model import Repository

NAME = "desk-old"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A connector as the ancestor's are, not yet in a repository of ours."""
    return written(tmp_path / "desk")


@pytest.fixture
def imported(whole: Repository, old: Path) -> Iterator[tuple[Repository, bool]]:
    """A copy of this repository with it taken over, and whether its exact versions were kept."""
    path, kept = take_over(whole, NAME, old)
    yield Repository(whole.root), kept
    git(whole.root, "rm", "-r", "-q", "-f", "--cached", "--ignore-unmatch", str(path))
    shutil.rmtree(path)


@pytest.mark.index
def test_it_is_tested_synced_and_bundled_like_any_other(
    imported: tuple[Repository, bool], tmp_path: Path
) -> None:
    """Its own tests pass, the contract's protocol too; its rows land; the bundle holds its code and no test."""
    repository, kept = imported
    assert not kept, "requests 2.26.0 is older than what tests it takes"
    path = repository.connector(NAME).path
    assert '"requests>=2.26.0"' in (path / "pyproject.toml").read_text("utf-8")
    assert (path / "README.md").read_text("utf-8") == "# Desk\n"
    baking.lint(repository, [NAME])
    check_types(repository, [NAME])
    run_tests(repository, NAME, ["-q"])
    warehouse = ["--warehouse", str(tmp_path / "warehouse.duckdb"), "--quiet"]
    assert sync(repository, NAME, Limits(), secrets=None, options=warehouse) == 0
    git(repository.root, "add", str(path))
    folder = stage(repository, Deployment(NAME, NAME, NAME, "dev", Limits(), "python312", 1, "us-central1"))
    assert {file.relative_to(folder).as_posix() for file in folder.rglob("*.py")} == {
        "main.py", "connector_desk_old/__init__.py",
        "connector_desk_old/desk_api/__init__.py", "connector_desk_old/desk_api/pages.py",
        "connector_desk_old/desk_api/marks.py",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("main.py", None, "there is no main.py in it"),
        ("main.py", "def handler(request):\n    return {}\n", "it has no function `main`"),
        ("main.py", 'def main(request):\n    print "state"\n', r"main\.py:2: this is Python 2"),
        ("main.py", "def main(request:\n", r"main\.py:1: this is not Python"),
        (
            "requirements.txt",
            "requests==2.26.0\n-r more.txt\n",
            r"requirements\.txt:2: `-r more\.txt` is no requirement",
        ),
        (
            "requirements.txt",
            "desk @ git+https://desk.example/x\n",
            r"requirements\.txt:1: .* comes from an address",
        ),
    ],
)
def test_what_cannot_be_taken_over_is_reported(old: Path, file: str, text: str | None, expected: str) -> None:
    """In a sentence each, with the line, before anything is written."""
    if text is None:
        (old / file).unlink()
    else:
        (old / file).write_text(text, "utf-8")
    with pytest.raises(RepositoryError, match=expected):
        read(old)


@pytest.mark.parametrize(
    "file", ["main.py", "desk_api/pages.py", "tests/test_main.py", "requirements.txt", "README.md"]
)
def test_what_is_not_utf8_is_reported_with_its_line(old: Path, file: str) -> None:
    """A file saved as Latin-1 or UTF-16 years ago: the file and the line, not a traceback."""
    (old / file).write_bytes(b"# Desk\n# caf\xe9\n")
    with pytest.raises(RepositoryError, match=rf"{file}:2: this isn't UTF-8"):
        read(old)


def test_windows_files_are_read(old: Path) -> None:
    """The mark and the line ends of Windows' editors are no part of a requirement, or of a module."""
    for file, text in {"requirements.txt": "requests==2.26.0\r\n", "main.py": MAIN}.items():
        (old / file).write_text(text, "utf-8-sig")
    assert read(old).requirements == ("requests==2.26.0",)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("import marks", "from connector_desk import marks"),
        ("import marks as m", "from connector_desk import marks as m"),
        ("import json, marks", "import json; from connector_desk import marks"),
        ("import lib.paging", "import connector_desk.lib.paging; from connector_desk import lib"),
        ("import lib.paging as p", "from connector_desk.lib import paging as p"),
        ('ö = "ü"; import marks # ü', 'ö = "ü"; from connector_desk import marks # ü'),
        ("import json, \\\n  marks\nX = 1", "import json; from connector_desk import marks\nX = 1"),
        ("# a form feed: \f\nimport marks", "# a form feed: \f\nfrom connector_desk import marks"),
        ("import json", "import json"),
    ],
)
def test_each_form_of_import_finds_its_module(tmp_path: Path, statement: str, expected: str) -> None:
    """The folder's own modules are in the connector's package now; nothing else of a line changes."""
    (tmp_path / "lib").mkdir()
    for file in ("marks.py", "lib/__init__.py", "lib/paging.py"):
        (tmp_path / file).touch()
    module = tmp_path / "main.py"
    module.write_text(f"{statement}\ndef main(request): ...\n", "utf-8")
    assert rewritten(read(tmp_path), "desk", module) == f"{expected}\ndef main(request): ...\n"


def test_what_is_not_taken_over_is_listed(old: Path) -> None:
    """A query beside main.py, a link, what git ignores; a virtual environment in the folder is nobody's code."""
    git(old, "init", "--quiet")
    for file, text in {
        ".gitignore": "secrets/\n", "secrets/real.json": "{}", "query.sql": "SELECT 1", "desk_api/data/a.json": "{}",
        "venv/pyvenv.cfg": "", "venv/lib/python3.9/site-packages/old.py": 'print "2"', "conftest.py": "",
    }.items():  # fmt: skip
        (old / file).parent.mkdir(parents=True, exist_ok=True)
        (old / file).write_text(text, "utf-8")
    (old / "desk_api" / "link.json").symlink_to("/etc/hostname")
    found = read(old)
    assert [path.relative_to(old).as_posix() for path in found.left] == [
        "conftest.py",
        "desk_api/link.json",
        "query.sql",
        "secrets/real.json",
    ]
    assert found.data == (old / "desk_api" / "data" / "a.json",)
    assert not any("venv" in path.parts for path in found.modules)


def test_all_that_is_wrong_is_reported_at_once(old: Path) -> None:
    """One go to put it right."""
    (old / "main.py").write_text("def main(request:\n", "utf-8")
    (old / "requirements.txt").write_text("-e .\n", "utf-8")
    with pytest.raises(RepositoryError) as error:
        read(old)
    assert len(error.value.problems) == 2


def test_a_name_that_is_taken_is_reported_first(whole: Repository, old: Path) -> None:
    """As for any new connector."""
    with pytest.raises(RepositoryError, match="is taken"):
        take_over(whole, "tools", old)


def test_what_is_skipped_says_why(old: Path, tmp_path: Path) -> None:
    """Without a practice source the whole contract is skipped: each run of the tests says what to write."""
    (old / "practice.py").unlink()
    to = tmp_path / "new"
    importing.take_over(read(old), NAME, to)
    (to / "tests" / "test_main.py").unlink()
    (to / "tests" / "test_contract.py").write_text(importing.STARTER + "def test_one(): ...\n", "utf-8")
    options = tomllib.loads((to / "pyproject.toml").read_text("utf-8"))["tool"]["pytest"]["ini_options"]
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", *options["addopts"].split(), "tests"]
    done = subprocess.run(command, cwd=to, capture_output=True, text=True, check=False)
    assert "practice.py does not serve this source yet" in done.stdout, done.stdout + done.stderr
    importing.require(to, ("requests",))
    assert (to / "pyproject.toml").read_text("utf-8").count("-rs") == 1
