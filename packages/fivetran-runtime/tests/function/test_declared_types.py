"""Declared types of columns: reported where somebody asks for a setup test, and in no answer."""

from __future__ import annotations

import json
from collections.abc import Iterator

from fivetran import call

from fivetran_runtime import Connector
from fivetran_runtime.function.envelope import REPORT_HEADER
from fivetran_runtime.tables import Columns


def test_a_setup_test_reports_the_declared_types_and_an_answer_is_the_same_with_them() -> None:
    """The contract asks for them; Fivetran gets nothing that it does not know."""
    replies = []
    typed_columns: Columns = {"ratio": "double", "lines": {"price": "decimal(12, 2)"}}
    for columns in (None, typed_columns):
        app = Connector("acme")

        @app.table(key="id", children={"lines": "id"}, columns=columns)
        def orders(_: object) -> Iterator[object]:
            yield {"id": 1, "ratio": 0.5}

        replies.append((call(app.handler, {"setup_test": True}), call(app.handler, {})))
    (plain_test, plain), (typed_test, typed) = replies
    assert typed.body == plain.body
    assert typed_test.body == plain_test.body
    assert "columns" not in json.loads(typed.headers[REPORT_HEADER])
    declared = {"orders": {"ratio": "double"}, "lines": {"price": "decimal(12, 2)"}}
    assert json.loads(typed_test.headers[REPORT_HEADER])["columns"] == declared


def test_more_declared_types_than_a_header_holds_are_left_out_and_said_to_be() -> None:
    """Servers limit headers; a setup test must not fail for it."""
    app = Connector("acme")
    app.table(key="id", name="wide", columns={f"column_{number}": "double" for number in range(500)})(
        lambda _: []
    )
    report = json.loads(call(app.handler, {"setup_test": True}).headers[REPORT_HEADER])
    assert report["columns_left_out"]
    assert "columns" not in report
