"""What DuckDB may use: little for usual answers, more for those that need it."""

from __future__ import annotations

from scripted import Emulator


def test_an_answer_that_needs_more_memory_gets_it(emulator: Emulator) -> None:
    """A table of many columns is loaded as one of few is, and everything is there."""
    rows = [{"id": n} | {f"column {c}": f"text {c} of {n}" for c in range(900)} for n in range(60)]
    members = {"insert": {"t": rows}, "schema": {"t": {"primary_key": ["id"]}}}
    pages = [{"state": {"n": n}, "hasMore": n < 2, **members} for n in range(3)]
    assert emulator.answering(*pages).status == 0
    assert emulator.rows("SELECT count(*), count(DISTINCT column_899) FROM t") == [(60, 60)]
