"""Wrong declarations are reported when the connector is imported, by table, with the way out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from functools import wraps
from typing import Any

import pytest

from fivetran_runtime import Connector, Table
from fivetran_runtime.cursors import DAY, INSTANT, INTEGER
from fivetran_runtime.errors import ConfigurationError, DeclarationError, DefectError
from fivetran_runtime.tables import Options


def plain(_: Any) -> Iterator[Any]:
    yield {}


def paged(_: Any, project: int = 0, page: int = 1) -> Iterator[Any]:
    yield {}


def since_instant(_: Any, since: datetime | None, page: int = 1) -> Iterator[Any]:
    yield {}


def since_integer(_: Any, since: int) -> Iterator[Any]:
    yield {}


def since_day(_: Any, since: date | None = None) -> Iterator[Any]:
    yield {}


def since_nothing(_: Any, since) -> Iterator[Any]:  # type: ignore[no-untyped-def]  # noqa: ANN001 - the mistake
    yield {}


def since_text(_: Any, since: str) -> Iterator[Any]:
    yield {}


def since_two(_: Any, since: int | datetime) -> Iterator[Any]:
    yield {}


def no_parameters() -> Iterator[Any]:
    yield {}


def no_defaults(_: Any, project: int, page: int) -> Iterator[Any]:
    yield {}


def one_parent(_: Any, project: int, since: datetime | None) -> Iterator[Any]:
    yield {}


def one_parent_page(_: Any, project: int, page: int = 1) -> Iterator[Any]:
    yield {}


@pytest.mark.parametrize(
    ("read", "declared", "way_out"),
    [
        (plain, {"key": []}, "key of t must name at least one column"),
        (plain, {"key": ""}, "key of t must name at least one column"),
        (plain, {"key": ["a", "a"]}, "each once"),
        (plain, {"key": ["a", ""]}, "key of t"),
        (plain, {"key": "a", "children": {"c": []}}, "key of c must name"),
        (plain, {"key": "a", "children": {"t": "a"}}, "the table's own name"),
        (plain, {"key": "a", "cursor": "at"}, 'needs a parameter "since"'),
        (since_nothing, {"key": "a", "cursor": "at"}, "annotated int, date or datetime"),
        (since_text, {"key": "a", "cursor": "at"}, "annotated int, date or datetime"),
        (since_two, {"key": "a", "cursor": "at"}, "annotated int, date or datetime"),
        (since_instant, {"key": "a"}, "needs cursor="),
        (plain, {"key": "a", "lookback": timedelta(1)}, "lookback= needs a cursor"),
        (since_instant, {"key": "a", "cursor": "at", "lookback": 5}, "is a timedelta"),
        (
            since_integer,
            {"key": "a", "cursor": "at", "lookback": timedelta(1)},
            "an int for an integer cursor",
        ),
        (plain, {"key": "a", "floor": 5}, "floor= needs a cursor"),
        (
            plain,
            {"key": "a", "parents": list},
            "parents= needs one parameter without a default, the parent; found: none",
        ),
        (no_defaults, {"key": "a", "parents": list}, "the parent; found: project, page"),
        (one_parent, {"key": "a", "cursor": "at", "parents": "acme"}, "parents= is a function of the client"),
        (
            one_parent,
            {"key": "a", "cursor": "at", "parents": list, "in_order": True, "lookback": timedelta(1)},
            "in_order= is for one list, and with parents= there is one for each",
        ),
        (
            one_parent_page,
            {"key": "a", "parents": list, "keeps": "page"},
            "keeps= is for one list, and with parents= there is one for each",
        ),
        (paged, {"key": "a", "keeps": "token"}, "keeps= names token, which is no parameter of its function"),
        (since_instant, {"key": "a", "cursor": "at", "keeps": "page"}, "keeps= takes the place of cursor="),
        (plain, {"key": "a", "on_missing": "remove"}, 'on_missing= is "keep", "delete" or a function'),
        (since_instant, {"key": "a", "cursor": "at", "on_missing": "delete"}, "needs listing="),
        (
            plain,
            {"key": "a", "listing": plain, "on_missing": "delete"},
            "listing= is for a table with a cursor",
        ),
        (
            since_instant,
            {"key": "a", "cursor": "at", "listing": plain},
            "listing= is for a table with a cursor",
        ),
        (no_parameters, {"key": "a"}, "takes the client as its first parameter"),
        (plain, {"key": "a", "columns": ["ratio"]}, "columns= is a dict of columns and their types"),
        (
            plain,
            {"key": "a", "columns": {"ratio": "float"}},
            "columns= gives ratio the type 'float'; there are boolean, long, double, decimal(P, S), string",
        ),
        (plain, {"key": "a", "columns": {"ratio": None}}, "columns= gives ratio the type None"),
        (plain, {"key": "a", "columns": {"price": "decimal(2, 4)"}}, "a decimal has 1 to 38 digits"),
        (
            plain,
            {"key": "a", "columns": {"lines": {"price": "double"}}},
            "columns= names the table lines, which is none of its children",
        ),
        (
            plain,
            {"key": "a", "children": {"lines": "id"}, "columns": {"lines": {"price": "money"}}},
            "columns= gives lines.price the type 'money'",
        ),
        (no_defaults, {"key": "a"}, "needs a default: project, page"),
    ],
)
def test_a_wrong_declaration_names_the_table_and_the_way_out(
    read: Any, declared: dict[str, Any], way_out: str
) -> None:
    """As a decorator and as a discovered table."""
    with pytest.raises(DeclarationError) as caught:
        Table("t", read, **declared)
    assert "Table t:" in str(caught.value)
    assert way_out in str(caught.value)
    with pytest.raises(DeclarationError):
        Connector("acme").table(name="t", **declared)(read)


def test_all_mistakes_of_a_table_are_reported_at_once() -> None:
    """One import, one message."""
    with pytest.raises(DeclarationError) as caught:
        Table("t", plain, key=[], cursor="at", lookback=5, on_missing="delete")
    for part in ("key of t", "since", "lookback=", "on_missing="):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("read", "declared"),
    [
        (plain, {"key": "id"}),
        (plain, {"key": ["a", "b"], "on_missing": "delete"}),
        (plain, {"key": "a", "children": {"c": "a"}, "on_missing": "delete"}),
        (plain, {"key": "id", "on_missing": lambda _: "keep"}),
        (since_instant, {"key": "id", "cursor": "at", "listing": plain, "on_missing": "delete"}),
        (paged, {"key": "id", "children": {"c": ["a", "b"], "d": "a"}}),
        (
            since_instant,
            {
                "key": "id",
                "cursor": "at",
                "lookback": timedelta(1),
                "floor": datetime(2026, 1, 1, tzinfo=UTC),
            },
        ),
        (since_integer, {"key": "id", "cursor": "at", "lookback": 5, "floor": 0}),
        (
            since_day,
            {"key": "id", "cursor": "at", "lookback": timedelta(1), "floor": lambda _: date(2026, 1, 1)},
        ),
    ],
)
def test_what_fits_together_is_accepted(read: Any, declared: dict[str, Any]) -> None:
    """Every kind of cursor, key and child."""
    assert Table("t", read, **declared).name == "t"


def test_a_declaration_is_read_off_the_function() -> None:
    """The annotation of `since` names the cursor's kind; the other parameters are the position."""
    table = Table("t", since_instant, key="id", cursor="at", children={"c": "a"})
    assert table.kind is INSTANT
    assert dict(table.parameters) == {"page": int}
    assert table.keys == {"t": ("id",), "c": ("a",)}
    assert Table("t", since_integer, key="id", cursor="at").kind is INTEGER
    assert Table("t", since_day, key="id", cursor="at").kind is DAY
    assert dict(Table("t", paged, key="id").parameters) == {"project": int, "page": int}


def test_a_table_is_called_like_its_function() -> None:
    """Unless `name` says otherwise; the function itself stays usable."""
    app = Connector("acme")
    assert app.table(key="id")(plain) is plain
    app.table(key="id", name="other")(plain)
    assert [table.name for table in app.tables_of(None)] == ["plain", "other"]


@pytest.mark.parametrize(
    "second", [{"key": "id"}, {"key": "id", "name": "another", "children": {"plain": "id"}}]
)
def test_no_two_tables_share_a_name(second: dict[str, Any]) -> None:
    """Nor does a child with a table: their rows would replace each other."""
    app = Connector("acme")
    app.table(key="id")(plain)
    with pytest.raises(DeclarationError, match="Two tables are called plain") as caught:
        app.table(**second)(plain)
    assert "name=" in str(caught.value)


def test_a_discovered_table_does_not_take_a_declared_ones_name() -> None:
    """Seen when they are discovered, as soon as it can be."""
    app = Connector("acme")
    app.table(key="id")(plain)
    app.tables(lambda _: [Table("plain", plain, key="id")])
    with pytest.raises(DeclarationError, match="Two tables are called plain"):
        app.tables_of(None)


def test_the_decorator_takes_what_a_table_takes() -> None:
    """Each option of a table, with its type, also where the table is declared by its function."""
    named = {field.name for field in fields(Table) if field.kw_only} - {"only_keys"}
    assert Options.__annotations__.keys() == named


# -- the setup test -----------------------------------------------------------------------------------------


def yields(client: Any) -> Iterator[Any]:
    """Nothing of it runs."""
    if client is None:
        raise ConfigurationError("wrong key")
    yield client


async def awaits(_: Any) -> None:
    """Nor of this."""
    raise ConfigurationError("wrong key")


async def yields_later(_: Any) -> AsyncIterator[Any]:
    """Nor of this."""
    yield


@wraps(yields)
def wrapped(client: Any) -> Any:
    """Nor of what it wraps."""
    return yields(client)


@pytest.mark.parametrize("check", [yields, awaits, yields_later, wrapped])
def test_a_setup_test_that_would_not_run_is_refused(check: Any) -> None:
    """A call of a generator or a coroutine runs nothing, and passes with every key."""
    with pytest.raises(
        DeclarationError, match=f"The setup test {check.__name__} is a generator or asynchronous"
    ):
        Connector("acme").check(check)


@pytest.mark.parametrize(
    ("check", "kind", "message"),
    [
        (lambda _: False, ConfigurationError, "returned False"),
        (lambda client: iter(yields(client)), DefectError, "returned a generator, of which nothing has run"),
        (lambda _: map(print, [1]), DefectError, "returned a map, of which nothing has run"),
    ],
)
def test_a_setup_test_that_says_no_fails(check: Any, kind: Any, message: str) -> None:
    """By what it returns, too."""
    app = Connector("acme")
    app.check(check)
    with pytest.raises(kind, match=message):
        app.run_check(None)


@pytest.mark.parametrize("result", [None, True, [], {}, 0, ""])
def test_a_setup_test_may_return_what_the_source_said(result: Any) -> None:
    """An empty list is an answer."""
    app = Connector("acme")
    app.check(lambda _: result)
    app.run_check(None)


# -- the guard ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("guard", [yields, awaits, yields_later, wrapped])
def test_a_guard_that_would_not_run_is_refused(guard: Any) -> None:
    """As a setup test."""
    with pytest.raises(DeclarationError, match=f"The app.before {guard.__name__} is a generator or async"):
        Connector("acme").before(guard)


def test_there_is_one_guard() -> None:
    """The second would take the place of the first, in silence."""
    app = Connector("acme")

    @app.before
    def is_logged_in(_: Any) -> None: ...

    with pytest.raises(
        DeclarationError, match=r"is_logged_in and <lambda> are both declared with app\.before"
    ):
        app.before(lambda _: None)


@pytest.mark.parametrize("guard", [lambda: None, lambda _client, _config: None])
def test_a_guard_takes_the_client(guard: Any) -> None:
    """Seen when it is declared, not in production."""
    with pytest.raises(DeclarationError, match=r"app.before <lambda> must take one argument, the client"):
        Connector("acme").before(guard)


@pytest.mark.parametrize(
    ("guard", "kind", "message"),
    [
        (lambda _: False, ConfigurationError, "The app.before <lambda> returned False"),
        (lambda client: iter(yields(client)), DefectError, "returned a generator, of which nothing has run"),
    ],
)
def test_a_guard_that_says_no_fails(guard: Any, kind: Any, message: str) -> None:
    """By what it returns, too."""
    app = Connector("acme")
    app.before(guard)
    with pytest.raises(kind, match=message):
        app.run_before(None)
