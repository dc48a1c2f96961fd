"""A log, from which nothing is deleted; and what the contract asks of a source that is well, asked of one that is not."""

import json

from werkzeug.wrappers import Response

from fivetran_emulator.contract.lab.trial import Trials
from fivetran_emulator.practice import Request, Source

contract = {"keeps_deleted": {"events": "a log: the source deletes nothing"}}


def test_the_empty_page_is_the_end(new_trial: Trials) -> None:
    """Eight pages and one more."""
    trial = new_trial()
    assert trial.connection.sync().complete
    assert len(trial.source.requests) == 9


def test_links_in_a_circle_end_the_sync_with_a_sentence(new_trial: Trials) -> None:
    """A page that was read comes again: the error says so after a few requests."""
    source = Source()

    @source.route("/events")
    def events(request: Request) -> Response:
        number = int(request.args.get("page", "1"))
        link = f"{request.base_url}?page={number + 1 if number < 3 else 2}"
        return Response(
            json.dumps([{"id": number}]),
            headers={"Link": f'<{link}>; rel="next"'},
            content_type="application/json",
        )

    trial = new_trial(source)
    sync = trial.connection.sync()
    assert not sync.complete
    assert "the pages go in a circle" in str(sync.exchanges[-1].error)
    assert len(trial.source.requests) < 10
