"""Faults by which a secret is shown, or goes to a stranger."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fivetran_runtime.errors import ConfigurationError
from fivetran_runtime.http._addresses import without
from mutants.mutant import Mutant

Fault = Callable[..., Any]
_AUTH = "http/test_auth.py"
_CLIENT, _HANDLER, _CONFIG, _REDACTION = (
    "http/test_client.py", "function/test_handler.py", "test_config.py", "invocation/test_redaction.py",
)  # fmt: skip


def _sent_to_strangers(_: Fault) -> Fault:
    return lambda self, *, is_own: {**self._headers}  # noqa: ARG005


def _credentials_to_strangers(original: Fault) -> Fault:
    def authenticate(self: Any, request: Any, *, is_own: bool) -> Any:
        original(self, request, is_own=True)

    return authenticate


def _body_to_strangers(original: Fault) -> Fault:
    def redirected(self: Any, url: str, location: str, *, has_body: bool) -> Any:
        return original(self, url, location, has_body=False)

    return redirected


def _key_by_its_name_only(_: Fault) -> Fault:
    def without_credentials(self: Any, url: str) -> Any:
        return without(url, lambda name, _: name in self._credentials.names)

    return without_credentials


def _only_texts(original: Fault) -> Fault:
    def all_texts(secrets: Any) -> Any:
        return [text for text in original(secrets) if not text.replace(".", "").isdigit()]

    return all_texts


def _refusal_as_it_is(_: Fault) -> Fault:
    return lambda kind, secrets, what: ConfigurationError(f"Secrets: {what}")  # noqa: ARG005


def _signed_once(original: Fault) -> Fault:
    def headers(self: Any, request: Any) -> Any:
        if not hasattr(self, "first"):
            self.first = original(self, request)
        return self.first

    return headers


MUTANTS = (
    Mutant(
        "a request that is sent again is signed again",
        "fivetran_runtime.http.auth.Credentials.headers",
        _signed_once,
        f"{_AUTH}::test_a_request_that_is_sent_again_is_signed_again",
    ),
    Mutant(
        "a credential that changes with each request does not go into the state",
        "fivetran_runtime.http.auth.Credentials._remember",
        lambda _: lambda self, *texts: None,  # noqa: ARG005
        f"{_AUTH}::test_a_changing_signature_in_a_path_becomes_no_position",
    ),
    Mutant(
        "a key that is no secret of the connection is hidden",
        "fivetran_runtime.http.auth.Auth.hide",
        lambda _: lambda self, *texts: None,  # noqa: ARG005 - as the original's
        f"{_AUTH}::test_a_key_that_is_no_secret_of_the_connection_is_hidden",
    ),
    Mutant(
        "a token that was fetched is hidden",
        "fivetran_runtime.http.auth.Auth.hide",
        lambda _: lambda self, *texts: None,  # noqa: ARG005
        f"{_AUTH}::test_a_fetched_token_is_hidden",
    ),
    Mutant(
        "what a header Authorization: Basic holds is hidden as a whole",
        "fivetran_runtime.http.auth.Auth.hide",
        lambda _: lambda self, *texts: None,  # noqa: ARG005
        f"{_HANDLER}::test_a_basic_header_that_a_source_repeats_leaves_no_function",
    ),
    Mutant(
        "every handler of the root logger writes clean text, also of what a log call adds",
        "fivetran_runtime._invocation.logs._Clean.filter",
        lambda _: lambda self, record: True,  # noqa: ARG005
        f"{_HANDLER}::test_no_handler_writes_a_secret",
    ),
    Mutant(
        "a handler that is added later writes clean text",
        "fivetran_runtime._invocation.logs._clean_new_records",
        lambda _: lambda: None,
        f"{_HANDLER}::test_a_handler_that_is_added_later_writes_no_secret",
    ),
    Mutant(
        "a library's warning shows no key",
        "fivetran_runtime._invocation.logs._clean_record",
        lambda _: lambda record: None,  # noqa: ARG005
        f"{_HANDLER}::test_a_librarys_warning_shows_no_address",
    ),
    Mutant(
        "a secret is found in threads that know of no invocation",
        "fivetran_runtime._invocation.context._present",
        lambda _: type("Nobody", (list,), {"__iter__": lambda self: iter(())})(),  # noqa: ARG005
        f"{_HANDLER}::test_no_handler_writes_a_secret",
    ),
    Mutant(
        "forms within forms of a secret are found",
        "fivetran_runtime._invocation.redaction._LEVELS",
        lambda _: 1,
        f"{_REDACTION}::test_forms_within_forms_are_found",
    ),
    Mutant(
        "a secret is found as JSON, HTML and percent-encoded, in every writing of them",
        "fivetran_runtime._invocation.redaction.canonically",
        lambda _: lambda text: (text, [(place, place + 1) for place in range(len(text))]),
        f"{_REDACTION}::test_forms_within_forms_are_found",
    ),
    Mutant(
        "base64 of a secret is found",
        "fivetran_runtime._invocation.redaction._base64_forms",
        lambda _: lambda secret: (),  # noqa: ARG005
        f"{_REDACTION}::test_base64_survives_at_no_alignment",
    ),
    Mutant(
        "a connector's own refusal of its secrets shows none of them",
        "fivetran_runtime.config._refusal",
        _refusal_as_it_is,
        f"{_CONFIG}::test_a_nested_objects_refusal_shows_none_of_its_values",
    ),
    Mutant(
        "the report of a warning shows no secret",
        "fivetran_runtime._invocation.logs.reported_warnings",
        lambda _: lambda invocation: {"warnings": dict(invocation.warnings)},
        "invocation/test_warnings.py::test_a_warning_shows_no_secret",
    ),
    Mutant(
        "numbers in untyped secrets are hidden",
        "fivetran_runtime._sync.session.all_texts",
        _only_texts,
        f"{_CONFIG}::test_a_number_in_untyped_secrets_is_hidden",
    ),
    Mutant(
        "headers go to the client's own host only",
        "fivetran_runtime.http._outgoing.RequestWriter._own_headers",
        _sent_to_strangers,
        f"{_CLIENT}::test_no_header_of_the_clients_goes_to_another_host",
    ),
    Mutant(
        "credentials go to the client's own host only",
        "fivetran_runtime.http._outgoing.RequestWriter._authenticate",
        _credentials_to_strangers,
        f"{_CLIENT}::test_no_credentials_go_to_another_host",
    ),
    Mutant(
        "a body is not redirected to another host",
        "fivetran_runtime.http._addresses.Hosts.redirected",
        _body_to_strangers,
        f"{_CLIENT}::test_no_body_is_redirected_to_another_host",
    ),
    Mutant(
        "a key that a link repeats under another name does not go into the state",
        "fivetran_runtime.http._addresses.Hosts._without_credentials",
        _key_by_its_name_only,
        f"{_CLIENT}::test_a_key_under_another_name_does_not_become_a_position",
    ),
)
