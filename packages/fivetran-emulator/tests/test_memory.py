"""Memory does not grow with the number of answers."""

from __future__ import annotations

import subprocess
import sys

from scripted import Emulator, Json

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

    def page(request: Json) -> Json:
        state = request["state"]
        n = state.get("n", 0) if isinstance(state, dict) else 0
        rows = [{"id": n * ROWS + k, "text": "x" * 200, "n": k} for k in range(ROWS)]
        keys = {"t": {"primary_key": ["id"]}}
        return {"state": {"n": n + 1}, "insert": {"t": rows}, "schema": keys, "hasMore": n + 1 < answers}

    emulator.function.answers = [page]
    arguments = ["sync", "--quiet", "--url", emulator.function.url, "--warehouse", str(emulator.path)]
    command = [sys.executable, "-c", MEASURE, *arguments, "--schema", f"rows_{answers}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1])


def test_five_times_the_rows_need_no_more_memory(emulator: Emulator) -> None:
    """An answer is let go when it is loaded; what DuckDB keeps in memory is bounded."""
    few = peak(emulator, 8)
    emulator.path.unlink()
    assert peak(emulator, 40) < 1.4 * few
