"""The pytest plugin: at the end of a run it lists what was exempt and what was not run.

It is loaded by every pytest in an environment that has this package, so it imports nothing of the suite. With
pytest-xdist it works too: what a check noted travels in its report.
"""

from __future__ import annotations

from typing import Any

__all__ = ["pytest_addoption", "pytest_terminal_summary"]

_HEADINGS = {
    "contract-report": "contract: a report, which fails nothing until the connector opts in",
    "contract-recorded": "contract: recorded",
    "contract-exempt": "contract: exempt, with a reason and a last day",
    "contract-not-run": "contract: not run, and so not known to hold",
}


def pytest_addoption(parser: Any) -> None:
    """Add --write-released."""
    parser.addoption(
        "--write-released",
        action="store_true",
        help="record what the connector releases now in tests/released.json, as its present version",
    )


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


def _lines(noted: list[tuple[str, str]]) -> list[str]:
    """A line for each check; checks that have one reason in common, which is long, share a line."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for file, told in noted:
        name, _, reason = told.partition(": ")
        reasons.setdefault((file, reason), []).append(name)
    return sorted(
        f"{file}  {names[0] if len(names) == 1 else ' '.join(sorted(name[:3] for name in names))}"
        + (f": {reason}" if reason else "")
        for (file, reason), names in reasons.items()
    )
