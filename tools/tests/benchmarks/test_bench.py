from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from small_repository import ROOT

from tools.environments.virtual_environments import VirtualEnvironment
from tools.locked.benchmarks import bench
from tools.locked.benchmarks.contestants import INCREMENTAL
from tools.locked.benchmarks.measuring import Run
from tools.locked.benchmarks.scenarios import NO_FAULTS, QUICK, SMALL, Scenario, chosen, incremental
from tools.repository.errors import RepositoryError

COMPLETE = {"rows": 5, "keys": 5, "changed": 0}


class Recorded:
    """In the place of the runs and of DuckDB: which contestants ran, into which file, and what each left."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.ran: list[tuple[str, str]] = []
        self.began_with: list[str] = []
        self.left: dict[str, Any] = defaultdict(lambda: COMPLETE)
        monkeypatch.setattr(bench, "measure", self._measure)
        monkeypatch.setattr(bench, "counted", lambda *given: self._counted(given[-1]))
        environment = VirtualEnvironment(folder, ())
        self.bench = bench.Bench(ROOT, defaultdict(lambda: environment), folder)

    def _measure(self, command: list[str], **_: object) -> Run:
        module, _url, database = command[2:5]
        file = Path(database)
        self.began_with.append(file.read_text("utf-8") if file.is_file() else "")
        file.write_text(f"{file.stem} was here", "utf-8")
        self.ran.append((module.rpartition(".")[2], Path(database).stem))
        return Run(1.0, 1.0, 1.0, status=3 if module.endswith("fails") else 0)

    def _counted(self, database: Path) -> dict[str, int]:
        found = self.left[database.stem]
        found = found.pop(0) if isinstance(found, list) else found
        if isinstance(found, RepositoryError):
            raise found
        return dict(found)


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Recorded:
    """One for each test."""
    return Recorded(monkeypatch, tmp_path)


def test_rounds_are_interleaved(recorded: Recorded) -> None:
    """A B A B, never A A B B: what a machine does meanwhile meets all of them."""
    table = recorded.bench.table(Scenario(5, ("limit-raw", "dlt-arrow"), rounds=2))
    assert [name for name, _ in recorded.ran] == ["limit_raw", "arrow"] * 2
    assert {name: len(entry.runs) for name, entry in table.entries.items()} == {
        "limit-raw": 2,
        "dlt-arrow": 2,
    }


def test_a_row_lost_in_any_round_makes_a_contestant_wrong(recorded: Recorded) -> None:
    """Also where what it left cannot be read at all."""
    recorded.left["dlt-arrow"] = [COMPLETE, {**COMPLETE, "rows": 4, "keys": 4}]
    recorded.left["singer"] = RepositoryError("x:\nValueError: 0 tables are called tickets")
    table = recorded.bench.table(Scenario(5, ("limit-raw", "dlt-arrow", "singer"), rounds=2))
    assert {name: entry.wrong for name, entry in table.entries.items()} == {
        "limit-raw": "", "dlt-arrow": "4 rows, 4 keys of 5", "singer": "ValueError: 0 tables are called tickets",
    }  # fmt: skip


def test_a_second_sync_begins_each_time_where_the_first_one_ended(recorded: Recorded) -> None:
    """Into a copy of the same warehouse, the small case beside the large one in each round."""
    changed = {"rows": 5, "keys": 5, "changed": 2}
    small = Scenario(5, (INCREMENTAL,), 2, changed=2)
    recorded.left |= {INCREMENTAL: changed}
    scenario = Scenario(5, (INCREMENTAL,), 2, changed=2, beside=(SMALL, small))
    table = recorded.bench.table(scenario)
    firsts, runs = recorded.ran[:2], recorded.ran[2:]
    assert [file for _, file in firsts] == [f"{INCREMENTAL}-first", f"{INCREMENTAL}{SMALL}-first"]
    assert [file for _, file in runs] == [INCREMENTAL] * 4
    large, small_one = f"{INCREMENTAL}-first was here", f"{INCREMENTAL}{SMALL}-first was here"
    assert recorded.began_with == ["", "", large, small_one, large, small_one]
    assert [entry.wrong for entry in table.entries.values()] == ["", ""]


def test_a_first_sync_that_is_wrong_ends_the_run(recorded: Recorded) -> None:
    """What comes after it would say nothing."""
    recorded.left[f"{INCREMENTAL}-first"] = {**COMPLETE, "rows": 4}
    with pytest.raises(RepositoryError, match="its first sync is wrong: 4 rows, 5 keys of 5"):
        recorded.bench.table(Scenario(5, (INCREMENTAL,), 1, changed=2))


def test_contestants_are_chosen_with_the_ceiling() -> None:
    """One alone would have nothing to be compared with."""
    found = list(chosen(quick=True, only=["singer"]))
    assert [one.contestants for one in found] == [("limit-raw", "limit-parallel", "singer"), ("singer",)]
    assert found[1].beside
    assert found[1].beside[0] == NO_FAULTS
    assert found[1].beside[1].contestants == ("singer",)
    assert list(chosen(quick=True, only=[])) == list(QUICK)


def test_the_small_warehouse_differs_in_nothing_else() -> None:
    """The ratio of the two is the price of the size."""
    large = incremental(2_000_000, rounds=5)
    assert large.beside
    small = large.beside[1]
    assert (small.changed, small.rounds, small.contestants) == (
        large.changed,
        large.rounds,
        large.contestants,
    )
    assert "--shuffled" in large.source_options()
    assert small.source_options()[1:] == large.source_options()[1:]
