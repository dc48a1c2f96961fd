from __future__ import annotations

import base64
import re
from datetime import date
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse
from werkzeug.wrappers import Request

from fivetran_emulator import practice
from fivetran_emulator.practice import (
    Basic,
    Bearer,
    ClientCredentials,
    HeaderKey,
    LogIn,
    Offset,
    PracticeError,
    QueryKey,
    Refusal,
    RotatingTokens,
    Source,
)
from fivetran_emulator.practice.access import Access

MISUSED: Any = practice
"""The kit, for calls that a type checker would find wrong."""
ROWS = [
    {"id": 1, "team": "red", "updated_at": "2026-01-01T10:00:00Z"},
    {"id": 2, "team": "blue", "updated_at": "2026-01-02T01:00:00+02:00"},
    {"id": 3, "team": "red", "updated_at": "2026-01-02T00:00:00Z"},
]


def get(source: Source, path: str, **arguments: Any) -> TestResponse:
    return Client(source).get(path, **arguments)


def error(answer: TestResponse) -> Any:
    assert isinstance(answer.json, dict)
    return answer.json["error"]


def ids(answer: TestResponse) -> list[int]:
    body: Any = answer.json
    return [row["id"] for row in (body["data"] if isinstance(body, dict) else body)]


RIGHT: list[tuple[Access, dict[str, Any]]] = [
    (Bearer("t"), {"headers": {"Authorization": "Bearer t"}}),
    (
        Basic("ann", "pa:ss"),
        {"headers": {"Authorization": "Basic " + base64.b64encode(b"ann:pa:ss").decode()}},
    ),
    (HeaderKey("X-Key", "k"), {"headers": {"X-Key": "k"}}),
    (QueryKey("key", "k"), {"query_string": {"key": "k"}}),
]
WRONG: list[tuple[Access, dict[str, Any]]] = [
    (Bearer("t"), {"headers": {"Authorization": "Bearer other"}}),
    (Bearer("t"), {"headers": {"Authorization": "t"}}),
    (Basic("ann", "pass"), {"headers": {"Authorization": "Basic nonsense"}}),
    (HeaderKey("X-Key", "k"), {"headers": {"Authorization": "Bearer k"}}),
    (QueryKey("key", "k"), {"headers": {"key": "k"}}),
]


@pytest.mark.parametrize(("access", "request_"), RIGHT)
def test_the_right_credentials_open_the_source(access: Access, request_: dict[str, Any]) -> None:
    """200 with the credentials, 401 without any."""
    source = Source(access=access)
    source.listing("/rows", ROWS, pages=Offset())
    assert get(source, "/rows", **request_).status_code == 200
    assert get(source, "/rows").status_code == 401


@pytest.mark.parametrize(("access", "request_"), WRONG)
def test_wrong_credentials_do_not(access: Access, request_: dict[str, Any]) -> None:
    """401 in JSON, and the answer does not tell the right ones."""
    source = Source(access=access)
    source.listing("/rows", ROWS, pages=Offset())
    answer = get(source, "/rows", **request_)
    assert answer.status_code == 401
    assert error(answer)


def basic(pair: bytes) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(pair).decode()}


FORM = {"grant_type": "client_credentials", "audience": "https://api"}


def trade(access: Access, form: dict[str, str], headers: dict[str, str] | None = None) -> TestResponse:
    return Client(Source(access=access)).post("/oauth/token", data=form, headers=headers)


def test_id_and_secret_by_basic_are_traded_for_a_token() -> None:
    """Encoded as in a form (RFC 6749, 2.3.1), and nowhere else; with what else the form has to hold."""
    access = ClientCredentials("me", "se:cret+", basic=True, parameters={"audience": "https://api"})
    assert trade(access, FORM, basic(b"me:se%3Acret%2B")).status_code == 200
    assert trade(access, FORM, basic(b"me:other")).status_code == 401
    assert trade(access, FORM | {"client_id": "me", "client_secret": "se:cret+"}).status_code == 401
    assert trade(access, FORM | {"client_secret": "se:cret+"}, basic(b"me:se%3Acret%2B")).status_code == 401
    assert trade(access, FORM | {"audience": "other"}, basic(b"me:se%3Acret%2B")).status_code == 400


def refreshed(access: RotatingTokens, token: str) -> tuple[int, Any]:
    form = {"grant_type": "refresh_token", "client_id": "me", "client_secret": "hush", "refresh_token": token}
    answer = trade(access, form)
    return answer.status_code, answer.json


def opens(access: RotatingTokens, token: str) -> bool:
    source = Source(access=access)
    source.listing("/rows", ROWS, pages=Offset())
    return get(source, "/rows", headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_a_refresh_token_is_exchanged_once() -> None:
    """Its successor is taken, and the newest access token."""
    access = RotatingTokens("me", "hush", "seed")
    _, first = refreshed(access, "seed")
    assert opens(access, first["access_token"])
    assert refreshed(access, "seed")[0] == 400
    _, second = refreshed(access, first["refresh_token"])
    assert opens(access, second["access_token"])
    assert not opens(access, first["access_token"])
    assert not opens(access, "")
    assert access.exchanges == 2


def test_a_source_with_grace_takes_the_token_before_too() -> None:
    """And not the one before that."""
    access = RotatingTokens("me", "hush", "seed", takes="previous")
    refreshed(access, "seed")
    status, second = refreshed(access, "seed")
    assert status == 200
    assert opens(access, second["access_token"])
    assert refreshed(access, "seed")[0] == 400


def test_a_source_for_checks_takes_every_token_that_it_gave() -> None:
    """Also one that another of its kind gave, with the same secrets; and none that nobody gave."""
    access = RotatingTokens("me", "hush", "seed", takes="any")
    _, first = refreshed(access, "seed")
    _, second = refreshed(access, first["refresh_token"])
    again = RotatingTokens("me", "hush", "seed", takes="any")
    assert refreshed(again, second["refresh_token"])[0] == 200
    assert opens(again, first["access_token"])
    for made_up in ("refresh-7-x", "refresh-0-x", "", "other"):
        assert refreshed(again, made_up)[0] == 400
        assert not opens(again, made_up)


def test_a_log_in_of_ones_own_gives_what_every_other_request_shows() -> None:
    """Only by POST, and only for who may."""

    def log_in(request: Request) -> object:
        if request.get_json() != {"user": "ann"}:
            raise Refusal(403, "nobody")
        return {"session": "s1"}

    source = Source(access=LogIn("/login", log_in, "s1", header="X-Session"))
    source.listing("/rows", ROWS, pages=Offset())
    client = Client(source)
    assert client.post("/login", json={"user": "ann"}).json == {"session": "s1"}
    assert client.post("/login", json={"user": "bob"}).status_code == 403
    assert client.get("/login", json={"user": "ann"}).status_code == 401
    assert client.get("/rows", headers={"X-Session": "s1"}).status_code == 200
    assert client.get("/rows", headers={"X-Session": "s2"}).status_code == 401
    assert "s1" not in repr(LogIn("/login", log_in, "s1"))


def test_a_credential_does_not_show_in_the_repr() -> None:
    """A failing test prints its source; the credential is not among it."""
    assert "hush" not in repr(
        [Bearer("hush"), Basic("ann", "hush"), HeaderKey("X", "hush"), QueryKey("k", "hush")]
    )


def test_a_path_nobody_knows_is_a_json_404() -> None:
    """With the path in it; another method than GET is 405."""
    source = Source()
    source.listing("/rows", ROWS, pages=Offset())
    assert "/nope" in error(get(source, "/nope"))
    assert get(source, "/nope").status_code == 404
    assert Client(source).post("/rows").status_code == 405


def test_since_compares_instants_and_includes_the_bound() -> None:
    """01:00+02:00 on the second is 23:00Z on the first."""
    source = Source()
    source.listing("/rows", ROWS, pages=Offset(), cursor="updated_at", since="after")
    assert ids(get(source, "/rows", query_string={"after": "2026-01-01T23:00:00Z"})) == [2, 3]
    assert ids(get(source, "/rows", query_string={"after": "2026-01-02T00:00:00Z"})) == [3]
    assert get(source, "/rows", query_string={"after": "lately"}).status_code == 400


def test_since_compares_numbers_as_numbers() -> None:
    """9 comes before 10."""
    source = Source()
    rows = [{"id": number, "version": number} for number in (9, 10, 11)]
    source.listing("/rows", rows, pages=Offset(), cursor="version", since="after")
    assert ids(get(source, "/rows", query_string={"after": "10"})) == [10, 11]


def test_a_parameter_in_the_path_keeps_the_rows_of_that_value() -> None:
    """`/teams/<team>/rows` lists one team's rows."""
    source = Source()
    source.listing("/teams/<team>/rows", ROWS, pages=Offset(), within=None)
    assert ids(get(source, "/teams/red/rows")) == [1, 3]


def test_order_sorts_numbers_as_numbers() -> None:
    """By the named columns, one after the other."""
    source = Source()
    rows = [{"id": number, "rank": rank} for number, rank in ((1, 10), (2, 9), (3, 9))]
    source.listing("/rows", rows, pages=Offset(), order=("rank", "id"))
    assert ids(get(source, "/rows")) == [2, 3, 1]


def test_rows_may_move_while_they_are_served() -> None:
    """What a test puts and removes shows in the next answer, and the author's own list stays as it was."""
    mine = [dict(row) for row in ROWS]
    source = Source()
    source.listing("/rows", mine, pages=Offset())
    source.tables["rows"].remove(2)
    source.tables["rows"].put({"id": 4})
    assert ids(get(source, "/rows")) == [1, 3, 4]
    assert mine == ROWS


def test_a_route_answers_in_a_shape_of_its_own() -> None:
    """Any JSON value, with characters beyond ASCII as they are, or a refusal with a body of its own."""
    source = Source()

    @source.route("/things/<int:number>")
    def thing(_request: Request, number: int) -> object:
        if number == 0:
            raise Refusal(418, body={"code": 7}, headers={"Retry-After": "1"})
        return {"thing": "ñandú"}

    assert "ñandú" in get(source, "/things/1").text
    refused = get(source, "/things/0")
    assert (refused.status_code, refused.json, refused.headers["Retry-After"]) == (418, {"code": 7}, "1")


def test_a_route_that_fails_is_a_500_and_its_traceback_is_reported(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The connector sees a server error; whoever wrote the route sees where it went wrong."""
    source = Source()
    source.route("/broken")(lambda _request: 1 / 0)
    answer = get(source, "/broken?a=1")
    assert answer.status_code == 500
    assert re.fullmatch(
        r"the practice source failed: test_source\.py:\d+ raised ZeroDivisionError: division by zero, asked for GET /broken\?a=1",
        error(answer),
    )
    assert "Traceback" in capsys.readouterr().err


def test_a_route_that_needs_a_parameter_names_it() -> None:
    """With its line, what was asked, and how to do without; the status stays 400, as a source's that needs it."""
    source = Source()
    source.route("/rows")(lambda request: [request.args["since"]])
    answer = get(source, "/rows?limit=1")
    assert answer.status_code == 400
    assert re.search(
        r"test_source\.py:\d+ needs the parameter 'since', which GET /rows\?limit=1 does not", error(answer)
    )
    assert get(source, "/rows?since=1").json == ["1"]


def test_a_value_that_no_json_has_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """A time as a datetime, as YAML and databases give them: the column's value, and how to write it."""
    source = Source()
    source.listing("/rows", [{"id": 1, "due": date(2026, 1, 2)}], pages=Offset())
    answer = get(source, "/rows")
    assert answer.status_code == 500
    assert "datetime.date(2026, 1, 2) is no value of JSON: write it as the API does" in error(answer)
    capsys.readouterr()


def test_refusals_take_the_shape_that_the_source_gives_them() -> None:
    """`error` makes the body of every refusal that has none of its own."""
    source = Source(error=lambda status, _message: {"errors": [{"code": status}]})
    assert get(source, "/nope").json == {"errors": [{"code": 404}]}


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [([{"id": 1}, {"id": 1}], "two rows"), ([{"name": "x"}], "no id"), ([{"id": None}], "no id")],
)
def test_rows_that_no_api_could_hold_are_refused(rows: list[dict[str, object]], complaint: str) -> None:
    """A key twice or not at all is a mistake in practice.py, reported when it is loaded."""
    with pytest.raises(PracticeError, match=complaint):
        Source().listing("/rows", rows, pages=Offset())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: MISUSED.Offset(limit="count"),
            "Offset(): got an unexpected keyword argument 'limit'; it takes size, param, size_param, total, past_end, cap",
        ),
        (
            lambda: MISUSED.Source().listing("/rows", ROWS),
            "listing(): missing a required argument: 'pages'; it takes path, rows, pages, key,",
        ),
        (
            lambda: MISUSED.HeaderKey("X-Key"),
            "HeaderKey(): missing a required argument: 'key'; it takes name, key, status",
        ),
        (
            lambda: Source().rows("tickets", [{"id": 1, "updated_on": ""}], cursor="updated_at"),
            "practice rows tickets: no row has the column updated_at that is their cursor; they have id, updated_on",
        ),
        (
            lambda: Source().rows("tickets", [{"number": 7}]),
            "practice rows tickets: a row has no id, which is its key: {'number': 7}; say which is with key=",
        ),
        (
            lambda: Source().listing("/rows", ROWS, pages=Offset(), since="updated_since"),
            "practice source, /rows: updated_since compares with a column that nobody names: say which with cursor=",
        ),
        (
            lambda: Source().rows("tickets", ROWS).remove(99),
            "practice rows tickets: there is no row (99,) to remove; the key is id",
        ),
        (
            lambda: Source().rows("tickets", ROWS).update(99, title="new"),
            "practice rows tickets: there is no row (99,) to update; the key is id",
        ),
    ],
)
def test_a_mistake_in_a_practice_source_is_one_sentence(make: Any, message: str) -> None:
    """It says what and where, and what to write instead: a bare TypeError or KeyError leaves its author to guess."""
    with pytest.raises(PracticeError, match=re.escape(message)) as raised:
        make()
    assert "\n" not in str(raised.value)


def test_an_update_changes_what_it_names_and_is_a_change() -> None:
    """The other columns stay, and who asks for changes gets the row."""
    rows = Source().rows("tickets", [{"id": 1, "title": "old", "state": "open"}])
    rows.update(1, title="new")
    assert rows.listed() == [{"id": 1, "title": "new", "state": "open"}]
    assert rows.changes(0) == {(1,): {"id": 1, "title": "new", "state": "open"}}


def test_one_path_and_one_table_are_given_once() -> None:
    """A second listing of either would silently hide the first."""
    source = Source()
    source.listing("/rows", ROWS, pages=Offset())
    with pytest.raises(PracticeError, match=r"two tables called rows.*other_name"):
        source.listing("/other/rows", ROWS, pages=Offset())
    with pytest.raises(PracticeError, match="answers GET /rows twice"):
        source.listing("/rows", source.tables["rows"], pages=Offset())
