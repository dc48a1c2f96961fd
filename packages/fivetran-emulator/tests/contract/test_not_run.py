"""What a check says that has nothing to work with: what its author adds to practice.py, so that it runs."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import requests

from fivetran_emulator.contract.check import NotRun
from fivetran_emulator.contract.checks import named
from fivetran_emulator.contract.lab.trial import InProcess
from fivetran_emulator.contract.subject import PracticeSubject
from fivetran_emulator.practice import Offset, Source
from fivetran_emulator.practice.serving import Practice

ROWS = [{"id": number, "count": number} for number in range(5)]


def main(request: Any) -> Any:
    """All rows at once, as one table."""
    rows = requests.get(f"{request.get_json()['secrets']['url']}/tickets", timeout=5).json()["data"]
    schema = {"tickets": {"primary_key": ["id"]}}
    return {"state": {"n": 1}, "insert": {"tickets": rows}, "schema": schema, "hasMore": False}


def said(id_: str, source: Any) -> str:
    subject = PracticeSubject(InProcess(main), lambda: Practice(source(), {"url": "{url}"}))
    with pytest.raises(NotRun) as why:
        named(id_).run(subject)
    return str(why.value)


def listed() -> Source:
    source = Source()
    source.listing("/tickets", ROWS, pages=Offset())
    return source


def by_a_route() -> Source:
    source = Source()
    source.route("/tickets")(lambda _request: {"data": ROWS})
    return source


def by_another_name() -> Source:
    source = Source()
    source.listing("/tickets", source.rows("issues", ROWS), pages=Offset())
    return source


def of_ones_own() -> Any:
    return partial(listed())


@pytest.mark.parametrize("check", ["C29", "C55", "C40", "C57"])
def test_rows_that_no_check_can_change_have_to_be_given_to_the_kit(check: str) -> None:
    """With the tables that the connector makes, since their names are what the rows have to be called."""
    assert said(check, by_a_route) == (
        "practice.py keeps no rows that a check could change: give them to source.listing(...), or to source.rows(NAME, ...)"
        " where a route serves them. The connector makes: tickets (key id)"
    )


def test_rows_under_another_name_are_named() -> None:
    """Both names stand in one sentence."""
    text = said("C29", by_another_name)
    assert "practice.py keeps rows as issues" in text
    assert "tickets (key id)" in text


@pytest.mark.parametrize(
    ("check", "source", "what"),
    [
        ("C27", listed, 'cursor="updated_at"'),
        ("C33", listed, "there is nothing to add"),
        ("C17", listed, "more rows"),
        ("C46", listed, "smaller size="),
        ("C48", listed, "call it so in `secrets` of practice.py"),
        ("C59", listed, "call it so in `secrets` of practice.py"),
        ("C51", of_ones_own, "attribute `cap`"),
    ],
)
def test_what_to_add_is_said_in_the_authors_words(check: str, source: Any, what: str) -> None:
    """An argument, a column, a name, or that there is nothing."""
    assert what in said(check, source)
