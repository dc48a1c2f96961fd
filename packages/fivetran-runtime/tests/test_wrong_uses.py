"""What an author reads who uses something wrongly: one sentence that names the table and the argument, and what to write."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from fivetran import Fivetran
from source_server import Says, serving

from fivetran_runtime import (
    At,
    Auth,
    Basic,
    Bearer,
    Children,
    Client,
    ClientCredentials,
    Connector,
    Delete,
    FetchedToken,
    Header,
    HeaderKey,
    Keep,
    Keyset,
    NextLink,
    Offset,
    OutgoingRequest,
    PageNumber,
    PageToken,
    QueryKey,
    RefreshToken,
    Row,
    Secret,
    Skip,
)
from fivetran_runtime._arguments import kind_of
from fivetran_runtime.errors import DeclarationError

Case = tuple[Callable[..., Any], str]


def require_sentence(message: str, says: str, *, begins: str = "Table orders") -> None:
    """What is the same for all of them: one table, once, and no word of Python's own."""
    assert message.startswith(begins)
    assert says in message
    assert len(re.findall(r"\bTable \w", message)) <= 1, message
    assert not re.search(r"[A-Z]\w*Error\b|\n|NoneType|\ba (int|object)\b", message), message


def answered(app: Connector, **secrets: Any) -> str:
    """The message with which the first sync of a connector fails."""
    message: str = Fivetran(app.handler, secrets=secrets).sync()[-1].body["errorMessage"]
    return message


def answered_by_nothing(place: str) -> str:
    """The message of a connector whose code there takes an answer without a body for an object."""
    with serving(Says(b"")) as source:

        def ask(client: Client | None = None) -> Any:
            return (client or Client(source.url)).post("/login", json={})["token"]

        def logged_in(_config: object) -> Client:
            return Client(source.url, auth=Bearer(ask())) if place == "client" else Client(source.url)

        app = Connector("shop", client=logged_in)
        if place == "discovery":
            app.tables(ask)
        if place == "before":
            app.before(ask)

        @app.table(key="id")
        def orders(client: Client) -> Iterator[Any]:
            yield ask(client)

        return answered(app)


@pytest.mark.parametrize("place", ["client", "before", "discovery", "table"])
def test_an_answer_without_a_body_is_named_where_code_meets_none(place: str) -> None:
    """A log-in that answers 200 and nothing: which request that was, beside Python's words and the line."""
    message = answered_by_nothing(place)
    assert re.search(
        r"POST http://127\.0\.0\.1:\d+/login was answered without a body or with null, which is None here\.",
        message,
    )
    assert re.search(r"NoneType.*\(tests/test_wrong_uses\.py:\d+\)", message)


def reading(read: Callable[..., Any], **options: Any) -> str:
    """The message of a connector with one table."""
    app = Connector("wrong")
    app.table(name="orders", **{"key": "id", **options})(read)
    return answered(app)


LINES = {"lines": ["order_id", "line"]}

TAKES_ONE: Any = lambda _: []  # noqa: E731 - a function as an author writes it
NO_ROWS: list[tuple[Any, str]] = [
    (None, "None"),
    (7, "an int"),
    ("x", "a str"),
    ({"line": 1}, "a dict"),
    (Row("lines", {}), "a Row"),
    (lambda: None, "None"),
    (lambda: {"line": 1}, "a dict"),
]
NO_DICTS: list[tuple[Any, str]] = [
    ([None], "None"),
    ([7], "an int"),
    (["x"], "a str"),
    (lambda: [Row("lines", {})], "a Row"),
]
YIELDED: list[Case] = [
    (lambda: None, "yielded None; it may yield dicts, Row,"),
    (lambda: 7, "yielded an int; it may yield dicts, Row,"),
    (lambda: [{"id": 1}], "yielded a list: yield from it"),
    (lambda: At, "yielded the class At: write At(...)"),
    (lambda: At(1), "At(...) was given other arguments than it has"),  # type: ignore[call-arg]
    (lambda: At(page=1)["id"], "between the rows of two pages there is an At"),
    (lambda: At(offset=1), "its parameters are: page, not offset"),
    (lambda: At(page=object()), "an object, and page is annotated int: the next call could not get it back"),
    (lambda: Keep("token"), "Keep(...) was given other arguments than it has"),  # type: ignore[call-arg]
    (lambda: Keep(page=1), 'keeps nothing. Declare it with keeps="..."'),
    (lambda: Skip("404"), "has no parents= of which one could be skipped. Declare parents="),
    (lambda: Row("lines", None), "yielded Row('lines', ...) with None for the columns"),  # type: ignore[arg-type]
    (lambda: Row("notes", {}), "is not among its children. Declare it: children={'notes'"),
    (Delete, "a Delete does not name id"),
    (lambda: Delete("notes", id=1), "is not among its children. Declare it: children={'notes'"),
    (lambda: Children("lines"), "Children(...) was given other arguments than it has"),  # type: ignore[call-arg]
    (lambda: Children("notes", [], order_id=1), "is not among its children. Declare it: children={'notes'"),
    (lambda: Children("orders", [], order_id=1), "is not among its children. Declare it: children={'orders'"),
    (lambda: Children("lines", []), "as many columns as orders has in its key, id"),
    (lambda: Children("lines", [], order_id=None), "order_id is None; it names whose they are"),
    (lambda: Children("lines", [], order_id=[1]), "order_id is a list; it names whose they are"),
    (lambda: Children("lines", [{"line": 1}], number=1), "nothing in its key column order_id"),
    (lambda: Children("lines", [{"line": [1]}], order_id=1), "a list in its key column line"),
    (lambda: Children("lines", [{"order_id": 2, "line": 1}], order_id=1), "a row whose order_id is 2"),
    (partial(Children, "lines", TAKES_ONE, order_id=1), "takes arguments; it is called without any"),
    *(
        (partial(Children, "lines", rows, order_id=1), f"gave {what} for the rows; it gives a list")
        for rows, what in NO_ROWS
    ),
    *(
        (partial(Children, "lines", rows, order_id=1), f"gave {what}; it gives the rows, as dicts")
        for rows, what in NO_DICTS
    ),
]


@pytest.mark.parametrize(("item", "says"), YIELDED)
def test_what_a_table_yields_wrongly_is_named(item: Callable[[], Any], says: str) -> None:
    """Of children, the table that has yielded them."""

    def orders(_: Any, page: int = 1) -> Iterator[Any]:
        yield item()

    require_sentence(reading(orders, children=LINES), says)


PLACES: list[Any] = [7, "", [], [1], True]
NUMBERS: list[Any] = ["10", -1, 2.5, True, [1]]
IS_PLACE, IS_PARAM = "it has to be a place, such as", "it has to be the name of a parameter, such as"

PAGINATORS: dict[tuple[Any, str], tuple[list[Any], str]] = {
    (Offset, "offset"): ([*NUMBERS, None], "a number, 0 or more."),
    (Offset, "size"): ([*NUMBERS, 0, None], "a number of rows above 0."),
    (Offset, "overlap"): ([*NUMBERS, None], "a number, 0 or more."),
    (Offset, "total"): (PLACES, IS_PLACE),
    (Offset, "param"): ([*PLACES, None], IS_PARAM),
    (Offset, "size_param"): (PLACES, IS_PARAM),
    (Offset, "at"): ([7, "", None, "no name"], "the name of the table function's parameter."),
    (Offset, "cap"): ([*NUMBERS, 0], "a number of rows above 0, or None."),
    (PageNumber, "page"): ([*NUMBERS, None], "a number, 0 or more."),
    (PageNumber, "first"): ([*NUMBERS, None], "a number, 0 or more."),
    (PageNumber, "more"): (PLACES, IS_PLACE),
    (PageNumber, "last"): (PLACES, IS_PLACE),
    (PageNumber, "absent"): (["stop", 7, True], "None, 'end' or 'error'."),
    (PageNumber, "empty"): (["stop", None], "'skip', 'end' or 'error'."),
    (PageToken, "next"): ([*PLACES, None], IS_PLACE),
    (PageToken, "more"): (PLACES, IS_PLACE),
    (PageToken, "param"): ([*PLACES, None], IS_PARAM),
    (PageToken, "size"): ([*NUMBERS, 0], "a number of rows above 0, or None."),
    (PageToken, "size_param"): ([*PLACES, None], IS_PARAM),
    (PageToken, "at"): ([7, "", "no name"], "the name of the table function's parameter, or None."),
    (NextLink, "link"): ([7, "", [1]], "the address that an At has named, or None."),
    (NextLink, "next"): (PLACES, IS_PLACE),
    (NextLink, "size"): ([*NUMBERS, 0], "a number of rows above 0, or None."),
    (NextLink, "own_host"): ([None, 1, "yes"], "True or False."),
    (Keyset, "column"): ([*PLACES, None], IS_PLACE),
    (Keyset, "then"): (PLACES, IS_PLACE),
    (Keyset, "more"): (PLACES, IS_PLACE),
    (Keyset, "condition"): ([7, "", "x", "{1}", "{"], "no text with {0} for the key"),
    (Header, "name"): ([None, 7, "", "a b"], "it has to be the name of a header"),
}


def asking(ask: Callable[[Client], Any]) -> str:
    """The message of a table that asks a source, which has no row."""
    with serving(Says([])) as source:
        app = Connector("wrong", client=lambda _: Client(source.url))

        @app.table(key="id")
        def orders(client: Client, page: int = 1) -> Iterator[Any]:
            yield from ask(client)

        return answered(app)


@pytest.mark.parametrize(
    ("kind", "name", "value", "says"),
    [(*of, value, says) for of, (values, says) in PAGINATORS.items() for value in values],
)
def test_an_argument_of_a_paginator_is_named(kind: Any, name: str, value: Any, says: str) -> None:
    """Before the source is asked."""

    def ask(client: Client) -> Any:
        made = kind(**{name: value})
        return client.pages("/orders", PageToken(next=made) if kind is Header else made)

    message = asking(ask)
    require_sentence(message, says)
    assert f"{kind.__name__}" in message
    assert f"{name}=" in message


FUNCTIONS: list[Any] = [7, "x", lambda: 1, lambda a, b: (a, b)]

PAGES: dict[str, tuple[list[Any], str]] = {
    "rows": (PLACES, IS_PLACE),
    "row": (FUNCTIONS, "it has to be a function that makes a row"),
    "at": ([7, "x", ["project"]], "it has to be a dict of the table function's parameters"),
    "json": ([7, "x", []], "A position goes into an object"),
    "form": ([7, "x", ["a"]], "it has to be a dict of the form's fields"),
    "headers": ([7, "x", ["a"]], "it has to be a dict of names and texts"),
    "no_rows": ([None, 7, "x", 200, 401, 500, [None]], 'it takes "null", "absent" and statuses'),
    "past_end": ([None, 7, "null", 200, 401], "it takes statuses: 204, 304, or those of a refusal"),
    "decode": (FUNCTIONS, "it has to be a function that takes the body's bytes"),
}
READ: dict[str, Callable[[Client, Any], Any]] = {
    "lines": lambda client, given: client.lines("/orders", **{"resume": None, **given}),
    "csv": lambda client, given: client.csv("/orders", **{"resume": None, **given}),
    "get": lambda client, given: client.get(given.pop("path", "/orders"), **given),
    "post": lambda client, given: client.post("/orders", **given),
    "request": lambda client, given: client.request(**{"method": "GET", "path": "/orders", **given}),
    "wait": lambda client, given: client.wait(**{"seconds": 1, "why": "a report", **given}),
    "pages": lambda client, given: client.pages("/orders", **{"paginator": PageNumber(), **given}),
}
CALLS: dict[tuple[str, str], tuple[list[Any], str]] = {
    **{("pages", name): case for name, case in PAGES.items()},
    ("pages", "paginator"): ([None, 7, "x", Offset], "it has to be Offset(...), PageNumber(...),"),
    ("lines", "resume"): ([7, "x", [1]], "Give it the parameter of the table's function: resume:"),
    ("lines", "row"): (FUNCTIONS, "it has to be a function that makes a row"),
    ("lines", "at"): ([7, "x"], "it has to be a dict of the table function's parameters"),
    ("csv", "row"): (FUNCTIONS, "it has to be a function that makes a row"),
    ("csv", "columns"): ([None, 7, "id", [1], iter(["id"])], "it has to be names of columns, such as"),
    ("csv", "has_header"): ([None, "yes"], "it has to be True or False"),
    ("csv", "delimiter"): ([None, "", "ab", 7, "\n"], "it has to be one character, and no line break"),
    ("csv", "quotechar"): ([None, "ab", 7], "it has to be one character, and no line break"),
    ("csv", "escapechar"): (["", "ab", 7], "it has to be one character, and no line break"),
    ("csv", "encoding"): (["nope", 7, "", b"utf-8"], "Python knows no such encoding"),
    ("get", "path"): ([None, 7], "it has to be a path such as '/users'"),
    ("get", "headers"): ([7, "x", []], "it has to be a dict of names and texts"),
    ("get", "decode"): (FUNCTIONS, "it has to be a function that takes the body's bytes"),
    ("post", "json"): ([object(), {"key": Secret("a-secret-key")}], "json= holds what has no JSON form"),
    ("post", "form"): ([7, "x"], "it has to be a dict of the form's fields"),
    ("post", "idempotent"): (["yes", 1], "it has to be True or False"),
    ("request", "method"): ([None, 7, "", "G T"], "it has to be a method, such as 'PATCH'"),
    ("request", "query"): ([7, "x", [1]], "it has to be a dict of parameters"),
    ("request", "accept"): ([7, "x"], "it has to be statuses, such as"),
    ("wait", "seconds"): ([None, 0, -1, "x", True, float("nan")], "it has to be a number of seconds above 0"),
    ("wait", "why"): ([None, "", " ", 7], 'say what is waited for, as in "report 17"'),
}


@pytest.mark.parametrize(
    ("method", "name", "value", "says"),
    [(*of, value, says) for of, (values, says) in CALLS.items() for value in values],
)
def test_an_argument_of_a_request_is_named(method: str, name: str, value: Any, says: str) -> None:
    """Whichever way of asking has it."""
    message = asking(lambda client: READ[method](client, {name: value}))
    require_sentence(message, says)
    assert f"{name}=" in message


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"json": {}, "form": {}}, "json= and form= are both given; a request has one body."),
        ({"paginator": PageToken(param=["page", "after"])}, "param=['page', 'after'] is a place in a body"),
        ({"paginator": PageToken(), "past_end": 404}, "past_end= goes with positions that are counted"),
        ({"paginator": Offset(), "at": {"offset": 1}}, "at= names offset, which is the position"),
        ({"headers": {"a b": "x"}}, "headers= has the name 'a b', which no header can have"),
        ({"headers": {"A": object()}}, "The header A is an object, which cannot be sent"),
        ({"q": object()}, "The query parameter q is an object, which cannot be sent"),
    ],
)
def test_arguments_that_do_not_go_together_are_named(given: dict[str, Any], says: str) -> None:
    """At once, and not only when a second page is asked for."""
    require_sentence(asking(lambda client: READ["pages"](client, given)), says)


CLIENT: dict[str, tuple[list[Any], str]] = {
    "url": ([None, 7], "it has to be an address, such as"),
    "auth": ([7, "x", Bearer], "says nothing of how it is sent. Give Bearer(...)"),
    "headers": ([7, "x", {"a b": "x"}, {"A": 7}, {7: "x"}], "Client(headers=...): "),
    "connect_timeout": ([None, 0, -1, "x", True], "it has to be a number of seconds above 0"),
    "read_timeout": ([None, 0, -1, "x", True], "it has to be a number of seconds above 0"),
    "rate": ([7, "x", "0/s"], 'like "10/s", "300/min" or "5000/h"'),
    "allowed_hosts": ([None, "x", [1], 7, ["https://x"]], "it has to be names of hosts, such as"),
    "max_bytes": ([0, -1, "x", True, 1.5], "it has to be a number of bytes above 0, or None"),
    "errors": (PLACES, IS_PLACE),
}


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [(name, value, says) for name, (values, says) in CLIENT.items() for value in values],
)
def test_an_argument_of_a_client_is_named(name: str, value: Any, says: str) -> None:
    """When the client is made, so that no table is."""
    app = Connector("wrong", client=lambda _: Client(**{"url": "http://acme.example", name: value}))
    app.table(name="orders", key="id")(lambda client: client.get("/orders"))
    message = answered(app)
    require_sentence(message, says, begins="")
    assert name in message


SECRET, TEXT = Secret("a-secret-key"), "a-secret-key"
NO_SECRETS: list[Any] = [None, TEXT, 7]
OAUTH: dict[str, tuple[list[Any], str]] = {
    "url": ([None, 7], "it has to be an address, such as"),
    "client_id": ([None, 7], "it has to be a text"),
    "client_secret": (NO_SECRETS, "and has to be a Secret. Annotate the setting with Secret"),
    "parameters": ([7, "x", {"a": 7}, {"client_id": "x"}], "parameters= "),
    "basic": ([None, "yes"], "it has to be True or False"),
}
REFRESH: dict[str, tuple[list[Any], str]] = {
    **OAUTH,
    "refresh_token": (NO_SECRETS, "and has to be a Secret. Annotate the setting with Secret"),
    "single_use": ([None, "yes"], "it has to be True or False"),
}
FETCHED: dict[str, tuple[list[Any], str]] = {
    "fetch": ([None, "x", lambda one: one], "FetchedToken's fetch "),
    "header": ([None, 7, "", "a b"], "it has to be the name of a header, such as"),
    "scheme": ([7], "it has to be the word before the token, or None"),
    "seconds": (["x", -1, 0, True], "it has to be a number of seconds above 0, or None"),
}
SIMPLE: dict[tuple[Any, str], tuple[list[Any], str]] = {
    (Bearer, "token"): (NO_SECRETS, "and has to be a Secret."),
    (Basic, "user"): ([None, 7], "and has to be a text or a Secret."),
    (Basic, "password"): (NO_SECRETS, "and has to be a Secret."),
    (HeaderKey, "name"): ([None, 7, "", "a b"], "it has to be the name of a header, such as"),
    (HeaderKey, "key"): (NO_SECRETS, "and has to be a Secret."),
    (QueryKey, "name"): ([None, 7, ""], "it has to be the name of a query parameter, such as"),
    (QueryKey, "key"): (NO_SECRETS, "and has to be a Secret."),
    **{(ClientCredentials, name): case for name, case in OAUTH.items()},
    (ClientCredentials, "scope"): ([7, ["read"]], "it has to be a text such as"),
    **{(RefreshToken, name): case for name, case in REFRESH.items()},
    **{(FetchedToken, name): case for name, case in FETCHED.items()},
}
RIGHT: dict[Any, dict[str, Any]] = {
    Bearer: {"token": SECRET},
    Basic: {"user": "me", "password": SECRET},
    HeaderKey: {"name": "X-Key", "key": SECRET},
    QueryKey: {"name": "key", "key": SECRET},
    ClientCredentials: {"url": "http://acme.example", "client_id": "me", "client_secret": SECRET},
    RefreshToken: {
        "url": "http://acme.example",
        "client_id": "me",
        "client_secret": SECRET,
        "refresh_token": SECRET,
    },
    FetchedToken: {"fetch": lambda: TEXT},
}


@pytest.mark.parametrize(
    ("kind", "name", "value", "says"),
    [(*of, value, says) for of, (values, says) in SIMPLE.items() for value in values],
)
def test_an_argument_of_credentials_is_named(kind: Any, name: str, value: Any, says: str) -> None:
    """When the client is made; and no secret is shown that was given as a text."""
    app = Connector(
        "wrong", client=lambda _: Client("http://acme.example", auth=kind(**RIGHT[kind] | {name: value}))
    )
    app.table(name="orders", key="id")(lambda client: client.get("/orders"))
    message = answered(app)
    require_sentence(message, says, begins="")
    assert name in message
    assert TEXT not in message


class Own(Auth):
    """Credentials of an author's, which give something else than they have to."""

    def __init__(self, gives: Any) -> None:
        self.gives = gives

    def headers(self, request: OutgoingRequest) -> Any:
        return self.gives() if callable(self.gives) else self.gives


class WithoutRequest(Auth):
    """Credentials that take no request."""

    def headers(self) -> Any:  # type: ignore[override]
        return {}


@pytest.mark.parametrize(
    ("auth", "says"),
    [
        (lambda: Own(None), "Own.headers gave None, not a dict of names and texts."),
        (lambda: Own({"A": 7}), "Own.headers gave an int for A, not a text."),
        (lambda: Own({7: "a"}), "Own.headers gave a str for 7, not a text."),
        (
            lambda: Own({"A": SECRET}),
            "Own.headers gave a Secret for A, not a text. A Secret's text is its reveal().",
        ),
        (lambda: Own(lambda: Auth().hide(None)), "Auth.hide() was given None; it hides texts."),  # type: ignore[arg-type]
        (WithoutRequest, "WithoutRequest.headers takes something else than one argument, the request."),
    ],
)
def test_credentials_of_an_author_that_are_wrong_are_named(auth: Callable[[], Auth], says: str) -> None:
    """By their class and method."""
    app = Connector("wrong", client=lambda _: Client("http://127.0.0.1:1", auth=auth()))
    app.table(name="orders", key="id")(lambda client: client.get("/orders"))
    require_sentence(answered(app), says, begins="")


def orders_since(_: Any, since: int | None) -> Iterator[Any]:
    """A table with a cursor."""
    yield {"id": 1, "at": 1}


def orders_of(_: Any, shop: int) -> Iterator[Any]:
    """A table with parents."""
    yield {"id": shop}


def plain(_: Any, page: int = 1) -> Iterator[Any]:
    """A table without either."""
    yield {"id": page}


async def asynchronous(_: Any) -> Any:
    """No generator."""


CURSOR = {"cursor": "at"}
LISTED = {**CURSOR, "on_missing": "delete", "listing": lambda _: [{"id": 1}, {"id": 2}]}
NAMES = "is the name of a column, or a list of them"
GIVES_ROWS = "it yields rows, or returns a list of them."

DECLARED: dict[str, tuple[Any, dict[str, Any], list[Any], str]] = {
    "key": (plain, {}, [None, 7, [1], lambda: 1, b"id"], NAMES),
    "cursor": (orders_since, {}, [7, "", ["at"]], "cursor= is the name of a column"),
    "lookback": (orders_since, CURSOR, [-1, "1", 1.5, True], "lookback= "),
    "epoch": (orders_since, CURSOR, ["s", 7], 'epoch= is "seconds" or "milliseconds"'),
    "in_order": (orders_since, CURSOR, ["yes", None, True], "in_order= "),
    "scope": (orders_since, CURSOR, [7, lambda: 1], "scope= is a function of the configuration"),
    "embeds": (orders_since, CURSOR, [7, {}, lambda: {1: "a"}], "embeds= is a function of the client"),
    "floor": (orders_since, CURSOR, ["x", lambda: 1, lambda _: "x"], "floor"),
    "children": (
        plain,
        {},
        [7, "lines", ["lines"], {"lines": None}, {7: "id"}, {"": "id"}],
        "children= is a dict, of",
    ),
    "parents": (
        orders_of,
        {},
        [7, "x", [1, 2], lambda: [1], iter([1])],
        "parents= is a function of the client",
    ),
    "keeps": (plain, {}, [None, 7, [7], "", "token", b"page"], "keeps= "),
    "on_missing": (
        plain,
        {},
        [None, "remove", lambda: "keep"],
        'on_missing= is "keep", "delete" or a function',
    ),
    "max_missing": (plain, {}, ["x", None, -1, 2, True], "max_missing= is a share of the keys, from 0 to 1"),
    "listing": (
        orders_since,
        LISTED,
        [7, lambda: [1], lambda _, __: [], lambda _, since: [since]],
        "listing=",
    ),
    "fetch": (
        orders_since,
        LISTED,
        [7, lambda: [1], lambda _: []],
        "fetch= is a function of the client and a list",
    ),
    "curser": (plain, {}, ["at"], "curser is no argument of a table. There are: name, key, cursor"),
}
GIVEN: dict[str, tuple[Any, dict[str, Any], list[Any], str]] = {
    "parents": (
        orders_of,
        {},
        [
            lambda _: None,
            lambda _: 7,
            lambda _: "abc",
            lambda _: {1: 2},
            lambda _: [None],
            lambda _: [{"id": 1}],
            lambda _: ["x"],
        ],
        "parents= gave ",
    ),
    "on_missing": (plain, {}, [lambda _: None, lambda _: "remove"], "the function on_missing= gave "),
    "listing": (orders_since, LISTED, [lambda _: None, lambda _: 7, lambda _: {"id": 1}], GIVES_ROWS),
    "fetch": (orders_since, LISTED, [lambda _, __: None, lambda _, __: {"id": 2}], GIVES_ROWS),
}


@pytest.mark.parametrize(
    ("name", "read", "others", "value", "says"),
    [
        (name, read, others, value, says)
        for table in (DECLARED, GIVEN)
        for name, (read, others, values, says) in table.items()
        for value in values
    ],
)
def test_an_argument_of_a_table_is_named(
    name: str, read: Any, others: dict[str, Any], value: Any, says: str
) -> None:
    """When it is declared, or when its function gives something else."""
    try:
        message = reading(read, **{**others, name: value})
    except DeclarationError as error:
        message = str(error)
    require_sentence(message, says)


def test_a_table_without_a_key_is_named() -> None:
    """Every table has one."""
    with pytest.raises(
        DeclarationError, match=r"Table plain: key= is missing, the column of the primary key"
    ):
        Connector("wrong").table()(plain)  # type: ignore[call-arg]


def test_an_asynchronous_function_is_named() -> None:
    """Nothing of it would run."""
    with pytest.raises(
        DeclarationError, match="Table orders: its function is asynchronous: take async and await out"
    ):
        reading(asynchronous)


@pytest.mark.parametrize("given", [None, 7, "x", {"id": 1}])
def test_a_function_that_gives_no_rows_is_named(given: Any) -> None:
    """It may have forgotten to yield."""
    require_sentence(reading(lambda _: given), f"its function gave {kind_of(given)}; {GIVES_ROWS}")


def test_names_that_are_compared_are_a_dict(capsys: pytest.CaptureFixture[str]) -> None:
    """Rows are read all the same, and a warning says why nothing was compared."""
    app = Connector("wrong")
    app.table(key="id", cursor="at", embeds=lambda _: ["a"])(orders_since)  # type: ignore[arg-type,return-value]
    assert Fivetran(app.handler).sync()[-1].status == 200
    assert (
        "embeds= gave a list; it gives a dict of each object's number (an int) to its name."
        in capsys.readouterr().out
    )


CONNECTOR: dict[str, tuple[list[Any], str]] = {
    "name": ([None, 7, ""], "Connector: name="),
    "version": ([None, 7], "Connector: version="),
    "config": ([7, dict, "x"], "Connector: config="),
    "client": ([7, "x", lambda: 1], "Connector: client= is a function of the configuration"),
    "replaces_state": ([None, 7, "since"], "Connector: replaces_state="),
}


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [(name, value, says) for name, (values, says) in CONNECTOR.items() for value in values],
)
def test_an_argument_of_a_connector_is_named(name: str, value: Any, says: str) -> None:
    """When it is made."""
    with pytest.raises(DeclarationError) as caught:
        Connector(**{"name": "wrong", name: value})
    require_sentence(str(caught.value), says, begins="Connector: ")


@pytest.mark.parametrize("kind", ["before", "check", "tables"])
@pytest.mark.parametrize(
    ("value", "says"), [(None, "is None"), (7, "is an int"), (lambda: 1, "must take one argument")]
)
def test_a_function_of_the_client_is_named(kind: str, value: Any, says: str) -> None:
    """The guard, the setup test and what discovers tables."""
    with pytest.raises(DeclarationError) as caught:
        getattr(Connector("wrong"), kind)(value)
    require_sentence(str(caught.value), says, begins="The ")


@pytest.mark.parametrize("given", [None, 7, False, "x", [7], ["x"], [plain]])
def test_a_discovery_that_gives_no_tables_is_named(given: Any) -> None:
    """By the function's name."""
    app = Connector("wrong")

    @app.tables
    def discovered(_: Any) -> Any:
        return given

    require_sentence(answered(app), "The function discovered of app.tables gave ", begins="The ")
