"""A wrong key is answered with what everybody may see: without the guard half of the issues would be deleted."""

from pathlib import Path

from fivetran_emulator.contract.lab.trial import Trials
from tools.repository.examples import own_lines


def test_a_key_that_was_withdrawn_deletes_nothing(new_trial: Trials) -> None:
    """The sync ends in an error, however often it is tried; all rows stay."""
    trial = new_trial()
    assert trial.connection.sync().complete
    before = trial.connection.warehouse.tables["issues"]
    trial.connection.secrets = {**trial.connection.secrets, "key": "withdrawn"}
    assert not any(trial.connection.sync().complete for _ in range(3))
    assert trial.connection.warehouse.tables["issues"] == before
    assert len(before) == 30


def test_a_practice_source_with_all_of_this_is_small() -> None:
    """Offsets with a total, a filter, include= and a public part are arguments."""
    assert own_lines(Path(__file__).with_name("practice.py")) <= 40
