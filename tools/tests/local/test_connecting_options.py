from __future__ import annotations

import pytest

from tools.local.connecting import asked, failing
from tools.repository.errors import RepositoryError


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "the following arguments are required: FUNCTION"),
        (["acme", "--pause", "--sync"], "not allowed with argument"),
        (["acme", "--set", "state.json"], "--set FILE goes with --state"),
        (["acme", "--sync", "--set", "state.json"], "--set FILE goes with --state"),
        (
            ["acme", "--status", "--secrets", "secrets.json"],
            "--secrets is of connecting, and --status only looks after",
        ),
        (["acme", "--secret", "secrets.json"], "Did you mean `--secrets`"),
    ],
)
def test_options_that_do_not_fit_together_are_one_sentence(arguments: list[str], expected: str) -> None:
    """Before an environment is made or anybody asked."""
    with pytest.raises(RepositoryError, match=expected):
        asked(arguments)


def test_without_an_action_it_connects() -> None:
    """And an action is known by its name."""
    assert asked(["acme"]).action is None
    assert asked(["acme", "--state"]).action == "state"


def test_a_failed_look_is_not_called_half_done() -> None:
    """A status changes nothing, whatever becomes of it."""
    assert failing(asked(["acme", "--status"]).action) == "--status failed"
    assert failing(asked(["acme"]).action) == "connecting failed"
