"""What the contract cannot know: a source that takes each refresh token once, or for a time of grace."""

from typing import Any

import pytest

from examples.rotating_refresh_token.practice import CLIENT, ITEMS, SECRET, SEED
from fivetran_emulator.practice import Offset, RotatingTokens, Source


def source_of(access: RotatingTokens) -> Source:
    """The practice source with other rules for its tokens."""
    source = Source(access=access)
    source.listing("/items", ITEMS, pages=Offset(size=10))
    return source


@pytest.mark.parametrize("takes", ["latest", "previous"])
def test_many_syncs_use_each_refresh_token_once(new_trial: Any, takes: Any) -> None:
    """Each of them a day after the other, so that the access token has run out."""
    access = RotatingTokens(CLIENT, SECRET, SEED, takes=takes)
    trial = new_trial(source_of(access))
    for day in range(1, 6):
        trial.connection.sync()
        assert access.exchanges == day
        trial.time.advance(86_400)
    assert len(trial.connection.warehouse.tables["items"]) == 30


@pytest.mark.parametrize(("takes", "recovers"), [("latest", False), ("previous", True)])
def test_a_lost_answer_recovers_where_the_old_token_is_still_taken(
    new_trial: Any, takes: Any, recovers: bool
) -> None:
    """Elsewhere one sentence says what to do."""
    access = RotatingTokens(CLIENT, SECRET, SEED, takes=takes)
    trial = new_trial(source_of(access))
    trial.connection.call(accept=False)
    sync = trial.connection.sync()
    assert sync.complete is recovers
    if not recovers:
        assert (
            "Get a new refresh token from the source and put it into the secrets" in sync.exchanges[-1].error
        )
