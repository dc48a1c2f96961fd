"""What the contract does not know: which repository is asked for what."""

from typing import Any

contract = {
    "keeps_deleted": {"issues": "the source does not say what is deleted"},
    "leave_alone": {"repositories": "it is no table of the connector's"},
}


def test_a_repository_that_is_added_later_has_all_its_issues(new_trial: Any) -> None:
    """They are older than the mark, which the others are asked for from."""
    trial = new_trial()
    trial.rows["repositories"].remove(2)
    for _ in range(3):
        trial.connection.sync()
    trial.rows["repositories"].put({"id": 2})
    begun = len(trial.source.requests)
    trial.connection.sync()
    asked = [one for one in trial.source.requests[begun:] if "issues" in one.path]
    assert {one.path for one in asked if "since=" not in one.query} == {"/repositories/2/issues"}
    assert len(trial.connection.warehouse.tables["issues"]) == 24
