"""What the contract asks of an answer with status 500, asked of one with 200."""

from fivetran_emulator.contract.lab.trial import Trials
from fivetran_emulator.practice import Request, Source

WHOLE = {"nodes": [{"id": 1}, {"id": 2}], "pageInfo": {"hasNextPage": False, "endCursor": None}}
ERRORS = [{"message": "Something went wrong; timed out", "path": ["issues", "nodes"]}]


def source_of(*answers: object) -> Source:
    """A source that gives these answers in turn, the last one for ever."""
    source, left = Source(), list(answers)

    @source.route("/graphql", method="POST")
    def graphql(_request: Request) -> object:
        return left.pop(0) if len(left) > 1 else left[0]

    return source


def test_a_partial_answer_is_asked_for_again(new_trial: Trials) -> None:
    """Its rows would be all there are."""
    partial = {"data": {"issues": {**WHOLE, "nodes": [{"id": 1}]}}, "errors": ERRORS}
    trial = new_trial(source_of(partial, {"data": None, "errors": ERRORS}, {"data": {"issues": WHOLE}}))
    assert trial.connection.sync().complete
    assert len(trial.source.requests) == 3
    assert len(trial.connection.warehouse.tables["issues"]) == 2


def test_errors_that_stay_are_the_syncs(new_trial: Trials) -> None:
    """In the source's own words."""
    sync = new_trial(source_of({"data": {"issues": WHOLE}, "errors": ERRORS})).connection.sync()
    assert not sync.complete
    assert "Something went wrong; timed out" in str(sync.exchanges[-1].error)
