from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from tools.locked.benchmarks.measuring import Run, measure
from tools.repository.errors import RepositoryError

BURNS = "import time\nwhile time.process_time() < 0.2: pass"
HOLDS = "import time; held = bytearray(80_000_000); time.sleep(0.4)"
STARTS = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', {script!r}]){then}"


def run(folder: Path, script: str, seconds: float = 60.0) -> Run:
    """One run of a Python script."""
    return measure(
        [sys.executable, "-c", script], cwd=folder, env={}, log=folder / "log.txt", seconds=seconds
    )


@pytest.mark.parametrize("then", [".wait()", ""], ids=["waited for", "left alone"])
def test_the_seconds_of_every_process_count(tmp_path: Path, then: str) -> None:
    """A contestant's workers cost as much as it does itself, also those that nobody waits for."""
    assert run(tmp_path, STARTS.format(script=BURNS, then=then)).cpu >= 0.2


def test_the_memory_of_the_tree_is_seen(tmp_path: Path) -> None:
    """Two processes at once count together, and each under its name."""
    script = tmp_path / "worker.py"
    script.write_text(HOLDS, "utf-8")
    starts = (
        f"import subprocess, sys; w = subprocess.Popen([sys.executable, {str(script)!r}]); {HOLDS}; w.wait()"
    )
    found = run(tmp_path, starts)
    assert found.peak_mb > 160
    assert found.peaks["worker.py"] > 80


def test_what_it_says_and_how_it_ends_are_kept(tmp_path: Path) -> None:
    """A contestant that fails is shown with its own words."""
    found = run(tmp_path, "import sys; print('no such table'); sys.exit(3)")
    assert (found.status, found.output) == (3, "no such table")


def test_a_run_that_does_not_end_is_ended(tmp_path: Path) -> None:
    """One that hangs does not hold up the others."""
    assert run(tmp_path, "import time; time.sleep(600)", seconds=0.3).status != 0


def test_a_process_that_stays_behind_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its seconds would be nobody's; it is ended."""
    monkeypatch.setattr("tools.locked.benchmarks.measuring._ORPHAN_SECONDS", 0.2)
    stays = f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    with pytest.raises(RepositoryError, match="left 1 processes behind"):
        run(tmp_path, STARTS.format(script=stays, then="; import time; time.sleep(0.5)"))
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text("utf-8")), 0)


def test_an_interrupted_run_leaves_nothing_running(tmp_path: Path) -> None:
    """Ctrl-C reaches who measures; the contestant is in a session of its own."""
    pid = tmp_path / "pid"
    script = (
        f"import os, pathlib, time; pathlib.Path({str(pid)!r}).write_text(str(os.getpid())); time.sleep(600)"
    )
    main = threading.get_ident()
    threading.Thread(target=_interrupt, args=(main, pid)).start()
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, script)
    with pytest.raises(ChildProcessError):
        os.waitpid(int(pid.read_text("utf-8")), 0)


def _interrupt(thread: int, once: Path) -> None:
    """Send this process a Ctrl-C once the file is there."""
    while not (once.is_file() and once.read_text("utf-8")):
        time.sleep(0.02)
    signal.pthread_kill(thread, signal.SIGINT)
