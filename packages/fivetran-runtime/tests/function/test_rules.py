"""The limits: what the deployment says they are."""

from __future__ import annotations

import pytest

from fivetran_runtime._invocation.budget import MB, Limits
from fivetran_runtime.errors import ConfigurationError
from fivetran_runtime.function.rules import limits_from


def test_without_a_word_googles_defaults_hold() -> None:
    """Generation 1, 60 seconds, 256 MB."""
    assert limits_from({}) == Limits(answer_bytes=10 * MB, seconds=60, memory_bytes=256 * 2**20)


def test_the_deployment_tells_the_limits() -> None:
    """The three variables that deploy, rehearse and sync set."""
    environment = {"FIVETRAN_GENERATION": "2", "FIVETRAN_TIMEOUT_S": "3600", "FIVETRAN_MEMORY_MB": "512"}
    assert limits_from(environment) == Limits(answer_bytes=32 * MB, seconds=3600, memory_bytes=512 * 2**20)


@pytest.mark.parametrize("name", ["FIVETRAN_GENERATION", "FIVETRAN_TIMEOUT_S", "FIVETRAN_MEMORY_MB"])
@pytest.mark.parametrize("wrong", ["", "0", "-1", "60s", "1.5", " 60", "²", "sixty", "1_0"])
def test_a_wrong_limit_is_an_error_that_names_the_variable(name: str, wrong: str) -> None:
    """Guessing a limit means answers that Google throws away."""
    with pytest.raises(ConfigurationError, match=name) as caught:
        limits_from({name: wrong})
    assert repr(wrong) in str(caught.value)


def test_there_is_no_third_generation() -> None:
    """The message says which there are."""
    with pytest.raises(ConfigurationError, match="it can be 1 or 2"):
        limits_from({"FIVETRAN_GENERATION": "3"})
