"""What was aimed at, each with the most it may be; measured where the scenarios of a run say it, and "not measured" otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tools.locked.benchmarks.bundles import BundleSize
from tools.locked.benchmarks.comparisons import (
    ANSWERS,
    GROWTH,
    IMPORTS,
    PAGES,
    PER_ROW,
    TABLES,
    Pairs,
    ratio,
)
from tools.locked.benchmarks.contestants import EMULATOR, INCREMENTAL, OURS
from tools.locked.benchmarks.results import Spread, Table
from tools.locked.benchmarks.scenarios import NO_FAULTS, SMALL
from tools.locked.benchmarks.second_run import SECOND_RUN

_FUNCTION = "functions-framework"


@dataclass(frozen=True)
class Target:
    """One of them: `limit` is the most that `measured` may be, None where a run does not measure it."""

    number: str
    text: str
    limit: str
    measured: str = "not measured"
    met: bool | None = None


def targets(
    tables: Sequence[Table], compared: Mapping[str, Pairs], size: BundleSize | None = None
) -> list[Target]:
    """All of them, as far as these tables, comparisons and the size of a bundle say."""
    return [
        _ratio("1", "a sync of 200,000 rows, starts and HTTP included, to the ceiling", 2.0, _find(tables, 200_000)),
        _ratio(
            "2", "the same at 20 ms a request, to the ceiling with one connection", 1.3,
            _find(tables, 200_000, latency_ms=20), to="limit-raw",
        ),
        _judged("2", "four declared tables in parallel, to the slowest alone", 1.2, ratio(compared, TABLES)),
        _judged(
            "2", "one table of numbered pages in parallel, to one after the other", 0.5, ratio(compared, PAGES)
        ),
        _judged("3", "growth of the function, to the size of its largest answer", 2.0, ratio(compared, GROWTH)),
        _flat(tables),
        _emulator_peak(tables),
        _judged(
            "4", "the runtime per row, to plain msgspec with the same exact numbers", 1.8,
            ratio(compared, PER_ROW),
        ),
        _faults(tables),
        _judged(
            "6", "importing a connector, to `import functions_framework, requests`, CPU seconds", 1.08,
            ratio(compared, IMPORTS),
        ),
        _judged("6", "start to first answer, to a bare function's", 1.1, ratio(compared, ANSWERS)),
        _bundle(size),
        _incremental(tables),
        *_growth(tables),
        _second_run(compared.get(SECOND_RUN)),
    ]  # fmt: skip


def _find(
    tables: Sequence[Table], rows: int, *, latency_ms: int = 0, faulty: bool = False, changed: int = 0
) -> Table | None:
    """The table of a scenario; None if it was not measured."""
    wanted = (rows, latency_ms, faulty, changed)
    for one in tables:
        case = one.scenario
        if (case.rows, case.latency_ms, case.faulty, case.changed) == wanted:
            return one
    return None


def _judged(number: str, text: str, limit: float, measured: Spread | None) -> Target:
    if measured is None:
        return Target(number, text, f"{limit:g}")
    shown = f"{measured.median:.2f} ({measured.least:.2f} to {measured.most:.2f})"
    return Target(number, text, f"{limit:g}", shown, measured.median <= limit)


def _ratio(number: str, text: str, limit: float, table: Table | None, *, to: str = "") -> Target:
    return _judged(number, text, limit, table.ratio(OURS, to=to) if table else None)


def _peak(table: Table | None, program: str) -> float | None:
    """The most memory of one program of ours, in MB, the middle one of its runs."""
    entry = table.right.get(OURS) if table else None
    return Spread.of([run.peaks.get(program, 0.0) for run in entry.runs]).median if entry else None


def _flat(tables: Sequence[Table]) -> Target:
    small, large = (_peak(_find(tables, rows), _FUNCTION) for rows in (20_000, 1_000_000))
    text = "peak of the function at 1,000,000 rows, to that at 20,000"
    if not small or not large:
        return Target("3", text, "1.2")
    return Target("3", text, "1.2", f"{large / small:.2f} ({small:.0f} MB)", large / small <= 1.2)


def _emulator_peak(tables: Sequence[Table]) -> Target:
    peaks = {rows: _peak(_find(tables, rows), EMULATOR) for rows in (20_000, 200_000, 1_000_000)}
    found = {rows: mb for rows, mb in peaks.items() if mb}
    text = "peak of the emulator up to 1,000,000 rows"
    if not found:
        return Target("3", text, "300 MB")
    shown = ", ".join(f"{mb:.0f} MB at {rows:,}" for rows, mb in found.items())
    complete = 1_000_000 in found
    met = max(found.values()) <= 300
    return Target("3", text, "300 MB", shown, met if complete or not met else None)


def _bundle(size: BundleSize | None) -> Target:
    text = "a bundle: our part of the upload; all that is installed, compiled"
    limit = "200 KB; 18 MB, 27 distributions"
    if size is None:
        return Target("6", text, limit)
    shown = f"{size.ours / 1e3:.0f} KB; {size.installed / 2**20:.1f} MB, {size.distributions} distributions"
    met = size.ours <= 200e3 and size.installed <= 18 * 2**20 and size.distributions <= 27
    return Target("6", text, limit, shown, met)


def _second_run(pairs: Pairs | None) -> Target:
    text = 'the second `nox -s "tests(casa)"`, outside pytest\'s own count'
    if not pairs:
        return Target("9", text, "2 s")
    beside = Spread.of([whole - own for whole, own in pairs])
    shown = f"{beside.median:.1f} s ({beside.least:.1f} to {beside.most:.1f})"
    return Target("9", text, "2 s", shown, beside.median <= 2)


def _faults(tables: Sequence[Table]) -> Target:
    text = "20,000 rows with `Retry-After: 0` on every seventh request, to without"
    return _ratio("5", text, 1.1, _find(tables, 20_000, faulty=True), to=f"{OURS}{NO_FAULTS}")


def _incremental(tables: Sequence[Table]) -> Target:
    text = "a sync of 100 changed rows with 2,000,000 in the warehouse, to one with 50,000"
    table = _find(tables, 2_000_000, changed=100)
    found = table.ratio(INCREMENTAL, to=f"{INCREMENTAL}{SMALL}") if table else None
    return _judged("7", text, 1.3, found)


def _growth(tables: Sequence[Table]) -> list[Target]:
    """CPU seconds as a line over the rows, and the ratio to the ceiling over them."""
    sizes = [20_000, 200_000, 1_000_000, 2_000_000]
    every = [_find(tables, rows) for rows in sizes]
    fit = "CPU seconds from 20,000 to 2,000,000 rows, the most off a line a + b N"
    grows = "the ratio to the ceiling at 2,000,000 rows, to that at 200,000"
    entries = [table.right.get(OURS) if table else None for table in every]
    points = [
        (float(rows), entry.spread("cpu").median) for rows, entry in zip(sizes, entries, strict=True) if entry
    ]
    if len(points) < len(sizes):
        return [Target("8", fit, "15 %"), Target("8", grows, "1.05")]
    off = max_deviation(points)
    first, last = (table.ratio(OURS) if table else None for table in (every[1], every[3]))
    line = Target("8", fit, "15 %", f"{off:.0%}", off <= 0.15)
    if first is None or last is None:
        return [line, Target("8", grows, "1.05")]
    growth = last.median / first.median
    return [line, Target("8", grows, "1.05", f"{growth:.2f}", growth <= 1.05)]


def max_deviation(points: Sequence[tuple[float, float]]) -> float:
    """How far the point that is off most is from the line through all of them, as a part of it.

    The line is the one with the smallest squares of those parts, so that the smallest point counts as much as the largest.
    """
    weights = [1 / y**2 for _, y in points]
    total = sum(weights)
    x_mean = sum(w * x for w, (x, _) in zip(weights, points, strict=True)) / total
    y_mean = sum(w * y for w, (_, y) in zip(weights, points, strict=True)) / total
    across = sum(w * (x - x_mean) * (y - y_mean) for w, (x, y) in zip(weights, points, strict=True))
    slope = across / sum(w * (x - x_mean) ** 2 for w, (x, _) in zip(weights, points, strict=True))
    return max(abs(y_mean + slope * (x - x_mean) - y) / y for x, y in points)
