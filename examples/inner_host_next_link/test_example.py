"""Where the requests go, and with what."""

from fivetran_emulator.contract.lab.trial import Trials


def test_each_page_is_asked_from_outside_with_the_token(new_trial: Trials) -> None:
    """A request without it would be refused, one to the inner name would go nowhere."""
    trial = new_trial()
    assert trial.connection.sync().complete
    assert len(trial.source.requests) == 8
    assert "api.internal" not in str(trial.network.hosts)
