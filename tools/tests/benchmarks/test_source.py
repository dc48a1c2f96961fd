from __future__ import annotations

import json
from typing import Any

import pytest
import requests
from small_repository import ROOT

from tools.locked.benchmarks.bench import served
from tools.locked.benchmarks.scenarios import Scenario
from tools.locked.benchmarks.source import Source, source_of


def page(source: Source, query: str) -> dict[str, Any]:
    """One page of it."""
    return dict(json.loads(source.answer(f"/tickets?{query}").partition(b"\r\n\r\n")[2]))


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("style", ["offset={0}", "page={1}", "token={0}"])
def test_every_ticket_is_listed_once(style: str, *, shuffled: bool) -> None:
    """However it is paged, and in whatever order."""
    source = source_of(rows=95, shuffled=shuffled)
    pages = [page(source, f"{style.format(number * 10, number + 1)}&limit=10") for number in range(10)]
    assert sorted(row["id"] for one in pages for row in one["data"]) == list(range(1, 96))
    assert [one["next"] for one in pages] == [*map(str, range(10, 100, 10)), None]
    assert page(source, "offset=100&limit=10")["data"] == []


def test_a_row_is_as_it_was_described() -> None:
    """13 columns, about 420 bytes: what the figures of the page are about."""
    rows = page(source_of(rows=1_000), "offset=0&limit=1000")["data"]
    assert {len(row) for row in rows} == {13}
    assert 400 <= len(json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode()) / 1_000 <= 440


def test_only_what_has_changed_is_listed_when_asked() -> None:
    """The changed rows lie evenly among all of them."""
    source = source_of(rows=1_000, changed=10, shuffled=True)
    rows = page(source, "offset=0&limit=100&updated_since=2025-06-01T00:00:00Z")["data"]
    assert len({row["id"] for row in rows}) == 10
    assert {row["updated_at"][:4] for row in rows} == {"2026"}


def test_it_is_served_and_refuses_every_seventh_request() -> None:
    """Over a kept connection, with `Retry-After: 0`, as a source that wants to be asked again at once."""
    with served(ROOT, Scenario(5, (), 1, faulty=True)) as url, requests.Session() as session:
        answers = [session.get(f"{url}/tickets", params={"limit": 5}) for _ in range(14)]
    assert [number for number, one in enumerate(answers, 1) if one.status_code == 429] == [7, 14]
    assert answers[6].headers["Retry-After"] == "0"
    assert len(answers[0].json()["data"]) == 5
