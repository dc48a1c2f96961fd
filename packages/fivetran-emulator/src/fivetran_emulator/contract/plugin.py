"""The pytest plugin: at the end of a run it lists what was exempt and what was not run, and stops practice servers.

It works with pytest-xdist: what a check noted travels in its report.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fivetran_emulator.contract.source_server import close_servers

if TYPE_CHECKING:
    import pytest

__all__ = ["pytest_sessionfinish", "pytest_terminal_summary"]

_HEADINGS = {
    "contract-exempt": "contract: exempt, with a reason and a last day",
    "contract-not-run": "contract: not run, and so not known to hold",
}


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """List exemptions and checks that were not run."""
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    for property_, heading in _HEADINGS.items():
        lines = sorted(
            f"{_subject(report)}  {value}"
            for report in reports
            for name, value in getattr(report, "user_properties", ())
            if name == property_ and getattr(report, "when", "") == "call"
        )
        if lines:
            terminalreporter.section(heading)
            for line in lines:
                terminalreporter.line(line)


def _subject(report: Any) -> str:
    return str(report.nodeid).partition("::")[0]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop what was started for the checks."""
    close_servers()
