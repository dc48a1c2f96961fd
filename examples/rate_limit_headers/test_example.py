"""How long is waited, in the ways that sources have of saying it."""

import pytest

from fivetran_emulator.contract.lab.trial import Trials
from fivetran_emulator.practice import Bearer, Offset, RateLimit, Source

ROWS = [{"id": number} for number in range(1, 31)]
LIMITS = {
    "429, in seconds": RateLimit(4),
    "429, until a moment": RateLimit(4, epoch=True),
    "403, until a moment": RateLimit(4, status=403, epoch=True),
    "403, RateLimit-*": RateLimit(4, status=403, remaining="RateLimit-Remaining", reset="RateLimit-Reset"),
}


@pytest.mark.parametrize("limit", LIMITS.values(), ids=LIMITS)
def test_a_window_of_a_minute_is_waited_for(new_trial: Trials, limit: RateLimit) -> None:
    """Seven pages in windows of four requests; the refused one is asked again once."""
    source = Source(access=Bearer("practice-token"), rate=limit)
    source.listing("/repositories", ROWS, pages=Offset(size=5), within=None)
    trial = new_trial(source, timeout_s=540)
    assert trial.connection.sync().complete
    assert len(trial.connection.warehouse.tables["repositories"]) == 30
    assert 55 <= trial.time.seconds <= 65


def test_a_quota_of_a_day_ends_the_sync_and_says_when_it_counts_again(new_trial: Trials) -> None:
    """What was read has arrived; the next day goes on behind it."""
    source = Source(access=Bearer("practice-token"), rate=RateLimit(4, per=86_400, epoch=True))
    source.listing("/repositories", ROWS, pages=Offset(size=5), within=None)
    trial = new_trial(source)
    sync = trial.connection.sync()
    assert not sync.complete
    assert " UTC" in str(sync.exchanges[-1].error)
    assert len(trial.connection.warehouse.tables["repositories"]) == 20
