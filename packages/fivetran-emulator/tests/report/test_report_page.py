from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from report.page import Node, read_page
from scripted import Emulator, Json, Outcome

REPORTED_HEADER = {
    "connector": "acme",
    "version": "1.4.0",
    "cut": "bytes",
    "requests": 12,
    "retries": 2,
    "waited_seconds": 0.5,
}


def answers(count: int) -> list[Json]:
    """Answers with two tables, a column that widens, a table without a key, and a misspelt member at the end."""
    found: list[Json] = []
    for n in range(count):
        users = [{"id": n * 10 + row, "score": row if n < count - 1 else "none"} for row in range(10)]
        found.append({
            "state": {"tables": {"users": {"mark": n}}},
            "insert": {"users": users, "log": [{"line": n}]},
            "schema": {"users": {"primary_key": ["id"]}},
            "hasMore": n < count - 1,
        })  # fmt: skip
    found[-1]["has_more"] = True
    return found


@pytest.fixture
def sync(emulator: Emulator, tmp_path: Path) -> Callable[..., tuple[Outcome, Node]]:
    """Sync with --report; how the command ended, and the page."""

    def run(*answers: Json | bytes, arguments: tuple[str, ...] = ()) -> tuple[Outcome, Node]:
        path = tmp_path / "report.html"
        emulator.function.headers["X-Connector-Invocation"] = json.dumps(REPORTED_HEADER)
        outcome = emulator.answering(*answers, arguments=("--report", str(path), *arguments))
        return outcome, read_page(path.read_text(encoding="utf-8"))

    return run


Sync = Callable[..., tuple[Outcome, Node]]


def test_the_verdict_comes_first_in_a_sentence(sync: Sync) -> None:
    """How it ended, rows, tables and invocations; then whose sync it was."""
    outcome, page = sync(*answers(3))
    assert outcome.status == 0
    header = page.one("header")
    assert re.fullmatch(r"Complete 33 rows for 2 tables in 3 invocations, .*s", header.one("h1").text)
    assert "connector acme 1.4.0" in header.text
    assert "(first sync)" in header.text


def test_every_invocation_is_a_column_of_every_strip(sync: Sync) -> None:
    """Rows, size, time, requests and cuts lie under each other, and pointing at a column tells its figures."""
    _, page = sync(*answers(4))
    strips = page.all("figure", "strip")
    assert [strip.one("b").text for strip in strips] == [
        "Rows", "Size of the answer", "Time", "Requests to the source", "Why it stopped there",
    ]  # fmt: skip
    assert [len(strip.all("div", "column")) for strip in strips] == [4] * 5
    said = strips[0].all("div", "column")[0].attributes["title"]
    assert said.startswith("#1: 11 rows, ")
    assert "users: 10\n" in said
    assert "cut: bytes (the answer was full)" in said
    assert "2 retries" in said


def test_the_parts_of_a_column_are_its_tables(sync: Sync) -> None:
    """Ten rows of eleven are users: that is the share of the column in the users' colour."""
    _, page = sync(*answers(2))
    parts = page.all("figure", "strip")[0].all("div", "column")[0].all("i")
    heights = [float(part.attributes["style"].removeprefix("height:").removesuffix("%")) for part in parts]
    assert heights == [pytest.approx(100 * 10 / 11, abs=0.01), pytest.approx(100 / 11, abs=0.01)]
    named = [item.text for item in page.all("ul", "legend")[0].all("li")]
    assert named == ["users", "log"]


def test_sizes_are_shown_against_the_limit_when_they_come_near_it(sync: Sync) -> None:
    """A line marks 10 MB once an answer has a quarter of it; below, the share is given in words alone."""
    _, small = sync(*answers(1))
    assert small.all("div", "limit") == []
    big: Json = {"state": {}, "insert": {"t": [{"a": "x" * 4_000_000}]}}
    _, page = sync(big)
    assert page.one("div", "limit").text == "10 MB limit"
    assert "largest 4 MB, 40 % of the 10 MB allowed" in page.text


def test_a_column_shows_the_way_its_type_went(sync: Sync) -> None:
    """Made as one type in this sync and widened in its third answer: both types and the answer are named."""
    _, page = sync(*answers(3))
    users = next(card for card in page.all("article", "table") if card.one("h3").text == "users new")
    plain, folded = users.all("table", "columns")
    assert [(row.one("th").text, row.one("td").text) for row in plain.all("tr")] == [
        ("score", "BIGINT → VARCHAR in #3 widened")
    ]
    assert [row.text for row in folded.all("tr")] == ["id key BIGINT"]
    assert users.one("summary").text == "1 other column"
    assert "30 inserted" in users.text


def test_a_column_that_was_there_before_shows_where_it_came_from(sync: Sync) -> None:
    """The type before the sync is the first of the way, and a column that is new in an old table is marked."""
    sync({"state": {}, "insert": {"t": [{"a": 1}]}})
    _, page = sync({"state": {}, "insert": {"t": [{"a": "x", "b": 1}]}})
    types = [row.one("td").text for row in page.one("article", "table").all("tr")]
    assert types == ["BIGINT → VARCHAR in #1 widened", "BIGINT new"]


def test_the_state_is_shown_before_and_after(sync: Sync) -> None:
    """Each value that moved on a line; both documents below."""
    sync(*answers(2))
    _, page = sync({"state": {"tables": {"users": {"mark": 7}}}})
    moved = [cell.text for cell in page.one("table", "state").one("tbody").all("code")]
    assert moved == ["1", "7"]
    assert [
        json.loads(pre.text)["tables"]["users"]["mark"] for pre in page.one("div", "both").all("pre")
    ] == [1, 7]


def test_warnings_are_there_with_what_to_do(sync: Sync) -> None:
    """A card for each remedy, with every finding it is for; and without any, a line that says so."""
    _, page = sync(*answers(3))
    cards = {card.attributes["title"]: card for card in page.all("div", "warning")}
    assert {"has-more-misspelt", "no-key", "column-widened"} <= cards.keys()
    assert cards["has-more-misspelt"].one("p", "hint").text == "Spell it hasMore ."
    assert "3 times" in cards["no-key"].text
    _, quiet = sync({"state": {"n": 1}})
    assert "No warnings." in [line.text for line in quiet.all("p", "none")]
    assert quiet.all("div", "warning") == []


def test_a_failed_sync_says_what_went_wrong_before_anything_else(sync: Sync) -> None:
    """Problem, details, what is kept, and a column for the call of which nothing was accepted."""
    good: Json = {"state": {"n": 1}, "insert": {"t": [{"a": 1}]}, "hasMore": True}
    outcome, page = sync(good, {"errorMessage": "no such <account>", "stackTrace": ["at x"]})
    assert outcome.status == 1
    assert page.one("h1").text.startswith(
        "Failed after 1 invocation with 1 row; these and their state are kept"
    )
    failure = page.one("section", "failure")
    assert "no such <account>" in failure.text
    assert failure.one("pre").text == "at x"
    assert len(page.all("figure", "strip")[0].all("i", "broken")) == 1
    assert "#2: failed, nothing of it was accepted" in page.text


def test_a_sync_that_failed_at_once_has_a_page_too(sync: Sync) -> None:
    """There is nothing to draw, and it says so."""
    _, page = sync(b"no json")
    assert "before any answer was accepted: tables and state are as they were" in page.one("h1").text
    assert page.all("figure") == []
    assert page.all("article") == []


def test_the_page_loads_nothing_and_runs_nothing(sync: Sync, tmp_path: Path) -> None:
    """No address but those that are text, no script, and a policy that forbids the browser both."""
    _, page = sync(*answers(2))
    assert page.all("script") == page.all("link") == page.all("img") == page.all("iframe") == []
    for node in page.all():
        assert not {"src", "href", "srcset"} & node.attributes.keys()
        assert not any(name.startswith("on") for name in node.attributes)
    style = page.one("style").text
    assert "url(" not in style
    assert "@import" not in style
    policies = [
        meta for meta in page.all("meta") if meta.attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert [meta.attributes["content"] for meta in policies] == [
        "default-src 'none'; style-src 'unsafe-inline'"
    ]


def test_what_a_function_says_is_text(sync: Sync) -> None:
    """Names of tables and columns, states and messages cannot become markup."""
    name = "<script>alert(1)</script>"
    odd: Json = {"state": {"<b>": "</pre><img src=x>"}, "insert": {"t": [{"a": 1}]}, name: '"><i>'}
    _, page = sync(odd)
    assert page.all("script") == page.all("img") == []
    assert name in page.text
    assert '"</pre><img src=x>"' in page.text


def test_secrets_are_hidden_wherever_they_turn_up(sync: Sync, tmp_path: Path, emulator: Emulator) -> None:
    """In the state, in a message, in a title, also where HTML would write them with other characters."""
    (tmp_path / "secrets.json").write_text('{"token": "hush<&>hush"}')
    good: Json = {
        "state": {"seen": "hush<&>hush"},
        "insert": {"t": [{"a": 1}]},
        "hush<&>hush": 1,
        "hasMore": True,
    }
    bad: Json = {"errorMessage": "cannot use hush<&>hush", "stackTrace": ["hush<&>hush"]}
    _, page = sync(good, bad, arguments=("--secrets", str(tmp_path / "secrets.json")))
    written = (tmp_path / "report.html").read_text()
    assert "cannot use ***" in page.text
    assert "hush" not in written


def test_many_invocations_share_columns_and_no_peak_is_lost(sync: Sync) -> None:
    """Three hundred are drawn in half as many columns; the one large answer is among them; all are in the table."""
    sizes = [50 if n == 201 else 1 for n in range(300)]
    many: list[Json] = [
        {"state": {"n": n}, "insert": {"t": [{"a": row} for row in range(size)]}, "hasMore": n < 299}
        for n, size in enumerate(sizes)
    ]
    _, page = sync(*many)
    columns = page.all("figure", "strip")[0].all("div", "column")
    assert len(columns) == 150
    highest = [column for column in columns if "height:100.00%" in column.one("i").attributes["style"]]
    assert [column.attributes["title"].split(":")[0] for column in highest] == ["#202"]
    assert len(page.one("table", "figures").one("tbody").all("tr")) == 300


def test_a_thousand_tables_are_eight_parts_and_fill_the_column(sync: Sync) -> None:
    """Each part takes at least a line of the screen: one for each table would stand out over the headline."""
    tables = {f"t{n:04}": [{"id": n}] * (9 if n < 7 else 1) for n in range(1000)}
    _, page = sync({"state": {}, "insert": tables})
    [column] = page.all("figure", "strip")[0].all("div", "column")
    parts = column.all("i")
    assert [part.attributes["class"] for part in parts] == [*(f"t{n}" for n in range(7)), "other"]
    heights = [float(part.attributes["style"].removeprefix("height:").rstrip("%")) for part in parts]
    assert sum(heights) == pytest.approx(100, abs=0.1)
    assert "993 other tables" in page.text


def test_a_place_that_cannot_be_written_is_reported_before_the_sync(
    emulator: Emulator, tmp_path: Path
) -> None:
    """Status 2, and the function is not called."""
    for path, said in ((tmp_path / "no" / "r.html", "there is no folder"), (tmp_path, "is a folder")):
        outcome = emulator.sync("--report", str(path))
        assert outcome.status == 2
        assert said in outcome.err
    assert emulator.function.requests == []
