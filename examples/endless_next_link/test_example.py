"""What the contract asks of a source that is well, asked of one that is not."""

from fivetran_emulator.contract.lab.trial import Trials
from fivetran_emulator.practice import Request, Source


def test_links_in_a_circle_end_the_sync_with_a_sentence(new_trial: Trials) -> None:
    """A page that was read comes again: the error says so after a few requests."""
    source = Source()

    @source.route("/posts")
    def posts(request: Request) -> object:
        number = int(request.args.get("page", "1"))
        following = number + 1 if number < 3 else 2
        return {"data": [{"id": number}], "paging": {"next": f"{request.base_url}?page={following}"}}

    trial = new_trial(source)
    sync = trial.connection.sync()
    assert not sync.complete
    assert "the pages go in a circle" in str(sync.exchanges[-1].error)
    assert len(trial.source.requests) < 10
