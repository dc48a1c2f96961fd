"""Histories of many bad syncs, a few hundred of them; `nox -s histories -- --count 10000` runs more."""

from __future__ import annotations

from collections import Counter

import pytest
from histories.history import outcome
from histories.kinds import KINDS

SHARES = 2
SEEDS_A_SHARE = 100


@pytest.mark.parametrize("share", range(SHARES))
def test_failing_tables_keep_no_other_out_and_a_few_quiet_syncs_bring_everything(share: int) -> None:
    """Whatever went wrong before, for however many syncs; and each kind of what goes wrong did."""
    first = 1 + share * SEEDS_A_SHARE
    outcomes = [outcome(seed) for seed in range(first, first + SEEDS_A_SHARE)]
    assert [(one.seed, one.wrong) for one in outcomes if one.wrong] == []
    happened = sum((one.happened for one in outcomes), Counter[str]())
    assert [kind for kind in KINDS if not happened[kind]] == []
