"""Faults by which something wrong is let through without a word, or something right is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fivetran_runtime.http._retries import retry_after
from mutants.mutant import Mutant

Fault = Callable[..., Any]
_CONNECTOR = "fivetran_runtime.connector"


def _only_as_it_is_written(original: Fault) -> Fault:
    def column_problems(columns: Any) -> Any:
        return original(
            name for name in columns if name.startswith("_fivetran_") or "_fivetran" not in name.lower()
        )

    return column_problems


def _discovers_before_the_guard(original: Any) -> Any:
    def run_before(self: Any, client: Any) -> None:
        list(self._discover(client))
        original(self, client)

    return run_before


MUTANTS = (
    Mutant(
        "tables that become one at Fivetran are refused",
        f"{_CONNECTOR}.table_problems",
        lambda original: lambda names: (one for one in original(names) if "one to Fivetran" not in one),
        "sync/test_names.py::test_tables_that_become_one_are_refused_by_both_names",
    ),
    Mutant(
        "columns that become one at Fivetran are refused",
        "fivetran_runtime._sync.row_encoder.column_name",
        lambda _: lambda name: name,
        "sync/test_names.py::test_columns_that_become_one_are_refused_by_both_names",
    ),
    Mutant(
        "Fivetran's own names are refused in every spelling",
        "fivetran_runtime._sync.row_encoder.column_problems",
        _only_as_it_is_written,
        "sync/test_names.py::test_columns_that_become_one_are_refused_by_both_names",
    ),
    Mutant(
        "a setup test that would not run is refused",
        f"{_CONNECTOR}._RUN_NOTHING",
        lambda _: (),
        "test_declarations.py::test_a_setup_test_that_would_not_run_is_refused",
    ),
    Mutant(
        "a setup test that returns False fails",
        f"{_CONNECTOR}.Connector.run_check",
        lambda _: lambda self, client: self._check and self._check(client),
        "test_declarations.py::test_a_setup_test_that_says_no_fails",
    ),
    Mutant(
        "a guard that says no keeps every table from being read",
        f"{_CONNECTOR}.Connector.run_before",
        lambda _: lambda self, client: self._before and self._before(client),
        "function/test_guard.py::test_it_fails_by_returning_false",
    ),
    Mutant(
        "a guard runs before tables are discovered",
        f"{_CONNECTOR}.Connector.run_before",
        _discovers_before_the_guard,
        "function/test_guard.py::test_it_runs_once_and_before_everything_that_asks_the_source",
    ),
    Mutant(
        "a total that is the page's own count ends no list",
        "fivetran_runtime.http.offsets.Offset._is_full",
        lambda _: lambda self, page, rows: False,  # noqa: ARG005 - as the original's
        "http/test_pagination.py::test_a_total_that_is_the_pages_own_count_ends_no_list",
    ),
    Mutant(
        "a negative total ends no list",
        "fivetran_runtime.http._pages.Page._number",
        lambda _: lambda self, place, value: int(value),  # noqa: ARG005
        "http/test_pagination.py::test_a_negative_number_is_no_end",
    ),
    Mutant(
        "no query has a value as Python writes it",
        "fivetran_runtime.http._outgoing._parameter",
        lambda _: lambda name, value, what="": str(value),  # noqa: ARG005
        "http/test_client.py::test_a_parameter_that_would_become_pythons_text_is_refused",
    ),
    Mutant(
        "a 403 that is a rate limit is asked again",
        "fivetran_runtime.http._sending.is_rate_limit",
        lambda _: lambda headers, now: False,  # noqa: ARG005
        "http/test_client.py::test_a_rate_limit_is_waited_for_whatever_its_status",
    ),
    Mutant(
        "a limit that is used up is waited for until it counts again",
        "fivetran_runtime.http._sending.wait_of",
        lambda _: lambda headers, now, *, is_limit: retry_after(headers.get("Retry-After"), now),  # noqa: ARG005
        "http/test_client.py::test_a_rate_limit_is_waited_for_whatever_its_status",
    ),
    Mutant(
        "a body in an encoding that was not asked for is named",
        "fivetran_runtime.http._bodies.unknown_encoding",
        lambda _: lambda response: "",  # noqa: ARG005
        "http/test_client.py::test_a_body_in_an_encoding_that_cannot_be_read_is_named",
    ),
    Mutant(
        "the same host by another scheme is not called another host",
        "fivetran_runtime.http._addresses.Hosts._elsewhere",
        lambda _: lambda self, url: ("another host", "Name it in allowed_hosts=."),  # noqa: ARG005
        "http/test_client.py::test_the_same_host_by_another_scheme_is_called_that",
    ),
    Mutant(
        "a table that yields while it is closed keeps its rows",
        "fivetran_runtime._sync.table_pass.close",
        lambda _: lambda items, what: items.close(),  # noqa: ARG005
        "sync/test_cuts.py::test_a_table_that_yields_while_it_is_closed_keeps_its_rows",
    ),
    Mutant(
        "a wait of a million years is reported in words",
        "fivetran_runtime._invocation.budget._in_words",
        lambda _: lambda seconds: f"{seconds:.0f} s",
        "http/test_client.py::test_a_long_wait_is_reported_in_words",
    ),
)
