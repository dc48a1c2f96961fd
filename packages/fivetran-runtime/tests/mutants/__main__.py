"""Put each fault into the runtime and print what finds it: `python -m mutants [WORD ...]`; 1 if one is not found.

With words, only the mutants whose promise or place holds one of them. `--show` prints how each failed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from mutants.catalogue import MUTANTS
from mutants.histories_with_fault import MAX_SEEDS
from mutants.mutant import BROKEN, HISTORIES, Mutant

TESTS = Path(__file__).parents[1]
_TIMEOUT_S = 1_800
ENDLESS = 124
FOUND = 1
"""The exit status of pytest when a test failed."""


@dataclass(frozen=True)
class Result:
    """What a process with a fault came to."""

    mutant: Mutant
    status: int
    output: str

    @property
    def is_found(self) -> bool:
        """Whether the test failed; a fault that is wrong itself, or a test that does not exist, finds nothing."""
        return self.status == FOUND

    @property
    def line(self) -> str:
        """A line for people."""
        if self.is_found and self.mutant.found_by == HISTORIES:
            return f"{self.mutant.promise}: {self.output.partition(':')[0]} of the histories"
        if self.is_found:
            return f"{self.mutant.promise}: {self.mutant.found_by}"
        return f"NOT FOUND  {self.mutant.promise}: {self._why()}"

    def _why(self) -> str:
        if self.status == BROKEN:
            return f"its fault is wrong itself\n{self.output}"
        if self.status == 0:
            by = f"{MAX_SEEDS} histories" if self.mutant.found_by == HISTORIES else self.mutant.found_by
            return f"{by} passed"
        return f"exit {self.status}\n{self.output}"


def result(mutant: Mutant) -> Result:
    """Run what has to find a fault, in a process of its own."""
    command = (
        ["-m", "mutants.histories_with_fault"]
        if mutant.found_by == HISTORIES
        else ["-m", "pytest", "-x", "-q", "-p", "mutants.plugin", "-p", "no:cacheprovider", mutant.found_by]
    )
    try:
        done = subprocess.run(
            [sys.executable, *command],
            cwd=TESTS,
            env={**os.environ, "FAULT": mutant.promise, "PYTHONPATH": str(TESTS)},
            capture_output=True,
            text=True,
            check=False,
            timeout=_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        return Result(mutant, ENDLESS, f"its test did not end within {_TIMEOUT_S} s")
    return Result(mutant, done.returncode, done.stdout + done.stderr)


def main() -> int:
    """Run all mutants on all cores; a line for each, and the share that is found."""
    parser = argparse.ArgumentParser(prog="mutants", description="Faults put into the runtime.")
    parser.add_argument("words", nargs="*", metavar="WORD", help="only mutants that hold one of these words")
    parser.add_argument("--processes", type=int, metavar="N", help="how many at once; one a core if none")
    parser.add_argument("--show", action="store_true", help="print how each failed")
    options = parser.parse_args()
    chosen = [one for one in MUTANTS.values() if _is_chosen(one, options.words)]
    found = 0
    with ThreadPoolExecutor(options.processes or os.cpu_count()) as pool:
        for one in map(Future.result, as_completed([pool.submit(result, mutant) for mutant in chosen])):
            found += one.is_found
            print(one.line, flush=True)
            if options.show:
                print(
                    "\n".join(line for line in one.output.splitlines() if line.startswith("E  ")), flush=True
                )
    print(f"{len(chosen)} mutants of the runtime, found {found} ({100 * found // max(1, len(chosen))} %)")
    return 0 if found == len(chosen) else 1


def _is_chosen(mutant: Mutant, words: list[str]) -> bool:
    text = f"{mutant.promise} {mutant.where} {mutant.found_by}"
    return not words or any(word in text for word in words)


if __name__ == "__main__":
    sys.exit(main())
