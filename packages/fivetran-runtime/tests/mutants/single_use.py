"""Faults by which a refresh token that holds for one exchange is lost, used up in silence, or shown."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import msgspec

from fivetran_runtime._invocation.budget import NoToken
from mutants.mutant import Mutant

Fault = Callable[..., Any]
_TESTS = "http/test_single_use.py"
_MODULE, _SESSION = "fivetran_runtime.http._single_use", "fivetran_runtime._sync.session.Session"


def _rows_at_once(_: Fault) -> Fault:
    def renew_tokens(self: Any, state: Any) -> None:
        for credentials in self._invocation.single_use:
            credentials.restore(state.credentials())
            credentials.renewed()

    return renew_tokens


def _all_in_one_call(_: Fault) -> Fault:
    def renew_tokens(self: Any, state: Any) -> None:
        for credentials in self._invocation.single_use:
            credentials.restore(state.credentials())
        if any([credentials.renewed() for credentials in self._invocation.single_use]):  # noqa: C419 - the fault
            raise NoToken("new tokens")

    return renew_tokens


def _exchanged_when_it_is_needed(original: Fault) -> Fault:
    def headers(self: Any, request: Any) -> Any:
        if self._tokens is None:
            self.renewed()
        return original(self, request)

    return headers


def _only_when_it_has_run_out(_: Fault) -> Fault:
    return lambda self: False  # noqa: ARG005


MUTANTS = (
    Mutant(
        "a table that outruns each access token fails the sync",
        "fivetran_runtime._sync.loop._Call._outruns_tokens",
        lambda _: lambda *_: False,
        f"{_TESTS}::test_a_table_that_takes_longer_than_a_token_to_its_first_row_is_reported",
    ),
    Mutant(
        "new tokens are in the state before the source is asked for rows",
        f"{_SESSION}._renew_tokens",
        _rows_at_once,
        f"{_TESTS}::test_new_tokens_are_in_the_state_before_anything_else_is_asked",
    ),
    Mutant(
        "one refresh token is exchanged in a call",
        f"{_SESSION}._renew_tokens",
        _all_in_one_call,
        f"{_TESTS}::test_two_credentials_are_exchanged_in_two_calls",
    ),
    Mutant(
        "the setup test exchanges no refresh token",
        f"{_MODULE}.SingleUseTokens.headers",
        _exchanged_when_it_is_needed,
        f"{_TESTS}::test_the_setup_test_exchanges_nothing",
    ),
    Mutant(
        "a refused access token is renewed",
        f"{_MODULE}.SingleUseTokens.renew",
        _only_when_it_has_run_out,
        f"{_TESTS}::test_a_refused_access_token_is_renewed_by_the_next_call",
    ),
    Mutant(
        "another refresh token in the secrets wins",
        f"{_MODULE}._derived",
        lambda _: lambda text, purpose: hashlib.sha256(purpose).digest(),  # noqa: ARG005
        f"{_TESTS}::test_a_new_token_in_the_secrets_wins",
    ),
    Mutant(
        "tokens are encrypted in the state",
        f"{_MODULE}._Box.closed",
        lambda _: lambda self, tokens: msgspec.json.encode(tokens).decode(),  # noqa: ARG005
        f"{_TESTS}::test_no_token_is_in_the_state_the_log_or_a_message",
    ),
    Mutant(
        "the first exchange is not made in silence",
        f"{_MODULE}.SingleUseTokens._say_first_exchange",
        lambda _: lambda self: None,  # noqa: ARG005
        f"{_TESTS}::test_a_seed_is_not_used_up_in_silence",
    ),
)
