"""Faults of what is read: numbers, texts, dates, secrets that a person typed, JSON that is none."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from fivetran_runtime._invocation.context import ALLOCATIONS
from fivetran_runtime.errors import DefectError
from fivetran_runtime.function.envelope import BadRequestError
from fivetran_runtime.http._bodies import NotJsonError
from mutants.mutant import Mutant

Fault = Callable[..., Any]
_CLIENT, _CURSORS, _CONFIG, _ENCODING = (
    "http/test_client.py", "test_cursors.py", "test_config.py", "test_encoding.py",
)  # fmt: skip


def _refused(*_: Any) -> Any:
    raise ValueError("is not an instant")


def _too_deep(original: Fault) -> Fault:
    def parse(request: Any) -> Any:
        try:
            return original(request)
        except BadRequestError as error:
            if "too deeply" in str(error):
                raise RecursionError from None
            raise

    return parse


def _half_a_character_is_refused(original: Fault) -> Fault:
    def whole(value: Any, replaced: Any, where: Any) -> Any:
        result = original(value, replaced, where)
        if replaced:
            raise DefectError("not whole JSON")
        return result

    return whole


def _never_is_a_date(original: Fault) -> Fault:
    def complete(self: Any, state: Any) -> None:
        self._never = object()
        original(self, state)

    return complete


def _without_reason(original: Fault) -> Fault:
    def undecodable(url: str, response: Any, body: Any, _: Exception, **named: Any) -> Any:
        return original(url, response, body, NotJsonError("no JSON"), **named)

    return undecodable


@contextmanager
def _held_for_good() -> Iterator[None]:
    gc.set_threshold(ALLOCATIONS, *gc.get_threshold()[1:])
    yield


MUTANTS = (
    Mutant(
        "a fraction keeps every digit",
        "fivetran_runtime.http._bodies.decode",
        lambda _: msgspec.json.Decoder().decode,
        f"{_CLIENT}::test_a_fraction_is_a_decimal_with_all_its_digits",
    ),
    Mutant(
        "a Decimal is sent as a number, digit for digit",
        "fivetran_runtime._encoding._encode",
        lambda _: msgspec.json.Encoder().encode,
        f"{_ENCODING}::test_a_decimal_is_a_number_digit_for_digit",
    ),
    Mutant(
        "a later row is looked at as the first was",
        "fivetran_runtime._encoding._are_plain",
        lambda _: lambda values, levels=0: True,  # noqa: ARG005 - as the original's
        "sync/test_row_encoder.py::test_a_later_row_is_refused_as_a_first_one_is",
    ),
    Mutant(
        "a later row may be nested no deeper than a first one",
        "fivetran_runtime._encoding._NESTED",
        lambda _: dict.fromkeys((dict, list, tuple), lambda values, levels: True),  # noqa: ARG005 - as the original's
        f"{_ENCODING}::test_how_deep_a_value_may_be_depends_on_nothing_else",
    ),
    Mutant(
        "no datetime loses the seconds of its offset",
        "fivetran_runtime._encoding._has_exact_text",
        lambda _: lambda value: value.tzinfo is not None,
        f"{_ENCODING}::test_what_json_does_not_have_is_refused_by_column",
    ),
    Mutant(
        "an answer is as long as it says",
        "fivetran_runtime._sync.batch.Batch.json_size",
        lambda original: lambda self, *, deletes: original(self, deletes=deletes) + 1,
        "function/test_handler.py::test_the_answer_says_how_long_it_is",
    ),
    Mutant(
        "the collector is as it was before the invocation",
        "fivetran_runtime._invocation.context.collector_held_back",
        lambda _: _held_for_good,
        "invocation/test_collector.py::test_it_runs_rarely_within_an_invocation_and_as_usual_after",
    ),
    Mutant(
        "JSON with a byte order mark is read",
        "fivetran_runtime.http._bodies._MARKS",
        lambda _: (),
        f"{_CLIENT}::test_json_is_read_in_the_charset_it_says_it_is_in",
    ),
    Mutant(
        "JSON is read in the charset that it declares",
        "fivetran_runtime.http._bodies.charset_of",
        lambda _: lambda content_type: None,  # noqa: ARG005
        f"{_CLIENT}::test_json_is_read_in_the_charset_it_says_it_is_in",
    ),
    Mutant(
        "half a character costs no row",
        "fivetran_runtime.http._bodies._whole",
        _half_a_character_is_refused,
        f"{_CLIENT}::test_half_a_character_is_replaced_and_named",
    ),
    Mutant(
        "what is no JSON is reported with its reason",
        "fivetran_runtime.http._bodies._undecodable",
        _without_reason,
        f"{_CLIENT}::test_what_is_no_json_is_reported_with_the_reason_and_the_place",
    ),
    Mutant(
        "dates as sources write them are read: small letters, a leap second, the hour 24",
        "fivetran_runtime.cursors._unusual_instant",
        lambda _: _refused,
        f"{_CURSORS}::test_what_sources_write_at_the_edges_is_read",
    ),
    Mutant(
        "what means never is no mark",
        "fivetran_runtime._sync.high_water.Marks.complete",
        _never_is_a_date,
        "sync/test_high_water.py::test_the_zero_of_time_means_never_and_is_no_mark",
    ),
    Mutant(
        "what a form leaves empty is left out",
        "fivetran_runtime.config._is_left_empty",
        lambda _: lambda value, field: False,  # noqa: ARG005
        f"{_CONFIG}::test_what_a_form_leaves_empty_is_left_out",
    ),
    Mutant(
        "a key that takes a text or a list takes both",
        "fivetran_runtime.config._holds",
        lambda original: lambda kind, wanted: wanted != (str,) and original(kind, wanted),
        f"{_CONFIG}::test_a_text_or_a_list_may_be_either",
    ),
    Mutant(
        "a number of the configuration is finite",
        "fivetran_runtime.config._floats",
        lambda _: lambda value: (),  # noqa: ARG005
        f"{_CONFIG}::test_a_number_is_finite",
    ),
    Mutant(
        "a request that is nested too deeply is answered in words",
        "fivetran_runtime.function.handler.parse",
        _too_deep,
        "function/test_handler.py::test_other_requests_are_answered_in_json",
    ),
)
