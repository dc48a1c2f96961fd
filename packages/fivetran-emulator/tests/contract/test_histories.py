from __future__ import annotations

import pytest
from mutants.kinds import MUTANTS
from mutants.matrix import subject_of
from mutants.reference import Reference

from fivetran_emulator.contract.check import Violation
from fivetran_emulator.contract.checks import named
from fivetran_emulator.contract.checks.histories import history, replay, seeds, shrunk


def test_the_same_seed_is_the_same_history() -> None:
    """So that a failure on one machine is a failure on every other."""
    assert history(17) == history(17) != history(18)
    assert len({tuple(history(seed)) for seed in range(50)}) == 50


def test_a_longer_run_has_the_seeds_of_a_shorter_one() -> None:
    """By number, or a range of them, to share a long run among machines."""
    assert set(seeds("4")) < set(seeds("10000"))
    assert len(seeds("10000")) == 10_000
    assert [*seeds("1-5000"), *seeds("5001-10000")] == [*seeds("10000")]


@pytest.mark.parametrize("chosen", ["", "many", "-5", "1-", "1-2-3", "0", "5-3", "²", "1,3"])
def test_a_choice_of_seeds_that_is_none_is_reported(chosen: str) -> None:
    """A long run of no history at all would pass."""
    with pytest.raises(ValueError, match="CONTRACT_SEEDS"):
        seeds(chosen)


def test_the_environment_chooses_the_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `CONTRACT_SEEDS=10000 nox -s tests -- NAME -k C55` does; nonsense is reported as it is, and empty is not set."""
    for chosen in ("1-1", ""):
        monkeypatch.setenv("CONTRACT_SEEDS", chosen)
        named("C55").run(subject_of(Reference))
    monkeypatch.setenv("CONTRACT_SEEDS", "5-3")
    with pytest.raises(Violation, match="CONTRACT_SEEDS is '5-3'"):
        named("C55").run(subject_of(Reference))


def test_a_history_that_fails_is_shrunk_and_fails_again() -> None:
    """What is left fails on its own, no step can be left out, and the script says it all."""
    [faulty] = [one for one in MUTANTS if one.kills == "C55"]
    subject = subject_of(faulty)
    with pytest.raises(Violation) as failure:
        named("C55").run(subject)
    said = str(failure.value)
    seed = int(said.partition("CONTRACT_SEEDS=")[2].partition("-")[0])
    few = shrunk(subject, history(seed))
    assert replay(subject, few)
    assert all(not replay(subject, few[:place] + few[place + 1 :]) for place in range(len(few)))
    assert f"replay(test_contract.subject, {few!r})" in said
