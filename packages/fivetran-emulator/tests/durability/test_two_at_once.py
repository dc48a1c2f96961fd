from __future__ import annotations

import re
from contextlib import ExitStack
from pathlib import Path

from durability.life import Life, function_of, looked_at
from durability.source_pages import PAGES
from scripted import syncing


def test_of_two_emulators_started_at_once_one_syncs_and_one_says_why_not(tmp_path: Path) -> None:
    """The one that comes late names the process that has the file, calls nobody, and ends with status 3."""
    life = Life(tmp_path)
    with function_of(life) as (_, url), ExitStack() as both:
        racing = [both.enter_context(syncing(url, life.warehouse)) for _ in range(2)]
        errors = [process.communicate(timeout=60)[1] for process in racing]
    assert sorted(process.returncode for process in racing) == [0, 3], errors
    loser = next(place for place, process in enumerate(racing) if process.returncode == 3)
    named = re.search(r"is in use by process (\d+)", errors[loser])
    assert named is not None, errors[loser]
    assert int(named.group(1)) == racing[1 - loser].pid
    assert life.asked() == list(range(PAGES))
    assert looked_at(life.warehouse) == PAGES
