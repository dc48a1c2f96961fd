from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path
from random import Random

import pytest
from durability.life import Life, copied, function_of, looked_at
from durability.source_pages import PAGES, committed
from scripted import syncing

SEED = int(os.environ.get("DURABILITY_SEED", "20261122"))
CUTS = int(os.environ.get("DURABILITY_CUTS", "40"))
_KILLED_AFTER = 8


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse whose last answers are in the write-ahead log only."""
    life = Life(tmp_path_factory.mktemp("killed"))
    with function_of(life) as (_, url), syncing(url, life.warehouse) as process:
        until = time.monotonic() + 60
        while len(life.asked()) < _KILLED_AFTER and time.monotonic() < until:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    return life.warehouse


@pytest.fixture
def life(killed: Path, tmp_path: Path) -> Life:
    """The warehouse killed halfway, to go on with."""
    for file in killed.parent.iterdir():
        shutil.copyfile(file, tmp_path / file.name)
    return Life(tmp_path)


def places(size: int, count: int) -> list[int]:
    """Lengths of the log to look at: both ends, and the rest spread at random."""
    random = Random(SEED)
    ends = {0, 1, 7, 8, size - 8, size - 1, size}
    return sorted({place for place in ends if place >= 0} | {random.randint(0, size) for _ in range(count)})


def test_a_log_cut_at_any_byte_leaves_whole_answers(life: Life, tmp_path: Path) -> None:
    """What a power loss left of the log is replayed up to the last whole answer: the more of it, the more answers."""
    log = tmp_path / "warehouse.duckdb.wal"
    size = log.stat().st_size
    found = []
    for place in places(size, CUTS):
        with copied(life.warehouse, tmp_path / "cut") as copy:
            os.truncate(f"{copy}.wal", place)
            found.append(committed(copy))
    assert found == sorted(found)
    assert found[-1] >= _KILLED_AFTER - 2
    assert len(set(found)) > _KILLED_AFTER // 2


def test_a_sync_after_a_power_loss_asks_for_what_the_log_lost(life: Life, tmp_path: Path) -> None:
    """The next sync goes on from the state that survived with its rows, and ends where an undisturbed one would."""
    log = tmp_path / "warehouse.duckdb.wal"
    os.truncate(log, log.stat().st_size * 2 // 3)
    life.pages = looked_at(life.warehouse)
    assert 0 < life.pages < _KILLED_AFTER
    assert life.finish().returncode == 0
    assert life.pages == PAGES


def test_a_log_that_is_garbage_is_reported_and_the_file_is_left_alone(life: Life, tmp_path: Path) -> None:
    """Status 3 and a line that names the file; not a byte of it is changed, so that it can still be rescued."""
    log = tmp_path / "warehouse.duckdb.wal"
    middle = log.stat().st_size // 2
    with log.open("r+b") as file:
        file.seek(middle)
        file.write(b"\xff" * 4096)
    shutil.copyfile(life.warehouse, tmp_path / "before")
    with function_of(life) as (_, url), syncing(url, life.warehouse) as process:
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 3
    assert errors.startswith("error: ")
    assert str(life.warehouse) in errors
    assert "Traceback" not in errors
    assert life.warehouse.read_bytes() == (tmp_path / "before").read_bytes()
