"""Runs each folder's connector against the whole contract, and shows at the end how each example did.

A folder has connector.py and practice.py. Its test_example.py, if it has one, asserts what only the author can know; its
`contract` is a dict with the arguments of `contract_tests`, such as {"keeps_deleted": {"events": "the source does not say"}}.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from fivetran_emulator.contract import contract_tests
from fivetran_emulator.contract.check import Check
from fivetran_emulator.contract.checks import CATALOGUE
from fivetran_emulator.contract.lab.trial import Trials
from fivetran_emulator.contract.subject import PracticeSubject
from fivetran_emulator.contract.suite import run_check
from tools.repository.errors import RepositoryError
from tools.repository.examples import MAX_LINES, Example

HERE = Path(__file__).parent
RELEASES = ("C35", "C50")
"""An example is not released, so there is nothing that an earlier version has promised."""


class Connector(pytest.File):
    """A connector.py: the length of it, and each check of the contract."""

    def collect(self) -> Iterator[pytest.Item]:
        """The length first: it needs no import."""
        yield Length.from_parent(self, name="length")
        for check in CATALOGUE:
            if check.id not in RELEASES:
                yield Promise.from_parent(self, name=f"test_contract[{check.name}]", check=check)


class Length(pytest.Item):
    """That a connector takes few lines, and says what it is an example of."""

    def runtest(self) -> None:
        """Count them."""
        try:
            example = Example(self.path.parent.name, self.path.parent)
            assert example.sentence
            lines = example.own_lines
        except RepositoryError as error:
            pytest.fail(str(error), pytrace=False)
        if lines > MAX_LINES:
            pytest.fail(f"{lines} lines of its own; {MAX_LINES} is the most", pytrace=False)


class Promise(pytest.Item):
    """One check of the contract."""

    def __init__(self, *, check: Check, **others: Any) -> None:
        super().__init__(**others)
        self._check = check

    def runtest(self) -> None:
        """Run it as a connector's own tests do."""

        def record(name: str, value: object) -> None:
            self.user_properties.append((name, value))

        run_check(self._check, subject_of(self.path.parent), record, today=datetime.now(UTC).date())


@cache
def subject_of(folder: Path) -> PracticeSubject:
    """An example under test, with what its test_example.py says of it."""
    declared: dict[str, Any] = {}
    if (folder / "test_example.py").is_file():
        declared = getattr(importlib.import_module(f"{HERE.name}.{folder.name}.test_example"), "contract", {})
    tests: Any = contract_tests(main_of(folder), practice=folder / "practice.py", **declared)
    subject: PracticeSubject = tests.subject
    return subject


def main_of(folder: Path) -> Any:
    """The function of an example."""
    return importlib.import_module(f"{HERE.name}.{folder.name}.connector").main


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A folder's connector is a test of its own."""
    is_example = file_path.name == "connector.py" and file_path.parents[1] == HERE
    return Connector.from_parent(parent, path=file_path) if is_example else None


@pytest.fixture
def new_trial(request: pytest.FixtureRequest) -> Trials:
    """Makes trials of the example in whose folder the test is."""
    folder = request.path.parent
    return Trials(main_of(folder), practice=folder / "practice.py")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The table of the examples that were run."""
    outcomes: dict[str, dict[str, list[str]]] = {}
    for outcome in ("passed", "skipped", "failed", "error"):
        for report in terminalreporter.stats.get(outcome, ()):
            case, _, name = str(getattr(report, "nodeid", "")).partition("/")
            if name:  # a test in no folder is about none of them
                outcomes.setdefault(case, {}).setdefault(outcome, []).append(name)
    rows = [_row(Example(case, HERE / case), found) for case, found in sorted(outcomes.items())]
    if rows:
        terminalreporter.section("examples")
        for line in _aligned([("case", "own lines", "contract", "verdict"), *rows]):
            terminalreporter.line(line)


def _row(example: Example, found: dict[str, list[str]]) -> tuple[str, ...]:
    held = sum("::test_contract[" in name for name in found.get("passed", ()))
    not_run = len(found.get("skipped", ()))
    wrong = [_short(name) for name in found.get("failed", []) + found.get("error", [])]
    try:
        said, lines = example.sentence, str(example.own_lines)
    except (RepositoryError, OSError):
        said, lines = "", "?"
    contract = f"{held} held" + (f", {not_run} not run" if not_run else "")
    return f"{example.name}: {said}", lines, contract, f"FAILED: {', '.join(wrong)}" if wrong else "green"


def _short(name: str) -> str:
    """`connector.py::test_contract[C21 crash at every HTTP call]` -> C21."""
    test = name.rpartition("::")[2] or name
    return test.removeprefix("test_contract[").split()[0]


def _aligned(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
