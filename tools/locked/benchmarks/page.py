"""docs/benchmarks.md and its picture, made from a report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tools.locked.benchmarks import plot
from tools.locked.benchmarks.contestants import CONTESTANTS
from tools.locked.benchmarks.report import Report
from tools.locked.benchmarks.results import Entry, Spread, Table
from tools.locked.benchmarks.targets import Target

PAGE = "docs/benchmarks.md"
PICTURE = "docs/pictures/benchmarks.svg"

HEAD = """\
<!-- Made by `nox -s bench -- --write`: edit tools/locked/benchmarks/page.py. -->

# Benchmarks

Measured on {date}{quick}, on {cores} cores ({processor}, {memory_gb} GB, Python {python}; load before it {load}).

    nox -s bench -- --write             # everything, about half an hour, and this page
    nox -s bench -- --quick             # under five minutes; prints the tables
    nox -s bench -- --quick dlt-arrow   # one contestant, with the ceiling
    nox -s bench -- --json FILE         # each run, for a program

Every contestant reads the same tickets (13 columns, about 420 bytes each as JSON, 1,000 a page) from a local source that serves some
millions of rows a second, merges them by key into an empty DuckDB file, and ends; starts, imports and HTTP are in the time. Rounds are
interleaved, and a ratio is taken inside one round; figures are medians, with the least and the most. CPU is user and system seconds of
the whole tree of processes, the source's apart; memory its resident pages, looked at every 50 ms. Afterwards the file must hold each
row once: what does not is WRONG, and has no time. Peers are set as their documentation advises for speed. They differ in what they do
beside: dlt and Airbyte know hundreds of sources, the hand-made function checks nothing. What is in the way of targets that are not met:
[where the time goes](speed.md).

![Times slower than the ceiling](pictures/benchmarks.svg)
"""


def write(root: Path, report: Report) -> None:
    """Write both files."""
    (root / PAGE).write_text(rendered(report), "utf-8")
    (root / PICTURE).write_text(plot.svg(report.tables), "utf-8")


def rendered(report: Report) -> str:
    """The page's text."""
    quick = ", a quick run of few rounds" if report.quick else ""
    return HEAD.format(date=report.date, quick=quick, **report.machine) + "\n" + tables(report)


def tables(report: Report) -> str:
    """Targets, results and contestants, as Markdown."""
    parts = ["## Targets\n", *_targets(report.targets)]
    for table in report.tables:
        parts += [f"\n## {table.scenario.name}\n", *_table(table)]
    parts += ["\n## Contestants\n", *_contestants(report)]
    return "\n".join(parts) + "\n"


def _targets(targets: list[Target]) -> Iterator[str]:
    yield "| | what | at most | measured | met |"
    yield "|---|---|--:|--:|---|"
    for one in targets:
        met = "" if one.met is None else "yes" if one.met else "no"
        yield f"| {one.number} | {one.text} | {one.limit} | {one.measured} | {met} |"


def _table(table: Table) -> Iterator[str]:
    runs = table.scenario.rounds
    yield f"| {runs} round{'' if runs == 1 else 's'} | times the ceiling | wall s | CPU s | peak MB | rows/s |"
    yield "|---|--:|--:|--:|--:|--:|"
    right = table.right
    for name in sorted(right, key=lambda name: right[name].spread("wall").median):
        yield _row(table, right[name])
    for name, entry in table.entries.items():
        if entry.wrong:
            yield f"| {name} | WRONG: {entry.wrong} | | | | |"


def _row(table: Table, entry: Entry) -> str:
    ratio, wall = table.ratio(entry.contestant), entry.spread("wall")
    rows = table.scenario.changed or table.scenario.rows
    times = _spread(ratio, 2) if ratio else ""
    peak = f"{entry.spread('peak_mb').median:,.0f}"
    return (
        f"| {entry.contestant} | {times} | {_spread(wall, 2)} | {_spread(entry.spread('cpu'), 2)} "
        f"| {peak} | {rows / wall.median:,.0f} |"
    )


def _spread(one: Spread, digits: int) -> str:
    if one.least == one.most:
        return f"{one.median:.{digits}f}"
    return f"{one.median:.{digits}f} ({one.least:.{digits}f} to {one.most:.{digits}f})"


def _contestants(report: Report) -> Iterator[str]:
    yield "| | what it is | versions |"
    yield "|---|---|---|"
    for name, found in report.versions.items():
        shown = ", ".join(f"{library} {version}" for library, version in found.items())
        yield f"| {name} | {CONTESTANTS[name].what} | {shown} |"
