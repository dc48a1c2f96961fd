"""What the contract does not know: who is asked for what."""

from typing import Any


def test_later_syncs_ask_for_changes_only(new_trial: Any) -> None:
    """One request in place of a listing, and what it tells arrives."""
    trial = new_trial()
    trial.connection.sync()
    begun = len(trial.source.requests)
    trial.rows["events"].put({"id": "e007", "status": "cancelled"})
    trial.connection.sync()
    (asked,) = trial.source.requests[begun:]
    assert asked.query == "syncToken=0"
    assert len(trial.connection.warehouse.tables["events"]) == 29
