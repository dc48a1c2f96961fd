"""Faults by which a part of a secret is shown, or more is hidden than secrets."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from mutants.mutant import Mutant

Fault = Callable[..., Any]
_REDACTION = "fivetran_runtime._invocation.redaction"
_LOGS = "fivetran_runtime._invocation.logs"
_PARTS = "invocation/test_redaction.py::test_no_part_of_a_secret_survives"


def _only_the_whole(original: Fault) -> Fault:
    return lambda secret: list(original(secret))[:1]


MUTANTS = (
    Mutant(
        "a secret is hidden in either case",
        f"{_REDACTION}.folded",
        lambda _: lambda text: text,
        _PARTS,
    ),
    Mutant(
        "a secret is hidden without what stands between its letters and digits",
        f"{_REDACTION}._wholes",
        lambda _: lambda secret: frozenset(),  # noqa: ARG005 - as the original's
        _PARTS,
    ),
    Mutant("each line of a secret is hidden", f"{_REDACTION}.wholes_of", _only_the_whole, _PARTS),
    Mutant("each part of a JWT is hidden", f"{_REDACTION}._JWT", lambda _: re.compile("(?!)"), _PARTS),
    Mutant(
        "half of a secret is hidden",
        f"{_REDACTION}.pieces_in",
        lambda _: lambda text, secret: iter(()),  # noqa: ARG005
        "invocation/test_redaction.py::test_half_of_a_secret_is_found_wherever_it_was_cut",
    ),
    Mutant(
        "ordinary words are not hidden for being in a secret",
        f"{_REDACTION}._is_ordinary",
        lambda _: lambda piece: False,  # noqa: ARG005
        "invocation/test_redaction.py::test_what_only_looks_like_a_part_stays",
    ),
    Mutant(
        "fewer than eight characters of a secret are not hidden",
        f"{_REDACTION}._SHORTEST_PIECE",
        lambda _: 3,
        "invocation/test_redaction.py::test_what_only_looks_like_a_part_stays",
    ),
    Mutant(
        "what a connector prints is clean",
        f"{_LOGS}._clean_output",
        lambda _: lambda: None,
        "function/test_handler.py::test_a_secret_that_a_connector_prints_leaves_no_function",
    ),
    Mutant(
        "an exception that ends a thread is reported without secrets",
        f"{_LOGS}._log_ended_thread",
        lambda _: lambda ended: None,  # noqa: ARG005
        "function/test_handler.py::test_an_exception_that_ends_a_thread_is_a_line_without_secrets",
    ),
    Mutant(
        "a key in the client's own address is a secret",
        "fivetran_runtime.http.client._SURE",
        lambda _: 10**9,
        "http/test_client.py::test_a_key_in_the_clients_own_address_is_a_secret",
    ),
    Mutant(
        "a link with only a part of the key in it is followed",
        "fivetran_runtime.http._addresses.Redactor",
        lambda original: lambda secrets, **_: original(secrets),
        "http/test_client.py::test_a_link_with_only_a_part_of_the_key_is_followed",
    ),
)
