"""What a listing can be asked, and how it answers: each as the API that is known for it does."""

from __future__ import annotations

import csv
import gzip
import io
import json
import time
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from fivetran_emulator.practice import (
    Csv,
    Header,
    HeaderKey,
    Keyset,
    Lines,
    NextLink,
    Offset,
    PageNumber,
    PageToken,
    PracticeError,
    RateLimit,
    Source,
)

ROWS = [
    {"id": number, "team": "red" if number % 2 else "blue", "changed": f"2026-01-0{number}T12:00:00Z"}
    for number in range(1, 8)
]


def listed(**options: Any) -> Client:
    source = Source()
    options.setdefault("pages", Offset(size=3))
    source.listing("/rows", ROWS, cursor="changed", **options)
    return Client(source)


def get(client: Client, **query: Any) -> TestResponse:
    return client.get("/rows", query_string=query)


def ids(answer: TestResponse) -> list[Any]:
    body: Any = answer.json
    rows = body["data"] if isinstance(body, dict) else body
    return [row["id"] for row in rows]


def test_a_total_stands_in_the_body_or_in_a_header() -> None:
    """Whichever page is asked for."""
    assert get(listed(pages=Offset(size=3, total="meta.total")), offset=6).json == {
        "data": [ROWS[6]],
        "meta": {"total": 7},
    }
    pages = PageNumber(size=3, total=Header("X-WP-Total"), last=Header("X-WP-TotalPages"))
    answer = get(listed(pages=pages, within=None), page=2)
    assert (answer.headers["X-WP-Total"], answer.headers["X-WP-TotalPages"]) == ("7", "3")
    assert ids(answer) == [4, 5, 6]


@pytest.mark.parametrize("pages", [PageNumber(size=3, past_end=404), Offset(size=3, past_end=404)])
def test_behind_the_last_page_there_is_404_where_the_source_says_so(pages: Any) -> None:
    """An empty list has a first page, though."""
    behind = {"page": 4} if isinstance(pages, PageNumber) else {"offset": 7}
    assert get(listed(pages=pages), **behind).status_code == 404
    source = Source()
    source.listing("/rows", [], pages=pages)
    assert ids(get(Client(source))) == []


def test_a_search_reaches_only_so_many_results() -> None:
    """The page that would lead behind them is refused."""
    client = listed(pages=Offset(size=3, cap=6))
    assert [get(client, offset=offset).status_code for offset in (0, 3, 6)] == [200, 200, 400]


@pytest.mark.parametrize(
    ("options", "query", "expected"),
    [
        ({"since": "from"}, {"from": "2026-01-06T12:00:00Z"}, [6, 7]),
        ({"after": "from"}, {"from": "2026-01-06T12:00:00Z"}, [7]),
        ({"since": "changed", "since_form": ">={}"}, {"changed": ">=2026-01-06T12:00:00Z"}, [6, 7]),
        ({"since": "from", "epoch": "seconds"}, {"from": "1767700800"}, [6, 7]),
        ({"since": "from", "epoch": "milliseconds"}, {"from": "1767700800001"}, [7]),
        ({"equal": ["team"]}, {"team": "blue"}, [2, 4, 6]),
        ({"equal": ["team"], "since": "from"}, {"team": "blue", "from": "2026-01-03"}, [4, 6]),
    ],
)
def test_a_filter_keeps_the_rows_it_means(
    options: dict[str, Any], query: dict[str, Any], expected: list[int]
) -> None:
    """Since, later than, in the form of the source; equal values."""
    assert ids(get(listed(pages=Offset(size=9), **options), **query)) == expected


@pytest.mark.parametrize(
    ("options", "value"),
    [
        ({"since_form": ">={}"}, "2026-01-06"),
        ({"epoch": "seconds"}, "2026-01-06"),
        ({}, "yesterday"),
    ],
)
def test_a_filter_in_another_form_is_refused(options: dict[str, Any], value: str) -> None:
    """A connector that would be answered with everything, or with nothing, learns it."""
    assert get(listed(since="changed", **options), changed=value).status_code == 400


def test_columns_that_have_to_be_asked_for_come_only_then() -> None:
    """`include=` names several, divided by commas."""
    client = listed(include=["team", "changed"])
    bare, whole = get(client).json, get(client, include="changed,team").json
    assert bare is not None
    assert whole is not None
    assert (bare["data"][0], whole["data"][0]) == ({"id": 1}, ROWS[0])


def test_who_shows_no_valid_key_sees_the_public_part_with_status_200() -> None:
    """Of the paths that have one; every other is refused."""
    source = Source(access=HeaderKey("X-Key", "right"))
    rows = source.listing("/rows", ROWS, pages=Offset(), public=lambda row: bool(row["team"] == "red"))
    source.detail("/rows/<id>", rows, public=lambda row: bool(row["team"] == "red"))
    source.detail("/private/<id>", rows)
    client = Client(source)
    assert ids(get(client)) == [1, 3, 5, 7]
    assert [client.get(path).status_code for path in ("/rows/1", "/rows/2", "/private/1", "/none")] == [
        200,
        404,
        401,
        401,
    ]
    key = {"X-Key": "right"}
    assert len(ids(client.get("/rows", headers=key))) == 7
    assert client.get("/rows/2", headers=key).json == ROWS[1]


def test_rows_of_several_keys_are_asked_for_at_once() -> None:
    """As a fetch= does; keys that are not there are left out."""
    client = listed(pages=Offset(size=9), any_of={"ids": "id"})
    assert ids(get(client, ids="2,4,99")) == [2, 4]
    assert len(ids(get(client))) == len(ROWS)


@pytest.mark.parametrize(
    ("no_rows", "status", "body"),
    [("list", 200, {"data": []}), ("null", 200, {"data": None}), ("absent", 200, {}), (204, 204, None)],
)
def test_no_rows_look_as_the_source_writes_them(no_rows: Any, status: int, body: object) -> None:
    """A list, null, nothing, or no body."""
    answer = get(listed(no_rows=no_rows), offset=7)
    assert answer.status_code == status
    assert (answer.get_json(silent=True) if answer.data else None) == body


def test_a_post_is_asked_in_its_body() -> None:
    """Places of it for the position, the size and the filter; GET is no longer answered."""
    pages = PageToken(size=3, param="page.after", size_param="page.size", next="paging.next.after", omit=True)
    client = listed(method="POST", pages=pages, since="filter.from")
    first: Any = client.post("/rows", json={"page": {"size": 2}, "filter": {"from": "2026-01-05"}}).json
    assert [row["id"] for row in first["data"]] == [5, 6]
    after = first["paging"]["next"]["after"]
    last: Any = client.post("/rows", json={"page": {"after": after}, "filter": {"from": "2026-01-05"}}).json
    assert last == {"data": [ROWS[6]]}
    assert get(client).status_code == 405


def test_a_token_on_the_last_page_is_not_the_end() -> None:
    """`more` is; asked with that token the source has nothing, and gives it again."""
    client = listed(pages=PageToken(size=4, more="has_more", always=True))
    pages: list[Any] = [get(client).json]
    pages += [get(client, token=pages[-1]["next"]).json for _ in range(1)]
    pages.append(get(client, token=pages[-1]["next"]).json)
    assert [page["has_more"] for page in pages] == [True, False, False]
    assert pages[1]["next"] == pages[2]["next"]


def test_a_link_that_says_that_nothing_is_behind_it() -> None:
    """As Sentry does: the last page has one too."""
    client = listed(pages=NextLink(size=4, results=True))
    first = get(client).headers["Link"]
    assert first.endswith('rel="next"; results="true"')
    cursor = first.partition("cursor=")[2].partition(">")[0].replace("%3D", "=")
    assert get(client, cursor=cursor).headers["Link"].endswith('rel="next"; results="false"')


def test_links_may_have_the_host_that_only_the_source_knows() -> None:
    """Behind a proxy."""
    answer: Any = get(listed(pages=NextLink(size=4, next="next", host="http://api.internal:8080"))).json
    assert answer["next"].startswith("http://api.internal:8080/rows?cursor=")


def test_a_keyset_may_stand_in_a_query_language() -> None:
    """With `=` in it the row itself comes too."""
    client = listed(pages=Keyset(size=3, param="id", condition=">={0}"))
    assert ids(get(client, id=">=3")) == [3, 4, 5]
    assert get(client, id="3").status_code == 400


def test_an_unknown_parent_is_404_where_there_are_parents() -> None:
    """A known one without children is an empty list."""
    source = Source()
    teams = source.rows("teams", [{"id": "red"}, {"id": "green"}])
    source.listing("/teams/<team>/rows", ROWS, pages=Offset(), parents=teams)
    client = Client(source)
    assert [client.get(f"/teams/{team}/rows").status_code for team in ("red", "green", "blue")] == [
        200,
        200,
        404,
    ]
    assert ids(client.get("/teams/green/rows")) == []


def test_rows_as_csv_as_lines_and_compressed() -> None:
    """Columns of all rows; nested values as JSON; a file that is compressed, not a transfer."""
    source = Source()
    rows = source.rows("rows", [{"id": 1, "a": None}, {"id": 2, "b": ["ü"]}])
    source.listing("/tsv", rows, pages=Offset(), form=Csv(delimiter="\t"))
    source.listing("/lines.gz", rows, pages=Offset(), form=Lines(), gzipped=True)
    client = Client(source)
    text = client.get("/tsv").get_data(as_text=True)
    assert list(csv.reader(io.StringIO(text), delimiter="\t")) == [
        ["id", "a", "b"],
        ["1", "", ""],
        ["2", "", '["ü"]'],
    ]
    lines = gzip.decompress(client.get("/lines.gz").data).decode().splitlines()
    assert [json.loads(line) for line in lines] == rows.listed()


def test_a_delta_token_brings_what_changed_and_what_was_deleted() -> None:
    """Since the listing began, not since it ended; an expired one gets 410."""
    source = Source()
    rows = source.rows("events", [{"id": number} for number in range(5)])
    source.delta("/events", rows, removed={"status": "cancelled"}, size=3)
    client = Client(source)

    def ask(**query: str) -> Any:
        return client.get("/events", query_string=query).json

    first = ask()
    rows.put({"id": 0, "title": "changed while it was listed"})
    last = ask(pageToken=first["nextPageToken"])
    assert "nextSyncToken" not in first
    rows.remove(4)
    changed = ask(syncToken=last["nextSyncToken"])
    assert changed["items"] == [
        {"id": 0, "title": "changed while it was listed"},
        {"id": 4, "status": "cancelled"},
    ]
    assert ask(syncToken=changed["nextSyncToken"])["items"] == []
    rows.forget()
    assert client.get("/events", query_string={"syncToken": changed["nextSyncToken"]}).status_code == 410
    assert len(ask()["items"]) == 3


def test_a_report_is_made_polled_and_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds the rows as they were when it was asked for."""
    now = [1000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    source = Source()
    rows = source.rows("rows", [{"id": 1}])
    source.job("/reports", rows, seconds=35, form=Csv())
    client = Client(source)
    made: Any = client.post("/reports").json
    rows.put({"id": 2})
    assert client.get(f"/reports/{made['id']}").json == {"id": "1", "status": "running"}
    assert client.get("/reports/1/file").status_code == 404
    now[0] += 35
    done: Any = client.get("/reports/1").json
    assert done["status"] == "done"
    assert client.get(done["url"]).get_data(as_text=True) == "id\r\n1\r\n"
    assert client.get("/reports/2").status_code == 404


def test_graphql_has_connections_and_errors_with_status_200() -> None:
    """Variables place it; a field that is not there is an error beside null."""
    source = Source()
    source.graphql(
        "/graphql", {"issues": source.rows("issues", ROWS, cursor="changed")}, size=4, since="since"
    )
    client = Client(source)
    query = "query Page($after: String) { issues(first: 4, after: $after) { nodes { id } pageInfo { endCursor } } }"

    def ask(text: str, **variables: Any) -> Any:
        return client.post("/graphql", json={"query": text, "variables": variables}).json

    first = ask(query, after=None)["data"]["issues"]
    last = ask(query, after=first["pageInfo"]["endCursor"])["data"]["issues"]
    assert [row["id"] for page in (first, last) for row in page["nodes"]] == [1, 2, 3, 4, 5, 6, 7]
    assert (first["pageInfo"]["hasNextPage"], last["pageInfo"]) == (
        True,
        {"endCursor": None, "hasNextPage": False},
    )
    assert [row["id"] for row in ask(query, since="2026-01-07")["data"]["issues"]["nodes"]] == [7]
    assert (
        ask("{ users { nodes { id } } }")["errors"][0]["message"]
        == "Cannot query field 'users' on type 'Query'."
    )


@pytest.mark.parametrize(("epoch", "reset"), [(False, "40"), (True, "1060")])
def test_a_rate_limit_says_what_is_left_and_when_it_ends(
    monkeypatch: pytest.MonkeyPatch, epoch: bool, reset: str
) -> None:
    """One too many is refused until the window is over."""
    now = [1000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    source = Source(rate=RateLimit(2, per=60, status=403, epoch=epoch, retry_after=True))
    source.listing("/rows", ROWS, pages=Offset())
    client = Client(source)
    left = [get(client).headers["X-RateLimit-Remaining"] for _ in range(2)]
    now[0] += 20
    refused = get(client)
    assert (left, refused.status_code, refused.headers["X-RateLimit-Reset"]) == (["1", "0"], 403, reset)
    assert refused.headers["Retry-After"] == "40"
    now[0] += 41
    assert get(client).headers["X-RateLimit-Remaining"] == "1"


ROUNDUP = "%Y-%m-%d.%H:%M:%S"


def changed(answer: TestResponse) -> list[str]:
    body: Any = answer.json
    return [row["changed"] for row in body["data"]]


def test_times_may_be_written_and_asked_for_in_a_notation_of_the_sources_own() -> None:
    """In UTC, where it has no zone; the rows themselves stay as they are in practice.py, which is how checks move them."""
    assert changed(get(listed(notation=ROUNDUP, since="since"), since="2026-01-06.12:00:00")) == [
        "2026-01-06.12:00:00",
        "2026-01-07.12:00:00",
    ]
    assert changed(get(listed(notation=ROUNDUP, after="after"), after="2026-01-06.12:00:00")) == [
        "2026-01-07.12:00:00"
    ]
    form = listed(notation=ROUNDUP, since="f", since_form="from {0}")
    assert ids(get(form, f="from 2026-01-07.00:00:00")) == [7]
    assert changed(get(listed(notation="%d/%m/%Y %H:%M %z"), offset=6)) == ["07/01/2026 12:00 +0000"]


def test_a_time_in_another_notation_is_refused_with_the_right_one() -> None:
    """As the source would, and not read as something near it."""
    answer = get(listed(notation=ROUNDUP, since="since"), since="2026-01-06T12:00:00Z")
    assert answer.status_code == 400
    assert "such as '2026-01-31.12:00:00'" in answer.text


def test_every_path_shows_rows_in_their_notation() -> None:
    """One row, changes by a token, a report, GraphQL; a route of one's own by `shown`; null and numbers stay what they are."""
    source = Source()
    rows = source.rows("rows", [*ROWS, {"id": 8, "changed": None}], cursor="changed", notation=ROUNDUP)
    source.detail("/rows/<id>", rows)
    source.delta("/delta", rows, removed={"gone": True})
    source.graphql("/graphql", {"rows": rows}, since="since")
    source.job("/reports", rows, seconds=0, form=Lines())
    source.route("/own")(lambda _request: rows.shown(rows.current()[0]))
    client = Client(source)
    query = {
        "query": "query ($after: String) { rows(after: $after) { nodes { id } } }",
        "variables": {"since": "2026-01-07.12:00:00"},
    }
    nodes: Any = client.post("/graphql", json=query).json
    client.post("/reports")
    shown: list[Any] = [
        client.get("/rows/7").json,
        client.get("/delta").json["items"][6],  # type: ignore[index]  # an object
        nodes["data"]["rows"]["nodes"][0],
        json.loads(client.get("/reports/1/file").text.splitlines()[6]),
    ]
    assert [row["changed"] for row in shown] == ["2026-01-07.12:00:00"] * 4
    assert client.get("/own").json["changed"] == "2026-01-01.12:00:00"  # type: ignore[index]  # an object
    assert client.get("/rows/8").json == {"id": 8, "changed": None}
    assert rows.listed()[:7] == ROWS


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"notation": "Y-m-d"}, "'Y-m-d' is no time in it"),
        ({"notation": ROUNDUP, "cursor": None}, "they have no cursor="),
        ({"notation": ROUNDUP, "since": "since", "epoch": "seconds"}, "notation= and epoch= both say"),
    ],
)
def test_a_notation_that_makes_no_time_is_a_mistake_in_practice_py(
    options: dict[str, Any], said: str
) -> None:
    """With how it is written."""
    with pytest.raises(PracticeError, match=said):
        Source().listing("/rows", ROWS, pages=Offset(), **{"cursor": "changed", **options})
