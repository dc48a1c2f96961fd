"""What a check says that has nothing to work with: what its author adds to practice.py, so that it runs."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import requests

from fivetran_emulator.contract.check import NotRun, Violation
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
        ("C46", listed, "whatever size the connector asks for: source.cap = 7"),
        ("C48", listed, "call it so in `secrets` of practice.py"),
        ("C59", listed, "call it so in `secrets` of practice.py"),
        ("C51", of_ones_own, "attribute `cap`"),
    ],
)
def test_what_to_add_is_said_in_the_authors_words(check: str, source: Any, what: str) -> None:
    """An argument, a column, a name, or that there is nothing."""
    assert what in said(check, source)


def until_the_total(request: Any) -> Any:
    """All rows, in pages as large as the source gives them, up to its total: an end, whatever comes."""
    url, rows, total = f"{request.get_json()['secrets']['url']}/tickets", list[Any](), 1
    while len(rows) < total:
        page = requests.get(url, params={"offset": len(rows), "limit": 100}, timeout=5).json()
        rows, total = [*rows, *page["data"]], page["total"]
    schema = {"tickets": {"primary_key": ["id"]}}
    return {"state": {"n": 1}, "insert": {"tickets": rows}, "schema": schema, "hasMore": False}


@pytest.mark.parametrize(("size", "cap", "runs"), [(100, None, False), (2, None, False), (100, 2, True)])
def test_what_makes_smaller_pages_is_what_c46_says(size: int, cap: int | None, runs: bool) -> None:
    """`source.cap`; the `size=` of practice.py is only the size that a connector gets which asks for none."""
    source = Source()
    source.listing("/tickets", ROWS, pages=Offset(size=size, total="total"))
    source.cap = cap
    subject = PracticeSubject(InProcess(until_the_total), lambda: Practice(source, {"url": "{url}"}))
    with pytest.raises(Violation if runs else NotRun):
        named("C46").run(subject)


def since_the_mark(request: Any) -> Any:
    """The tickets since the newest of the sync before."""
    body = request.get_json()
    since = {"changed_since": body["state"]["mark"]} if body["state"] else {}
    rows = requests.get(f"{body['secrets']['url']}/tickets", params=since, timeout=5).json()["data"]
    schema = {"tickets": {"primary_key": ["id"]}}
    return {
        "state": {"mark": ROWS[-1]["count"]},
        "insert": {"tickets": rows},
        "schema": schema,
        "hasMore": False,
    }


def test_a_source_that_ignores_the_filter_is_one_of_the_causes() -> None:
    """C24 says so beside the connector's own, and shows what was asked, from which one sees whose fault it is."""
    source = Source()
    source.listing("/tickets", ROWS, pages=Offset(), cursor="count", since="updated_since")
    with pytest.raises(Violation) as broken:
        named("C24").run(
            PracticeSubject(InProcess(since_the_mark), lambda: Practice(source, {"url": "{url}"}))
        )
    assert "practice.py does not filter by that parameter (since= of its listing)" in broken.value.cause
    assert "all its rows lie within the lookback" in broken.value.cause
    assert "the third asked GET /tickets?changed_since=4" in broken.value.reproduce


def since_its_own_time(request: Any) -> Any:
    """The tickets since the newest of the sync before, as the source writes times; as ISO 8601 they are sent."""
    body = request.get_json()
    mark = body["state"].get("mark")
    rows = requests.get(f"{body['secrets']['url']}/tickets", params={"since": mark}, timeout=5).json()["data"]
    tickets = [{**row, "changed": row["changed"].replace(".", "T") + "Z"} for row in rows]
    schema = {"tickets": {"primary_key": ["id"]}}
    newest = max(row["changed"] for row in rows)
    return {"state": {"mark": newest}, "insert": {"tickets": tickets}, "schema": schema, "hasMore": False}


def test_checks_move_times_that_the_source_writes_in_its_own_notation() -> None:
    """C24 changes rows at the source, and a function that reads that notation passes."""

    def practice() -> Practice:
        rows = [{"id": day, "changed": f"2026-01-0{day}T12:00:00Z"} for day in range(1, 8)]
        source = Source()
        source.listing(
            "/tickets", rows, pages=Offset(), cursor="changed", since="since", notation="%Y-%m-%d.%H:%M:%S"
        )
        return Practice(source, {"url": "{url}"})

    for check in ("C09", "C24"):
        named(check).run(PracticeSubject(InProcess(since_its_own_time), practice))
