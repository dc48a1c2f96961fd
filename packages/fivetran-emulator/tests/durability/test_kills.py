from __future__ import annotations

import os
from pathlib import Path

import pytest
from durability.life import Life, Moment, moments
from durability.source_pages import PAGES

SEED = int(os.environ.get("DURABILITY_SEED", "20261122"))
MOMENTS = int(os.environ.get("DURABILITY_MOMENTS", "10"))
_EACH = 5


def batches() -> list[list[Moment]]:
    """The moments, so many to a test that they can be spread over processes."""
    wanted = moments(SEED, MOMENTS)
    return [wanted[start : start + _EACH] for start in range(0, MOMENTS, _EACH)]


@pytest.mark.parametrize("wanted", batches(), ids=lambda wanted: f"{len(wanted)}-moments")
def test_a_kill_at_any_moment_loses_nothing_and_doubles_nothing(tmp_path: Path, wanted: list[Moment]) -> None:
    """After each kill the file holds whole answers only; the next sync asks for what is missing and for nothing else.

    DURABILITY_MOMENTS and DURABILITY_SEED make the run longer, or another one.
    """
    lives = [Life(_folder(tmp_path, 0))]
    for moment in wanted:
        lives[-1].sync_until(moment)
        if lives[-1].pages == PAGES:
            lives.append(Life(_folder(tmp_path, len(lives))))
    for life in lives:
        finished = life.finish()
        assert finished.returncode == 0, finished.stderr
        assert life.pages == PAGES


def _folder(inside: Path, number: int) -> Path:
    folder = inside / f"life-{number}"
    folder.mkdir()
    return folder
