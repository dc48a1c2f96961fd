from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.repository.model import Repository

NAME = "interrupted"
WHOLE = {"README.md", "pyproject.toml", "practice.py", "requirements.txt", "requirements-test.txt"}
SIGNALS = [signal.SIGTERM, signal.SIGKILL, signal.SIGINT]
MOMENTS = ["CHANGELOG.md", "tests/test_contract.py", "requirements.txt"]
"""Files whose appearance tells how far it has come: rendering, rendered, the first lock of two."""


@pytest.fixture
def connectors(whole: Repository) -> Iterator[Path]:
    """The folder of connectors in a copy of this repository."""
    folder = whole.root / "connectors"
    yield folder
    shutil.rmtree(folder / NAME, ignore_errors=True)
    shutil.rmtree(folder / ".creating", ignore_errors=True)


def begin(connectors: Path) -> subprocess.Popen[str]:
    """`create`, as the session runs it, in a process group of its own."""
    root = connectors.parent
    return subprocess.Popen(
        [sys.executable, "-m", "tools.locked.creating.creation", NAME],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def stop(process: subprocess.Popen[str], file: Path, signal_: signal.Signals) -> None:
    """Send the signal as soon as the file is there."""
    while process.poll() is None and not file.exists():
        time.sleep(0.002)
    os.kill(process.pid, signal_)
    process.communicate(timeout=60)


@pytest.mark.index
@pytest.mark.parametrize("signal_", SIGNALS, ids=lambda one: one.name)
@pytest.mark.parametrize("moment", MOMENTS)
def test_what_is_stopped_leaves_nothing_half_made(
    connectors: Path, moment: str, signal_: signal.Signals
) -> None:
    """Not even where nobody looks, unless it was killed; and then every tool passes over it."""
    before = sorted(Repository(connectors.parent).connectors)
    process = begin(connectors)
    stop(process, connectors / ".creating" / moment, signal_)
    assert process.returncode != 0
    assert not (connectors / NAME).exists()
    assert (connectors / ".creating").exists() is (signal_ is signal.SIGKILL)
    assert sorted(Repository(connectors.parent).connectors) == before


@pytest.mark.index
def test_after_a_kill_the_next_one_makes_it_whole(connectors: Path) -> None:
    """What the killed one left is not in it, and is removed."""
    stop(begin(connectors), connectors / ".creating/requirements.txt", signal.SIGKILL)
    (connectors / ".creating/left.py").write_text("", "utf-8")
    said, _ = begin(connectors).communicate(timeout=120)
    assert f"connectors/{NAME} made" in said
    assert {file.name for file in (connectors / NAME).iterdir() if file.is_file()} - {"CHANGELOG.md"} == WHOLE
    assert not (connectors / ".creating").exists()


@pytest.mark.index
def test_of_two_at_once_one_makes_it(connectors: Path) -> None:
    """And the other says that it is there."""
    both = [begin(connectors), begin(connectors)]
    said = [process.communicate(timeout=120)[0] for process in both]
    assert sorted(process.returncode for process in both) == [0, 1], said
    assert sum("exists already" in text for text in said) == 1
    assert {file.name for file in (connectors / NAME).iterdir()} >= WHOLE


def test_without_an_index_nothing_is_made(connectors: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one message, with uv's words."""
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(connectors.parent / "no-cache"))
    process = begin(connectors)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "Traceback" not in said
    assert "uv found no solution" in said
    assert not (connectors / NAME).exists()
    assert not (connectors / ".creating").exists()
