"""Histories of many bad syncs, a few hundred of them; `nox -s histories -- --count 10000` runs more."""

from __future__ import annotations

from typing import Any

import histories
import pytest

SHARES = 4
SEEDS_A_SHARE = 50


@pytest.mark.parametrize("share", range(SHARES))
def test_once_the_source_is_well_a_few_syncs_bring_everything(share: int) -> None:
    """Whatever went wrong before, for however many syncs."""
    first = 1 + share * SEEDS_A_SHARE
    outcomes = [histories.outcome(seed) for seed in range(first, first + SEEDS_A_SHARE)]
    assert [told for told in outcomes if told[1]] == []


FAULTS: dict[str, tuple[str, Any]] = {
    "a mark that is the newest row met": (
        "fivetran_runtime.marks.Marks.complete",
        lambda marks, state: setattr(state, "mark", marks._dumped(marks._seen)),
    ),
    "a table whose settings changed goes on from its mark": (
        "fivetran_runtime.state.TableState.forget_mark",
        lambda _: None,
    ),
    "a key that re-appears is not asked for": (
        "fivetran_runtime.missing.Missing._ask_again",
        lambda *_: None,
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_histories_find_faults(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Histories that nothing can fail in would prove nothing."""
    where, wrong = FAULTS[fault]
    monkeypatch.setattr(where, wrong)
    assert any(histories.outcome(seed)[1] for seed in range(1, 150))
