"""What the suite says of a connector that is written by hand, as docs/plain-connectors.md shows it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fivetran_emulator.contract.checks import CATALOGUE

HERE = Path(__file__).parent
PAGE = (HERE.parents[3] / "docs" / "plain-connectors.md").read_text("utf-8")
REPORTED = re.findall(r"^\| (C\d\d) \| would ([^|]+) \|", PAGE, re.MULTILINE)
QUOTED = re.findall(r"^    ((?:seen|expected|likely|reproduce): .*)$", PAGE, re.MULTILINE)


def test_contract(blocking: str) -> str:
    """The connector's whole test file."""
    return f"""
from pathlib import Path
from tickets import main
from fivetran_emulator.contract import contract_tests
test_contract = contract_tests(
    main, practice=Path(__file__).parents[1] / "practice.py", blocking={blocking!r}
)
"""


test_contract.__test__ = False  # type: ignore[attr-defined]  # what it makes is the test


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tickets")
    for name in ("tickets.py", "practice.py"):
        shutil.copy(HERE / name, folder / name)
    (folder / "tests").mkdir()
    return folder


def run(folder: Path, blocking: str, *options: str) -> str:
    """What pytest prints over the connector."""
    (folder / "tests" / "test_contract.py").write_text(test_contract(blocking), "utf-8")
    command = [sys.executable, "-m", "pytest", "tests", "-q", "-p", "no:cacheprovider", *options]
    return subprocess.run(
        [*command, "-o", "pythonpath=."], cwd=folder, capture_output=True, text=True, check=False
    ).stdout


@pytest.fixture(scope="module")
def report(folder: Path) -> str:
    return run(folder, "protocol")


def failed(output: str) -> list[str]:
    return re.findall(r"^FAILED \S+\[(C\d\d) ", output, re.MULTILINE)


def test_the_page_shows_the_connector() -> None:
    """As it is tested."""
    source = (HERE / "tickets.py").read_text("utf-8")
    shown = re.findall(r"```python\n(def main.*?)```", PAGE, re.DOTALL)
    assert [
        one.replace('    """What functions-framework calls."""\n', "")
        for one in [source[source.index("def main") :]]
    ] == shown


def test_only_the_protocol_fails_it(report: str) -> None:
    """What Fivetran itself would trip over; the page lists it."""
    assert failed(report) == re.findall(r"^\| (C\d\d) \| [^|]+ \| fails \|", PAGE, re.MULTILINE)


def test_the_rest_is_a_report_of_what_would_happen(report: str) -> None:
    """Each check that would fail, with what that means; the page lists them all."""
    reported = re.findall(r"^tests/test_contract\.py  (C\d\d) .*: would (.*)$", report, re.MULTILINE)
    assert len(reported) > 15
    assert reported == REPORTED


def test_what_the_page_quotes_is_said(report: str) -> None:
    """Word for word."""
    assert len(QUOTED) > 10
    said = [line.strip() for line in report.splitlines()]
    assert [line for line in QUOTED if line not in said] == []


def test_the_script_of_a_history_can_be_run(folder: Path, report: str) -> None:
    """In the connector's folder, as the report says it; it prints what the check saw."""
    reported = report[report.index("C55 any history") :]
    [script] = re.findall(r"^    reproduce: (import .*)$", reported, re.MULTILINE)
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert f"seen:      {done.stdout.strip()}" in reported


def test_what_is_not_run_for_one_reason_shares_a_line(report: str) -> None:
    """A practice source that cannot be loaded would say so more than fifty times."""
    assert "\ntests/test_contract.py  C35 C50: no release is recorded; " in report


def test_run_in_parallel_it_says_the_same(folder: Path, report: str) -> None:
    """With pytest-xdist; what a check notes travels in its report."""
    said = run(folder, "protocol", "-n", "2")
    notes = re.compile(r"^(?:tests/test_contract\.py  |    \w+: ).*$", re.MULTILINE)
    assert notes.findall(said) == notes.findall(report)


def test_a_connector_that_opts_in_fails(folder: Path) -> None:
    """With blocking="all", or without a word."""
    output = run(folder, "all", "-k", "C25 or C40 or C06")
    assert failed(output) == ["C25", "C40"]
    assert "contract: a report" not in output


def test_a_release_is_recorded_and_then_held_against_the_connector(folder: Path) -> None:
    """By the command that the pages show, under the version in the source."""
    source, record = folder / "src" / "connector_tickets", folder / "tests" / "released.json"
    source.mkdir(parents=True)
    (source / "__init__.py").write_text('__version__ = "0.3.0"\n', "utf-8")
    assert "0.3.0 is recorded in tests/released.json" in run(folder, "all", "-k", "C35", "--write-released")
    assert failed(run(folder, "all", "-k", "C35 or C50")) == []
    practice = (folder / "practice.py").read_text("utf-8")
    (folder / "practice.py").write_text(practice.replace('"subject"', '"title"'), "utf-8")
    output = run(folder, "all", "-k", "C35")
    assert "tickets.subject is missing; tickets.title is new" in output
    refused = run(folder, "all", "-k", "C35", "--write-released")
    assert "tickets.subject is missing, unlike in 0.3.0" in refused
    assert "0.3.0 cannot promise less: raise it to 0.4.0" in refused
    assert '"title"' not in record.read_text("utf-8")


def test_every_check_beyond_the_protocol_has_a_risk() -> None:
    """Or its report would say nothing."""
    assert [check.id for check in CATALOGUE if not check.risk] == [f"C{number:02}" for number in range(1, 14)]
