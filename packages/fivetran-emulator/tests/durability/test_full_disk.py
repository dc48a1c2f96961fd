from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from durability.life import Life, function_of, looked_at
from durability.source_pages import PAGES, committed
from scripted import sync_command, syncing

_SCRIPT = """
set -u
mount -t tmpfs -o size=6m tmpfs {folder} || exit 99
dd if=/dev/zero of={folder}/ballast bs=1024 count={ballast} status=none
{sync}; echo "full: $?"
rm {folder}/ballast
{sync}; echo "freed: $?"
cp {folder}/warehouse.duckdb {copy}
"""


@pytest.mark.parametrize("kilobytes", [4, 40])
def test_a_file_that_may_not_grow_ends_the_sync_with_status_3(tmp_path: Path, kilobytes: int) -> None:
    """Clearly reported, without a traceback; what was committed stays, and with room again the next sync does the rest."""
    life = Life(tmp_path)
    limited = ["prlimit", f"--fsize={kilobytes * 1024}"]
    _skip_without("prlimit")
    with function_of(life) as (_, url), syncing(url, life.warehouse, before=limited) as process:
        _, errors = process.communicate(timeout=60)
    _check_refusal(process.returncode, errors)
    life.pages = looked_at(life.warehouse)
    assert life.pages < PAGES
    assert life.finish().returncode == 0
    assert life.pages == PAGES


@pytest.mark.parametrize("left", [0, 40])
def test_a_full_disk_ends_the_sync_with_status_3(tmp_path: Path, left: int) -> None:
    """On a real small disk: reported with its cause, and everything is there after room was made and the sync run again."""
    _skip_without("unshare")
    life = Life(tmp_path)
    (tmp_path / "disk").mkdir()
    with function_of(life) as (_, url):
        sync = sync_command(url, "--warehouse", tmp_path / "disk" / "warehouse.duckdb")
        script = _SCRIPT.format(
            folder=tmp_path / "disk", ballast=6144 - left, sync=shlex.join(sync), copy=life.warehouse
        )
        command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=90)
    if done.returncode == 99 or "unshare" in done.stderr:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    statuses = [line for line in done.stdout.splitlines() if line.startswith(("full: ", "freed: "))]
    assert statuses == ["full: 3", "freed: 0"]
    _check_refusal(3, done.stderr)
    assert committed(life.warehouse) == PAGES


def test_a_disk_that_is_full_when_all_is_done_loses_nothing(tmp_path: Path) -> None:
    """The file is tidied up when it is closed, which needs room; without it everything stays in the log beside it."""
    _skip_without("prlimit")
    life = Life(tmp_path)
    limited = ["prlimit", f"--fsize={200 * 1024}"]
    with function_of(life) as (_, url), syncing(url, life.warehouse, before=limited) as process:
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert (tmp_path / "warehouse.duckdb.wal").stat().st_size > 0
    assert looked_at(life.warehouse) == PAGES


def _check_refusal(status: int, errors: str) -> None:
    assert status == 3, errors
    assert "error: the disk is full: " in errors
    assert "Make room and run the same command again." in errors
    assert "Traceback" not in errors


def _skip_without(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed (Debian: util-linux); the disk cannot be made small")
