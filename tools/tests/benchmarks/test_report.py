from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tools.locked.benchmarks import page, plot
from tools.locked.benchmarks.bundles import BundleSize
from tools.locked.benchmarks.comparisons import PAGES, TABLES
from tools.locked.benchmarks.contestants import CONTESTANTS, INCREMENTAL
from tools.locked.benchmarks.measuring import Run
from tools.locked.benchmarks.report import Report
from tools.locked.benchmarks.results import Entry, Spread, Table
from tools.locked.benchmarks.scenarios import FULL, NO_FAULTS, QUICK, SMALL, Scenario
from tools.locked.benchmarks.targets import max_deviation, targets
from tools.repository.errors import RepositoryError

WALLS = {"limit-raw": (1.0, 2.0, 4.0), "limit-parallel": (3.0, 3.0, 3.0), "ours": (3.0, 2.0, 8.0)}
PAIRS = {"per row": [(3.0, 2.0), (4.0, 2.0), (5.0, 2.0)]}
SIZE = BundleSize(123_456, 17_000_000, 26)
MACHINE = {"processor": "A", "cores": 2, "memory_gb": 24, "python": "3.11.7", "load": 0.1}


def table(walls: Mapping[str, tuple[float, ...]], rows: int = 200_000, **wrong: str) -> Table:
    """One with these seconds for each contestant."""
    entries = {
        name: Entry(name, [Run(wall, wall, 100.0) for wall in seconds], wrong.get(name.replace("-", "_"), ""))
        for name, seconds in walls.items()
    }
    return Table(Scenario(rows, tuple(walls), 3), entries)


def report(*tables: Table) -> Report:
    """A report of them."""
    names = {name for one in tables for name in one.entries}
    return Report(
        "2026-01-02", False, MACHINE, {name: {"duckdb": "1"} for name in sorted(names)}, tables, PAIRS, SIZE
    )


def test_a_ratio_is_taken_inside_its_round() -> None:
    """A machine that is busy for one round slows both: 3, 1 and 2 times, not 3 s over 2 s."""
    assert table(WALLS).ratio("ours") == Spread(2.0, 1.0, 3.0)
    assert table(WALLS).ratio("ours", to="limit-parallel") == Spread(1.0, 2 / 3, 8 / 3)


def test_the_ceiling_is_the_faster_one_that_is_right() -> None:
    """Losing a row makes nothing fast."""
    fast, slow = table(WALLS).ceiling, table(WALLS, limit_raw="1 row").ceiling
    assert fast
    assert slow
    assert (fast.contestant, slow.contestant) == ("limit-raw", "limit-parallel")


def test_a_wrong_count_is_shown_and_has_no_time() -> None:
    """Neither in the table nor in a target nor in the picture."""
    found = table(WALLS, ours="199,999 rows, 199,999 keys of 200,000")
    text = page.tables(report(found))
    assert "| ours | WRONG: 199,999 rows, 199,999 keys of 200,000 | | | | |" in text
    assert found.ratio("ours") is None
    assert {one.met for one in targets([found], {})} == {None}
    assert ">ours<" not in plot.svg([found])
    assert report(found).ours_wrong


def test_the_table_has_the_fastest_first_with_least_and_most() -> None:
    """What a reader compares."""
    rows = [line for line in page.tables(report(table(WALLS))).splitlines() if line.count("|") == 7]
    assert [row.split(" | ")[0].strip("| ") for row in rows[2:]] == ["limit-raw", "limit-parallel", "ours"]
    assert "| ours | 2.00 (1.00 to 3.00) | 3.00 (2.00 to 8.00) |" in rows[-1]


def test_targets_are_judged_and_what_is_not_measured_says_so() -> None:
    """All nine are listed whatever a run measured."""
    none, found = targets([], {}), targets([table(WALLS)], PAIRS)
    assert {one.number for one in none} == set("123456789")
    assert {(one.measured, one.met) for one in none} == {("not measured", None)}
    assert (found[0].measured, found[0].met) == ("2.00 (1.00 to 3.00)", True)
    per_row = next(one for one in found if one.number == "4")
    assert (per_row.measured, per_row.met) == ("2.00 (1.50 to 2.50)", False)
    missed = targets([table({**WALLS, "ours": (9.0, 9.0, 9.0)})], {})
    assert missed[0].met is False


def test_faults_and_sizes_are_compared_inside_their_rounds() -> None:
    """Each with what ran beside it, not with another scenario's minutes away."""
    walls = {"ours": (2.0, 3.0, 8.0), f"ours{NO_FAULTS}": (1.0, 3.0, 4.0)}
    faulty = replace(table(walls), scenario=Scenario(20_000, ("ours",), 3, faulty=True))
    walls = {INCREMENTAL: (1.2, 2.4, 4.8), f"{INCREMENTAL}{SMALL}": (1.0, 2.0, 4.0)}
    sizes = replace(table(walls), scenario=Scenario(2_000_000, (INCREMENTAL,), 3, changed=100))
    found = {one.number: (one.measured, one.met) for one in targets([faulty, sizes], {})}
    assert found["5"] == ("2.00 (1.00 to 2.00)", False)
    assert found["7"] == ("1.20 (1.20 to 1.20)", True)


@pytest.mark.parametrize(
    ("size", "met"),
    [
        (BundleSize(200_000, 18 * 2**20, 27), True),
        (BundleSize(200_001, 1, 1), False),
        (BundleSize(1, 18 * 2**20 + 1, 1), False),
        (BundleSize(1, 1, 28), False),
    ],
)
def test_a_bundle_is_judged_by_all_three_sizes(size: BundleSize, met: bool) -> None:
    """And shown with them."""
    (found,) = (one for one in targets([], {}, size) if "bundle" in one.text)
    assert found.met is met
    assert f"; {size.installed / 2**20:.1f} MB, {size.distributions} distributions" in found.measured


def test_what_is_asked_for_at_the_same_time_is_judged_by_its_rounds() -> None:
    """Each pair is of one round: what it takes in parallel, and what it is compared with."""
    pairs = {TABLES: [(1.1, 1.0), (2.4, 2.0), (9.0, 3.0)], PAGES: [(3.0, 5.0)]}
    found = [one for one in targets([], pairs) if "parallel" in one.text]
    assert [(one.measured, one.met) for one in found] == [
        ("1.20 (1.10 to 3.00)", True),
        ("0.60 (0.60 to 0.60)", False),
    ]


def test_growth_is_judged_over_four_sizes() -> None:
    """More rows must not cost more than their part."""
    sizes = (20_000, 200_000, 1_000_000, 2_000_000)
    straight = [table({**WALLS, "ours": (1 + rows / 1e5,) * 3}, rows) for rows in sizes]
    bent = [*straight[:3], table({**WALLS, "ours": (40.0,) * 3}, sizes[-1])]
    fits = [next(one for one in targets(every, {}) if one.number == "8") for every in (straight, bent)]
    assert [one.met for one in fits] == [True, False]


@pytest.mark.parametrize(("last", "off"), [(21.0, 0.0), (42.0, 0.4)])
def test_the_point_that_is_off_most_is_found(last: float, off: float) -> None:
    """As a part of itself: a small point is as far off as a large one."""
    assert max_deviation([(0, 1.0), (10, 11.0), (20, last)]) == pytest.approx(off, abs=0.05)


def test_a_report_is_read_again_as_it_was(tmp_path: Path) -> None:
    """`--from FILE` shows what `--json FILE` wrote, so that a page's words change without an hour of runs."""
    found, file = report(table(WALLS, ours="1 row")), tmp_path / "found.json"
    file.write_text(found.json(), "utf-8")
    assert page.rendered(Report.read(file)) == page.rendered(found)
    ours = json.loads(file.read_text("utf-8"))["scenarios"][0]["entries"]["ours"]
    assert (ours["wrong"], ours["runs"][1]["wall"]) == ("1 row", 2.0)


def test_a_file_that_is_no_report_is_one_sentence(tmp_path: Path) -> None:
    """Never a traceback."""
    file = tmp_path / "found.json"
    file.write_text("{}", "utf-8")
    with pytest.raises(RepositoryError, match="not a document of `nox -s bench"):
        Report.read(file)
    with pytest.raises(RepositoryError, match=r"nothing\.json cannot be read: No such file or directory$"):
        Report.read(tmp_path / "nothing.json")


def test_the_picture_has_a_bar_for_each(tmp_path: Path) -> None:
    """Well-formed, and written to docs beside the page."""
    (tmp_path / "docs" / "pictures").mkdir(parents=True)
    page.write(tmp_path, report(table(WALLS)))
    picture = ET.fromstring((tmp_path / page.PICTURE).read_text("utf-8"))  # noqa: S314 - our own
    assert len(picture.findall("{http://www.w3.org/2000/svg}line")) == len(WALLS)
    assert "2026-01-02" in (tmp_path / page.PAGE).read_text("utf-8")


def test_scenarios_name_contestants_that_exist() -> None:
    """And each contestant's module does."""
    assert {name for one in (*QUICK, *FULL) for name in one.contestants} == set(CONTESTANTS)
    root = Path(__file__).resolve().parents[3]
    assert all(
        (root / "benchmarks" / f"{one.module.replace('.', '/')}.py").is_file() for one in CONTESTANTS.values()
    )
