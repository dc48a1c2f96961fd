"""One run of a contestant, measured: the whole tree of processes from its start to its end.

CPU seconds are what the kernel has counted of the process and of every descendant, also of those whose parent did not wait for
them; memory is what /proc says of the tree every 50 ms, shared pages counted once a process.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tools.repository.errors import RepositoryError

_EVERY = 0.05
_ORPHAN_SECONDS = 5.0
_PR_SET_CHILD_SUBREAPER = 36  # of <linux/prctl.h>
_PROC = Path("/proc")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Run:
    """What one run took: seconds by the clock and by the processors, and the most memory, of the tree and of each program, in MB."""

    wall: float
    cpu: float
    peak_mb: float
    peaks: Mapping[str, float] = field(default_factory=dict)
    output: str = ""
    status: int = 0


def measure(command: Sequence[str], *, cwd: Path, env: Mapping[str, str], log: Path, seconds: float) -> Run:
    """Run `command` to its end and measure it; what it prints goes to `log`, of which the last lines are kept.

    After `seconds` it is ended. RepositoryError where there is no /proc, or if a process stays behind.
    """
    if not (_PROC / "self" / "task").is_dir():
        raise RepositoryError("benchmarks read /proc, so they need Linux")
    with _orphans_adopted():
        return _measured(command, cwd=cwd, env={**os.environ, **env}, log=log, seconds=seconds)


def _measured(command: Sequence[str], *, cwd: Path, env: Mapping[str, str], log: Path, seconds: float) -> Run:
    with log.open("w+b") as said:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=cwd, env=env, stdout=said, stderr=said, start_new_session=True
        )
        try:
            with _Memory(process.pid) as memory, _ended_after(process.pid, seconds):
                _, status, used = os.wait4(process.pid, 0)
                wall = time.perf_counter() - began
        except BaseException:
            process.wait()  # it was ended
            raise
    process.returncode = os.waitstatus_to_exitcode(status)
    with _ended_after(process.pid, _ORPHAN_SECONDS) as ended:
        cpu = used.ru_utime + used.ru_stime + _orphans_cpu(process.pid)
    if ended:
        raise RepositoryError(f"{' '.join(command)} left {len(ended)} processes behind that do not end")
    output = "\n".join(log.read_text("utf-8", "replace").splitlines()[-30:])
    return Run(wall, cpu, memory.peak, memory.peaks, output, process.returncode)


@contextmanager
def _orphans_adopted() -> Iterator[None]:
    """Be the parent of descendants whose own parent has ended, so that they can be waited for."""
    prctl = ctypes.CDLL(None).prctl
    prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def _orphans_cpu(group: int) -> float:
    """Wait for what a contestant has left behind, such as a tracker of shared memory; its seconds."""
    seconds = 0.0
    while True:
        try:
            _, _, used = os.wait4(-group, 0)
        except ChildProcessError:
            return seconds
        seconds += used.ru_utime + used.ru_stime


@contextmanager
def _ended_after(session: int, seconds: float) -> Iterator[list[int]]:
    """End every process of a session after so many seconds, or at a Ctrl-C; those that were, which are none until then."""
    ended: list[int] = []
    late = threading.Timer(seconds, lambda: ended.extend(_end(session)))
    late.start()
    try:
        yield ended
    except BaseException:
        ended.extend(_end(session))
        raise
    finally:
        late.cancel()
        late.join()


class _Memory:
    """Looks at the memory of a process and its descendants from a thread of its own, until left."""

    def __init__(self, pid: int) -> None:
        self.peak = 0.0
        self.peaks: dict[str, float] = {}
        self._pid, self._ended = pid, threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(_EVERY):
            used = [(_program(pid), _resident_mb(pid)) for pid in tree(self._pid)]
            self.peak = max(self.peak, sum(mb for _, mb in used))
            for program, mb in used:
                self.peaks[program] = max(self.peaks.get(program, 0.0), mb)


def tree(pid: int) -> Iterator[int]:
    """A process and all its descendants, as far as they exist now."""
    yield pid
    for children in (_PROC / str(pid) / "task").glob("*/children"):
        for child in _read(children).split():
            yield from tree(int(child))


def _program(pid: int) -> str:
    """What a process is: its module or script without the interpreter and without arguments."""
    words = [word for word in _read(_PROC / str(pid) / "cmdline").split("\0") if word]
    if "-c" in words:
        return "python -c"
    named = [word for word in words[1:] if not word.startswith("-")] or words
    return Path(named[0]).name if named else "?"


def _resident_mb(pid: int) -> float:
    fields = _read(_PROC / str(pid) / "statm").split()
    return int(fields[1]) * _PAGE / 1e6 if fields else 0.0


def _read(file: Path) -> str:
    """The text of a file of /proc; empty if its process has ended meanwhile."""
    try:
        return file.read_text("utf-8", "replace")
    except OSError:
        return ""


def _end(session: int) -> Iterator[int]:
    """End every process of a session: their numbers."""
    for folder in _PROC.glob("[0-9]*"):
        fields = _read(folder / "stat").rpartition(")")[2].split()
        if len(fields) > 3 and int(fields[3]) == session and fields[0] != "Z":
            with suppress(ProcessLookupError):
                os.kill(int(folder.name), signal.SIGKILL)
            yield int(folder.name)
