"""Faults of addresses, deadlines, memory and threads."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urljoin

import requests as the_library

from fivetran_runtime._invocation.budget import Budget, Limits
from fivetran_runtime._invocation.context import Invocation
from fivetran_runtime.http.auth import Anonymous
from mutants.mutant import Mutant

Fault = Callable[..., Any]
_CLIENT, _DEADLINES, _CUTS = "http/test_client.py", "http/test_deadlines.py", "sync/test_cuts.py"
_SLOW = f"{_DEADLINES}::test_a_request_is_over_when_the_time_is"


def _read_without_deadline(_: Fault) -> Fault:
    def readinto(self: Any, buffer: Any) -> Any:
        self._sock.settimeout(3)
        return self._raw.readinto(buffer)

    return readinto


def _no_end(original: Fault) -> Fault:
    def next_read(self: Any) -> Any:
        self.end, end = (float("inf"), self.end) if self.in_body else (self.end, self.end)
        try:
            return original(self)
        finally:
            self.end = end

    return next_read


def _headers_have_all_the_time(original: Fault) -> Fault:
    def next_read(self: Any) -> Any:
        self.headers_end = self.end
        return original(self)

    return next_read


def _first_address_takes_all(original: Fault) -> Fault:
    def first_of(found: Any, end: float, connection: Any) -> Any:
        failure: OSError = TimeoutError()
        for one in found:
            try:
                return original([one], end, connection)
            except TimeoutError as error:
                failure = error
        raise failure

    return first_of


def _each_address_has_the_whole_time(_: Fault) -> Fault:
    def first_of(found: Any, end: float, connection: Any) -> Any:
        failure: OSError = TimeoutError()
        for family, kind, protocol, _, address in found:
            sock = socket.socket(family, kind, protocol)
            sock.settimeout(connection.timeout)
            try:
                sock.connect(address)
            except OSError as error:
                failure = error
                continue
            return sock
        raise failure

    return first_of


def _boundless_in_threads(original: Fault) -> Fault:
    import threading

    def running() -> Any:
        if threading.current_thread() is threading.main_thread():
            return original()
        return Invocation(Budget(Limits(seconds=float("inf"), memory_bytes=2**62)))

    return running


MUTANTS = (
    Mutant(
        "every read of an answer is given what is left of its time",
        "fivetran_runtime.http._deadlines._Reader.readinto",
        _read_without_deadline,
        f"{_DEADLINES}::test_headers_have_a_time_of_their_own",
    ),
    Mutant(
        "a body that trickles is over when the time is",
        "fivetran_runtime.http._sending.TimelyAdapter",
        lambda _: the_library.adapters.HTTPAdapter,
        f"{_DEADLINES}::test_headers_have_a_time_of_their_own",
    ),
    Mutant(
        "headers that trickle have a time of their own",
        "fivetran_runtime.http._deadlines.Deadline.next_read",
        _headers_have_all_the_time,
        f"{_DEADLINES}::test_headers_have_a_time_of_their_own",
    ),
    Mutant(
        "all addresses of a host share the time of one",
        "fivetran_runtime.http._deadlines._first_of",
        _each_address_has_the_whole_time,
        f"{_DEADLINES}::test_all_addresses_of_a_host_share_the_time",
    ),
    Mutant(
        "an address that is dead leaves time for one that lives",
        "fivetran_runtime.http._deadlines._first_of",
        _first_address_takes_all,
        f"{_DEADLINES}::test_all_addresses_of_a_host_share_the_time",
    ),
    Mutant(
        "a name that nobody looks up takes no longer than there is time",
        "fivetran_runtime.http._deadlines._look_up",
        lambda _: lambda host, port, seconds: list(socket.getaddrinfo(host, port)),  # noqa: ARG005
        f"{_DEADLINES}::test_a_name_that_nobody_looks_up_in_time_is_given_up",
    ),
    Mutant(
        "budget, counting and redaction hold in threads",
        "fivetran_runtime.http._sending.running",
        _boundless_in_threads,
        f"{_DEADLINES}::test_budget_and_counting_hold_in_threads",
    ),
    Mutant(
        "a setup test of a source that is down is two tries",
        "fivetran_runtime.http._retries._SETUP_TRIES",
        lambda _: 5,
        f"{_DEADLINES}::test_a_setup_test_of_a_source_that_is_down_is_reported_soon",
    ),
    Mutant(
        "a setup test does not wait for a minute",
        "fivetran_runtime.http._retries._SETUP_WAIT",
        lambda _: 600,
        f"{_DEADLINES}::test_a_setup_test_of_a_source_that_is_down_is_reported_soon",
    ),
    Mutant(
        "an answer that would not fit into the memory when decoded is refused in words",
        "fivetran_runtime.http._bodies.require_room",
        lambda _: lambda body, what: None,  # noqa: ARG005
        f"{_DEADLINES}::test_a_short_answer_that_takes_much_memory_is_refused_in_words",
    ),
    Mutant(
        "a body that does not fit into the memory is not read to its end",
        "fivetran_runtime.http._sending.largest_body",
        lambda _: lambda: 2**62,
        f"{_DEADLINES}::test_a_body_is_read_as_far_as_there_is_memory",
    ),
    Mutant(
        "an answer keeps room for its state",
        "fivetran_runtime._invocation.budget.Budget.reserve",
        lambda _: lambda self, size, *, tables=1, key_sets=0: None,  # noqa: ARG005
        f"{_CUTS}::test_an_answer_with_much_kept_in_the_state_stays_within_its_limit",
    ),
    Mutant(
        "an answer keeps room for the sets of keys that its state begins",
        "fivetran_runtime._sync.session._key_sets",
        lambda _: lambda table: 0,  # noqa: ARG005
        f"{_CUTS}::test_an_answer_whose_state_gets_sets_of_keys_stays_within_its_limit",
    ),
    Mutant(
        "an answer that its state makes too large is refused in words",
        "fivetran_runtime.function.handler._require_fit",
        lambda _: lambda body, invocation: None,  # noqa: ARG005
        f"{_CUTS}::test_an_answer_that_its_state_makes_too_large_is_reported",
    ),
    # Addresses
    Mutant(
        "an address's query belongs to every request",
        "fivetran_runtime.http._addresses.parse_qsl",
        lambda original: (
            lambda query, **named: [] if named and "tenant" in query else original(query, **named)
        ),
        f"{_CLIENT}::test_an_addresses_query_belongs_to_every_request",
    ),
    Mutant(
        "an address and a path are put together from their parts",
        "fivetran_runtime.http._addresses.Address.join",
        lambda _: lambda self, path: f"{self.url}{path.strip('/')}",
        f"{_CLIENT}::test_paths_are_relative_to_the_clients_address",
    ),
    Mutant(
        "user and password of an address are sent with every page",
        "fivetran_runtime.http.client._auth_of",
        lambda _: lambda address: Anonymous(),  # noqa: ARG005
        f"{_CLIENT}::test_a_user_and_a_password_in_the_address_are_sent_with_every_page",
    ),
    Mutant(
        "an http link of a server behind TLS is followed by TLS",
        "fivetran_runtime.http._addresses.Address.resolve",
        lambda _: lambda self, link, base: urljoin(base, link),  # noqa: ARG005
        f"{_CLIENT}::test_a_server_behind_tls_may_write_http",
    ),
    # Rate limits
    Mutant(
        "a limit by the minute that says nothing is waited for",
        "fivetran_runtime.http._retries._LIMIT_TRIES",
        lambda _: 5,
        f"{_CLIENT}::test_a_limit_by_the_minute_that_says_nothing_is_waited_for",
    ),
)
