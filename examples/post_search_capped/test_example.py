"""What only we know of this source: archived companies are hidden. And what happens without a key to go on from."""

from fivetran_emulator.contract.lab.trial import Trials

contract = {"keeps_deleted": {"companies": "archived companies are not listed, and are to stay"}}


def test_four_times_the_window_arrives(new_trial: Trials) -> None:
    """No search is asked for what lies behind its window."""
    trial = new_trial()
    assert trial.connection.sync().complete
    assert len(trial.connection.warehouse.tables["companies"]) == 40
