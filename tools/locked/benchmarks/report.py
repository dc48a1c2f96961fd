"""A whole run: its tables, when and on what they were measured, and the same as JSON, from which it is read again."""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tools.environments.virtual_environments import VirtualEnvironment
from tools.locked.benchmarks.bundles import BundleSize
from tools.locked.benchmarks.comparisons import Pairs
from tools.locked.benchmarks.contestants import CONTESTANTS, INCREMENTAL, OURS, Contestant
from tools.locked.benchmarks.measuring import Run
from tools.locked.benchmarks.results import Entry, Table
from tools.locked.benchmarks.scenarios import Scenario
from tools.locked.benchmarks.targets import Target, targets
from tools.repository.errors import RepositoryError

_VERSIONS = (
    "import json, sys; from importlib.metadata import distributions; "
    "there = {one.name: one.version for one in distributions()}; "
    "print(json.dumps({name: there[name] for name in sys.argv[1:] if name in there}))"
)


@dataclass(frozen=True)
class Report:
    """What a run found. `versions` are those of each contestant's libraries, `compared` what is no sync, `bundle` its size if measured."""

    date: str
    quick: bool
    machine: Mapping[str, Any]
    versions: Mapping[str, Mapping[str, str]]
    tables: Sequence[Table]
    compared: Mapping[str, Pairs]
    bundle: BundleSize | None = None

    @classmethod
    def of(
        cls,
        tables: Sequence[Table],
        compared: Mapping[str, Pairs],
        bundle: BundleSize | None,
        *,
        quick: bool,
        machine: Mapping[str, Any],
        versions: Mapping[str, Mapping[str, str]],
    ) -> Report:
        """One of today."""
        today = dt.datetime.now(dt.UTC).date().isoformat()
        return cls(today, quick, machine, versions, tables, compared, bundle)

    @classmethod
    def read(cls, file: Path) -> Report:
        """One that was written with `--json`. RepositoryError for a file that is none."""
        try:
            found = json.loads(file.read_text("utf-8"))
            tables = [_table(one) for one in found["scenarios"]]
            bundle = BundleSize(**found["bundle"]) if found.get("bundle") else None
            return cls(
                found["date"],
                found["quick"],
                found["machine"],
                found["versions"],
                tables,
                found["compared"],
                bundle,
            )
        except OSError as error:
            raise RepositoryError(f"{file} cannot be read: {error.strerror}") from None
        except (ValueError, KeyError, TypeError) as error:
            raise RepositoryError(
                f"{file}: not a document of `nox -s bench -- --json FILE`: {error!r}"
            ) from None

    @property
    def targets(self) -> list[Target]:
        """What was aimed at, measured or not."""
        return targets(self.tables, self.compared, self.bundle)

    @property
    def ours_wrong(self) -> bool:
        """Whether one of our own runs left a wrong warehouse."""
        entries = [one.entries.get(name) for one in self.tables for name in (OURS, INCREMENTAL)]
        return any(entry.wrong for entry in entries if entry)

    def json(self) -> str:
        """All of it: each run, and the targets as they are judged."""
        head = {key: getattr(self, key) for key in ("date", "quick", "machine", "versions", "compared")}
        scenarios = [
            {
                **asdict(replace(one.scenario, beside=None)),
                "name": one.scenario.name,
                "ceiling": one.ceiling.contestant if one.ceiling else None,
                "entries": {name: _entry_document(one, entry) for name, entry in one.entries.items()},
            }
            for one in self.tables
        ]
        head["bundle"] = asdict(self.bundle) if self.bundle else None
        document = {**head, "scenarios": scenarios, "targets": [asdict(one) for one in self.targets]}
        return json.dumps(document, indent=2) + "\n"


def _entry_document(table: Table, entry: Entry) -> dict[str, Any]:
    runs = [{key: value for key, value in asdict(run).items() if key != "output"} for run in entry.runs]
    ratio = table.ratio(entry.contestant)
    return {"wrong": entry.wrong, "ratio": asdict(ratio) if ratio else None, "runs": runs}


def _table(found: Mapping[str, Any]) -> Table:
    keys = ("rows", "rounds", "latency_ms", "faulty", "changed")
    scenario = Scenario(**{key: found[key] for key in keys}, contestants=tuple(found["contestants"]))
    entries = {
        name: Entry(name, [Run(**run) for run in one["runs"]], one["wrong"])
        for name, one in found["entries"].items()
    }
    return Table(scenario, entries)


def machine() -> dict[str, Any]:
    """What this machine is, and how busy it is."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    memory = int(next(line for line in _lines("/proc/meminfo") if line.startswith("MemTotal")).split()[1])
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "memory_gb": round(memory / 1e6),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
    }


def _lines(file: str) -> list[str]:
    return Path(file).read_text("utf-8").splitlines()


def versions(made: Mapping[str, VirtualEnvironment], names: Sequence[str]) -> dict[str, dict[str, str]]:
    """The versions of what each contestant stands on, as its own environments say."""
    return {name: _versions(made, CONTESTANTS[name]) for name in names}


def _versions(made: Mapping[str, VirtualEnvironment], one: Contestant) -> dict[str, str]:
    """Those of one contestant: where two of its environments have a library, the first one's."""
    found: dict[str, str] = {}
    for name in one.environments:
        command = [str(made[name].python), "-c", _VERSIONS, *one.shown]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found = {**json.loads(done.stdout), **found}
    return {library: found[library] for library in one.shown if library in found}
