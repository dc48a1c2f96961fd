"""Memory does not grow with the number of answers."""

from __future__ import annotations

import subprocess
import sys

from scripted import Emulator, Json, numbered

ROWS = 2_000
MEASURE = """
import resource, sys
from fivetran_emulator.__main__ import main
status = main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
sys.exit(status)
"""


def peak(emulator: Emulator, answers: int) -> int:
    """The most memory, in kilobytes, of a process that syncs so many answers of the same size."""

    def page(n: int) -> Json:
        rows = [{"id": n * ROWS + k, "text": "x" * 200, "n": k} for k in range(ROWS)]
        return {"insert": {"t": rows}, "schema": {"t": {"primary_key": ["id"]}}}

    emulator.function.answers = [numbered(answers, page)]
    arguments = ["sync", "--quiet", "--url", emulator.function.url, "--warehouse", str(emulator.path)]
    command = [sys.executable, "-c", MEASURE, *arguments, "--schema", f"rows_{answers}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1])


def test_five_times_the_rows_need_no_more_memory(emulator: Emulator) -> None:
    """An answer is let go when it is loaded; what DuckDB keeps in memory is bounded."""
    few = peak(emulator, 8)
    emulator.path.unlink()
    assert peak(emulator, 40) < 1.4 * few
