"""The pytest plugin: trials for a connector's own tests, and at the end of a run what was exempt and what was not run.

It is loaded by every pytest in an environment that has this package, so it imports nothing of the suite. With
pytest-xdist it works too: what a check noted travels in its report.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from fivetran_emulator.contract.lab.trial import Trial, Trials

__all__ = ["new_trial", "pytest_addoption", "pytest_terminal_summary", "trial"]

_HEADINGS = {
    "contract-report": "contract: a report, which fails nothing until the connector opts in",
    "contract-recorded": "contract: recorded",
    "contract-exempt": "contract: exempt, with a reason and a last day",
    "contract-not-run": "contract: not run, and so not known to hold",
}


_SLOW = 60.0
"""Seconds in which the checks of a connector with six tables run."""
_SHOWN = 5
_WHOLE_RUN = 40
"""So many checks are a run of them all, or nearly: of a few that were chosen nobody asks which is slow."""


def pytest_addoption(parser: Any) -> None:
    """Add --write-released."""
    parser.addoption(
        "--write-released",
        action="store_true",
        help="record what the connector releases now in tests/released.json, as its present version",
    )


@pytest.fixture(scope="session")
def new_trial(pytestconfig: pytest.Config) -> Trials:
    """Makes trials of the connector in whose folder pytest runs."""
    from fivetran_emulator.contract.lab.trial import trials_of  # noqa: PLC0415 - only a test that asks for it needs the suite

    return trials_of(pytestconfig.rootpath)


@pytest.fixture
def trial(new_trial: Trials) -> Trial:
    """A connection to the connector, with its practice source, faults and time under control."""
    return new_trial()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """List what was recorded, reported, exempt and not run."""
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    for property_, heading in _HEADINGS.items():
        noted = [
            (str(report.nodeid).partition("::")[0], str(value))
            for report in reports
            for name, value in getattr(report, "user_properties", ())
            if name == property_ and getattr(report, "when", "") == "call"
        ]
        if noted:
            terminalreporter.section(heading)
            for line in "\n".join(_lines(noted)).splitlines():
                terminalreporter.line(line)

    _tell_slowest(terminalreporter, reports)


def _tell_slowest(terminalreporter: Any, reports: list[Any]) -> None:
    """Where the time of a long run went, and what makes it shorter."""
    checks = [
        (float(report.duration), str(report.nodeid).partition("[")[2].rstrip("]"))
        for report in reports
        if getattr(report, "when", "") == "call" and "::test_contract[C" in str(report.nodeid)
    ]
    if len(checks) < _WHOLE_RUN:
        return
    slowest = sorted(checks, reverse=True)[:_SHOWN]
    terminalreporter.section("contract: slowest checks")
    terminalreporter.line(", ".join(f"{name[:3]} {seconds:.1f} s" for seconds, name in slowest))
    if sum(seconds for seconds, _name in checks) > _SLOW:
        terminalreporter.line(
            "A practice source needs 20 to 40 rows a table, in pages of 10: each check reads it all, many times over."
        )


def _lines(noted: list[tuple[str, str]]) -> list[str]:
    """A line for each check; checks that have one reason in common, which is long, share a line."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for file, text in noted:
        name, _, reason = text.partition(": ")
        reasons.setdefault((file, reason), []).append(name)
    return sorted(
        f"{file}  {names[0] if len(names) == 1 else ' '.join(sorted(name[:3] for name in names))}"
        + (f": {reason}" if reason else "")
        for (file, reason), names in reasons.items()
    )
