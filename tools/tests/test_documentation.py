"""What the documentation shows is true: its commands exist, its links lead somewhere, its connector works."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from new_connectors import locks, make
from small_repository import ROOT

from tools.local import readmes
from tools.local.syncing import emulator_environment, sync
from tools.local.testing import check_types, lint, run_tests
from tools.repository.limits import Limits
from tools.repository.model import Repository

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*/*/README.md")])
COMMAND = re.compile(r"nox -s [\w-]+(?: -- [^`#\n]*)?|nox -s \"[^\"]+\"")
LINK = re.compile(r"\]\((?!https?://)([^)#]+)")


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def commands() -> list[str]:
    """Every nox command in any page, once."""
    found = {command.strip() for page in PAGES for command in COMMAND.findall(page.read_text("utf-8"))}
    return sorted(found)


def sessions() -> dict[str, str]:
    """The sessions there are, by name, with what they say of themselves."""
    listed = subprocess.run(
        [sys.executable, "-m", "nox", "--list", "--noxfile", ROOT / "noxfile.py"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return dict(re.findall(r"^[-*] ([\w-]+)(?:\(.*?\))? -> (.*)$", listed.stdout, re.MULTILINE))


def test_every_command_names_a_session_that_exists() -> None:
    """A page that shows a command nobody can run is a lie."""
    there = sessions()
    shown = {shlex.split(command)[2].partition("(")[0]: command for command in commands()}
    assert len(shown) > 8
    assert {name: command for name, command in shown.items() if name not in there} == {}


def of_ours_taken_away(link: Path) -> bool:
    """Whether a link is into a connector that an adopted repository is without."""
    names = {ROOT / "connectors" / name for name in ("bugzilla", "casa", "datasette")}
    return any(
        Path(os.path.normpath(link)).is_relative_to(folder) and not folder.exists() for folder in names
    )


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_within_the_repository_lead_somewhere(page: Path) -> None:
    """Every relative link is to a file or folder."""
    links = [page.parent / link for link in LINK.findall(page.read_text("utf-8"))]
    broken = [link for link in links if not link.exists() and not of_ours_taken_away(link)]
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_python_in_the_pages_is_python(page: Path) -> None:
    """Every block compiles."""
    for block in re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
        compile(block, named(page), "exec")


QUOTED = re.compile(r"```python\n# (examples/\w+/connector\.py)\n(.*?)```", re.DOTALL)


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/sources/*.md")), ids=named)
def test_pages_on_kinds_of_sources_quote_examples_that_run(page: Path) -> None:
    """What a page shows is a part of an example, and the guide leads to it."""
    text = page.read_text("utf-8")
    quotes = QUOTED.findall(text)
    assert len(quotes) == text.count("```python") > 0
    assert [name for name, quote in quotes if quote not in (ROOT / name).read_text("utf-8")] == []
    assert f"(sources/{page.name})" in (ROOT / "docs/adding-a-connector.md").read_text("utf-8")


@pytest.mark.index
def test_the_connector_that_the_tutorial_writes_works(whole: Repository, tmp_path: Path) -> None:
    """`create`, then the files as the page has them: sync, tests, lint and types; the README's example keeps the contract too."""
    page = (ROOT / "docs/adding-a-connector.md").read_text("utf-8")
    connector, practice, tests = re.findall(
        r"```python\n# (?:src/connector_helpdesk/__init__|practice|tests/test_contract)\.py\n(.*?)```",
        page,
        re.DOTALL,
    )
    assert len([line for line in connector.splitlines() if line.strip()]) < 40
    folder = make(whole, "helpdesk")
    try:
        (folder / "src/connector_helpdesk/__init__.py").write_text(connector, "utf-8")
        (folder / "practice.py").write_text(practice, "utf-8")
        locks(whole.root).write("helpdesk")
        warehouse = tmp_path / "warehouse.duckdb"
        fresh = Repository(whole.root)
        assert (
            sync(
                fresh, "helpdesk", Limits(), secrets=None, options=["--warehouse", str(warehouse), "--quiet"]
            )
            == 0
        )
        assert counted(fresh, warehouse) == "108 168"
        (folder / "tests/test_contract.py").write_text(tests, "utf-8")
        readmes.update(fresh, ["helpdesk"], check=False)
        run_tests(fresh, "helpdesk", ["-q"])
        lint(fresh, ["helpdesk"])
        check_types(fresh, ["helpdesk"])
        if EXAMPLE in (ROOT / "README.md").read_text(
            "utf-8"
        ):  # an adopted repository has a README of its own
            write_readmes_example(folder)
            readmes.update(fresh, ["helpdesk"], check=False)
            run_tests(fresh, "helpdesk", ["-q"])
    finally:
        shutil.rmtree(folder)


EXAMPLE = "## What a connector looks like"
README_PRACTICE = """
from fivetran_emulator.practice import Bearer, PageToken, Source

TICKETS = [
    {"id": n, "name": f"Ticket {n}", "updated_at": f"2026-01-{n % 28 + 1:02}T12:00:00Z"} for n in range(1, 121)
]
source = Source(access=Bearer("practice-token"))
source.listing("/tickets", TICKETS, pages=PageToken(size=50, param="bookmark"), cursor="updated_at", since="updated_since")
secrets = {"token": "practice-token", "url": "{url}"}
"""


def write_readmes_example(folder: Path) -> None:
    """The connector that the README shows, in the place of the tutorial's, with a source that fits."""
    readme = (ROOT / "README.md").read_text("utf-8")
    [shown] = re.findall(rf"{EXAMPLE}\n\n```python\n(.*?)```", readme, re.DOTALL)
    (folder / "src/connector_helpdesk/__init__.py").write_text(f'{shown}__version__ = "0.1.0"\n', "utf-8")
    (folder / "practice.py").write_text(README_PRACTICE, "utf-8")
    tests = folder / "tests/test_contract.py"
    said = tests.read_text("utf-8").replace(
        '"practice.py")', '"practice.py", keeps_deleted={"tickets": "as documented"})'
    )
    tests.write_text(said, "utf-8")


def counted(repository: Repository, warehouse: Path) -> str:
    """Tickets and comments in the warehouse, asked where DuckDB is."""
    script = (
        "import duckdb, sys; w = duckdb.connect(sys.argv[1], read_only=True);"
        "print(*(w.execute(f'SELECT count(*) FROM helpdesk_practice.{t}').fetchone()[0] for t in ('tickets', 'comments')))"
    )
    python = emulator_environment(repository).python
    done = subprocess.run([python, "-c", script, warehouse], capture_output=True, text=True, check=True)
    return done.stdout.strip()
