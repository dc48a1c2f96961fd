"""A warehouse and the processes that work on it, any of which may be killed at any moment."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal

from durability.source_pages import PAGES, committed
from scripted import syncing

FUNCTION = Path(__file__).parent / "paged_function.py"
_PATIENCE = 60


@dataclass(frozen=True)
class Moment:
    """Who is killed, so many seconds after the function was called so many times in this sync."""

    victim: Literal["emulator", "function", "both"]
    calls: int
    delay: float


def moments(seed: int, count: int) -> list[Moment]:
    """`count` moments; a few are at the very end of a sync, where the file is tidied up."""
    random = Random(seed)
    victims: Sequence[Literal["emulator", "function", "both"]] = ("emulator", "emulator", "function", "both")
    return [
        Moment(random.choice(victims), random.choice([*range(6), PAGES]), random.uniform(0, 0.06))
        for _ in range(count)
    ]


@dataclass
class Life:
    """One warehouse in `folder`, from its first sync to its last. `pages` are those committed in it so far."""

    folder: Path
    pages: int = 0

    @property
    def warehouse(self) -> Path:
        return self.folder / "warehouse.duckdb"

    @property
    def log(self) -> Path:
        return self.folder / "calls.log"

    def asked(self) -> list[int]:
        """The page of every call so far, as the state of its request said."""
        return [int(line) for line in self.log.read_text().split()] if self.log.exists() else []

    def sync_until(self, moment: Moment) -> None:
        """One sync, ended by `moment`, and a check of all that must hold then."""
        calls = len(self.asked())
        with function_of(self) as (function, url), syncing(url, self.warehouse) as process:
            self._wait(lambda: len(self.asked()) - calls >= moment.calls or process.poll() is not None)
            time.sleep(moment.delay)
            for victim in {"emulator": [process], "function": [function], "both": [function, process]}[
                moment.victim
            ]:
                victim.send_signal(signal.SIGKILL)
            _, errors = process.communicate(timeout=_PATIENCE)
        assert process.returncode in (-signal.SIGKILL, 0, 1), errors
        assert "Traceback" not in errors, errors
        self._check_calls(self.asked()[calls:])

    def finish(self) -> subprocess.CompletedProcess[str]:
        """A sync that nobody disturbs."""
        calls = len(self.asked())
        with function_of(self) as (_, url), syncing(url, self.warehouse) as process:
            out, errors = process.communicate(timeout=_PATIENCE)
        self._check_calls(self.asked()[calls:])
        return subprocess.CompletedProcess(process.args, process.returncode, out, errors)

    def _check_calls(self, states: list[int]) -> None:
        """The first call had the committed state, and each the state of the answer before it: nothing else is sent again."""
        before, self.pages = self.pages, looked_at(self.warehouse)
        assert states == list(range(before, before + len(states)))
        # The last answers may have been under way: one being loaded while the next is being fetched.
        assert max(before, before + len(states) - 2) <= self.pages <= before + len(states)

    def _wait(self, true: Callable[[], bool]) -> None:
        until = time.monotonic() + _PATIENCE
        while not true():
            assert time.monotonic() < until
            time.sleep(0.002)


@contextmanager
def function_of(life: Life) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The function as a process, and its URL."""
    command = [sys.executable, str(FUNCTION), str(life.log)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


def looked_at(warehouse: Path) -> int:
    """How many pages are committed, asked of a copy: the question must not repair the file."""
    with copied(warehouse, warehouse.parent / "look") as copy:
        return committed(copy)


@contextmanager
def copied(warehouse: Path, folder: Path) -> Iterator[Path]:
    """The warehouse's files as they lie there now, in a folder of their own."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name in (warehouse.name, f"{warehouse.name}.wal"):
        if (warehouse.parent / name).exists():
            shutil.copyfile(warehouse.parent / name, folder / name)
    try:
        yield folder / warehouse.name
    finally:
        shutil.rmtree(folder)
