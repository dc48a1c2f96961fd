"""`nox -s bench`: every scenario in interleaved rounds, then a table, a document and the page docs/benchmarks.md."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from tools.environments.virtual_environments import VirtualEnvironment
from tools.locked.benchmarks import page
from tools.locked.benchmarks.bundles import bundle_size
from tools.locked.benchmarks.comparisons import Pairs, compared
from tools.locked.benchmarks.contestants import CONTESTANTS, OURS, RUNTIME, Contestant, environments
from tools.locked.benchmarks.measuring import Run, measure
from tools.locked.benchmarks.report import Report, machine, versions
from tools.locked.benchmarks.results import Entry, Table, fault
from tools.locked.benchmarks.scenarios import Scenario, chosen
from tools.locked.benchmarks.second_run import SECOND_RUN, second_run
from tools.repository.errors import RepositoryError, run_as_command
from tools.repository.model import Repository
from tools.repository.names import unknown

_LONGEST = 1_800.0
"""Seconds for one run; what takes longer is ended and wrong."""
_CEILING = "benchmark-ceiling"
"""The environment whose DuckDB counts what every contestant left."""


@dataclass(frozen=True)
class _Case:
    """A scenario with its source served; `end` is what its contestants' names end in."""

    end: str
    scenario: Scenario
    url: str

    @property
    def prepared(self) -> tuple[str, ...]:
        """The contestants of which a second sync is measured."""
        return self.scenario.contestants if self.scenario.changed else ()

    def name_of(self, contestant: str) -> str:
        """What the contestant is called in the report."""
        return f"{contestant}{self.end}"


@dataclass(frozen=True)
class Bench:
    """Where it runs, with the environments made, and a folder for what is thrown away."""

    root: Path
    environments: Mapping[str, VirtualEnvironment]
    folder: Path

    def table(self, scenario: Scenario) -> Table:
        """Measure one scenario; each run gets a line on standard error."""
        say(f"\n{scenario.name}")
        rounds: dict[str, list[tuple[Run, str]]] = {}
        with ExitStack() as running:
            every = [("", scenario), *([scenario.beside] if scenario.beside else [])]
            cases = [_Case(end, one, running.enter_context(served(self.root, one))) for end, one in every]
            first = {case.name_of(name): self._first(case, name) for case in cases for name in case.prepared}
            for number, name, case in product(range(scenario.rounds), scenario.contestants, cases):
                shown = case.name_of(name)
                run, wrong = self._run(CONTESTANTS[name], case, first.get(shown))
                rounds.setdefault(shown, []).append((run, wrong))
                what = wrong or f"{run.wall:8.2f} s {run.cpu:8.2f} CPU s {run.peak_mb:7,.0f} MB"
                say(f"  {number + 1}/{scenario.rounds} {shown:<28} {what}")
        return Table(scenario, {name: _entry(name, done) for name, done in rounds.items()})

    def _first(self, case: _Case, name: str) -> Path:
        """The warehouse after a first sync, which is not measured."""
        file = self.folder / f"{case.name_of(name)}-first.duckdb"
        unchanged = replace(case, scenario=replace(case.scenario, changed=0))
        _, wrong = self._run(CONTESTANTS[name], unchanged, None, database=file)
        if wrong:
            raise RepositoryError(f"{name}: its first sync is wrong: {wrong}")
        return file

    def _run(
        self, one: Contestant, case: _Case, first: Path | None, *, database: Path | None = None
    ) -> tuple[Run, str]:
        """One run, into a copy of `first` if there is one, and what is wrong with it."""
        file = database or self.folder / f"{one.name}.duckdb"
        for old in self.folder.glob(f"{file.name}*"):
            old.unlink()
        if first:
            shutil.copy(first, file)
        python, *others = (str(self.environments[name].python) for name in one.environments)
        command = [python, "-m", f"benchmarks.{one.module}", case.url, str(file), *others]
        env = {"PYTHONPATH": str(self.root), "NO_PROXY": "127.0.0.1"}
        run = measure(
            command, cwd=self.folder, env=env, log=self.folder / f"{one.name}.log", seconds=_LONGEST
        )
        if run.status:
            say(run.output)
            return run, f"exit status {run.status}"
        try:
            return run, fault(self.counted(file), case.scenario)
        except RepositoryError as error:
            return run, str(error).splitlines()[-1]

    def counted(self, database: Path) -> dict[str, int]:
        """What is in the warehouse, as a process of its own counts it."""
        return counted(self.environments[_CEILING].python, self.root, database)


def counted(python: Path, root: Path, database: Path) -> dict[str, int]:
    """Rows, keys and changed rows in a DuckDB file, counted by a Python that has DuckDB. RepositoryError if it cannot."""
    command = [str(python), "-m", "benchmarks.counted", str(database)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RepositoryError(f"{database}: its rows cannot be counted: {done.stderr.strip()}")
    return dict(json.loads(done.stdout))


@contextmanager
def served(root: Path, scenario: Scenario) -> Iterator[str]:
    """The source for a scenario, in a process of its own: its URL."""
    command = [sys.executable, "-m", "tools.locked.benchmarks.source", *scenario.source_options()]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        try:
            url = process.stdout.readline().strip() if process.stdout else ""
            if not url:
                raise RepositoryError("the source does not start")
            yield url
        finally:
            process.terminate()


def _entry(name: str, done: Sequence[tuple[Run, str]]) -> Entry:
    return Entry(name, [run for run, _ in done], next((wrong for _, wrong in done if wrong), ""))


def say(text: str) -> None:
    """One line on what is going on; standard output is the report's."""
    print(text, file=sys.stderr, flush=True)


def main(arguments: list[str]) -> int:
    """Measure, print the tables, and write the documents that were asked for; 1 if one of ours is wrong."""
    parser = argparse.ArgumentParser(prog="nox -s bench --")
    parser.add_argument("contestants", nargs="*")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--from", dest="earlier", type=Path)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args(arguments)
    root = Path.cwd()
    report = Report.read(options.earlier) if options.earlier else _measured(root, options)
    if options.json:
        options.json.write_text(report.json(), "utf-8")
    print(page.tables(report))
    if options.write:
        page.write(root, report)
    return 1 if report.ours_wrong else 0


def _measured(root: Path, options: argparse.Namespace) -> Report:
    for name in options.contestants:
        if name not in CONTESTANTS:
            raise unknown("contestant", name, CONTESTANTS)
    scenarios = list(chosen(quick=options.quick, only=options.contestants))
    names = dict.fromkeys(name for one in scenarios for name in one.contestants)
    every = environments(Repository(root))
    needed = {_CEILING, *(environment for name in names for environment in CONTESTANTS[name].environments)}
    made = {name: every[name].prepare() for name in sorted(needed)}
    size = bundle_size(Repository(root)) if OURS in names else None
    # Everybody's modules are compiled once, as they are wherever this is not set: compiling at each start takes
    # each process about a second.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    before = machine()
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        bench = Bench(root, made, Path(folder))
        found = [bench.table(scenario) for scenario in scenarios]
    starts = 9 if options.quick else 25
    pairs = _compared(root, every[RUNTIME].prepare(), starts) if OURS in names else {}
    if OURS in names and not options.quick:
        pairs[SECOND_RUN] = second_run(root)
    return Report.of(
        found, pairs, size, quick=options.quick, machine=before, versions=versions(made, list(names))
    )


def _compared(root: Path, runtime: VirtualEnvironment, starts: int) -> dict[str, Pairs]:
    say("\nwithout a sync")
    slow = Scenario(20_000, (), rounds=1, latency_ms=20)
    with served(root, Scenario(50_000, (), rounds=1)) as url, served(root, slow) as slow_url:
        return compared(runtime.python, root, url, slow_url, starts=starts)


if __name__ == "__main__":
    run_as_command(main)
