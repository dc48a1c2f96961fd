"""What an `At` writes into the state is what the next call reads from it, whatever the source writes its ids as."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import pytest
from fivetran import Fivetran
from hypothesis import given, settings
from hypothesis import strategies as st

from fivetran_runtime import At, Connector
from fivetran_runtime._arguments import kind_of
from fivetran_runtime._encoding import decode, encode
from fivetran_runtime._sync.positions import restored, stored
from fivetran_runtime._sync.state import State, load
from fivetran_runtime.errors import DefectError
from fivetran_runtime.tables import Table

EMPTY = inspect.Parameter.empty


class Colour(Enum):
    """A position of the author's own kind."""

    RED = "red"


def annotated(annotation: Any, default: Any = None) -> Any:
    """A table function whose position is one argument, `after`."""

    def things(_: Any, after: Any = default) -> Iterator[Any]:
        yield after

    things.__annotations__["after"] = annotation
    if annotation is EMPTY:
        del things.__annotations__["after"]
    return things


def through_a_state(table: Table, value: Any) -> Any:
    """The argument that the next call gets, after a way through an answer and a request."""
    state = State("acme")
    state.table("things").at = stored(table, At(after=value))
    received, note = load(decode(encode(state.dump())), connector="acme")
    assert note is None
    return restored(table, received.table("things").at or {})["after"]


FITTING = (
    (int, 5, 5),
    (int, "5", 5),
    (int, Decimal("10.0"), 10),
    (int, 2**80, 2**80),
    (int, None, None),  # its default is None, whatever its annotation says
    (int | None, "-7", -7),
    (str, "007", "007"),
    (str | None, 5, "5"),
    (str | None, Decimal("10.0"), "10.0"),
    (str | None, 2**80, str(2**80)),
    (str | None, date(2026, 1, 31), "2026-01-31"),
    (int | str | None, "5", "5"),
    (int | str | None, 5, 5),
    (float, 0.1, 0.1),
    (float, 3.0, 3.0),
    (float, 3, 3.0),
    (float, Decimal("1767225601.000200"), 1767225601.0002),
    (float | None, "3.0", 3.0),
    (Decimal, Decimal("12345678901234567.890"), Decimal("12345678901234567.890")),
    (Decimal | None, "7.5", Decimal("7.5")),
    (Decimal | None, 7, Decimal(7)),
    (bool, True, True),
    (date | None, "2026-01-31", date(2026, 1, 31)),
    (datetime, datetime(2026, 1, 31, tzinfo=UTC), datetime(2026, 1, 31, tzinfo=UTC)),
    (datetime, datetime(2026, 1, 31), datetime(2026, 1, 31)),  # noqa: DTZ001 - the author's own wall clock
    (timedelta, timedelta(minutes=90), timedelta(minutes=90)),
    (bytes, b"\xff\x00", b"\xff\x00"),
    (UUID, UUID(int=7), UUID(int=7)),
    (Colour, Colour.RED, Colour.RED),
    (tuple[int, str], (1, "b"), (1, "b")),
    (set[int], {1, 2}, {1, 2}),
    (list[float], [0.1, 2.0], [0.1, 2.0]),
    (list[Decimal], [Decimal("0.10")], [Decimal("0.10")]),
    (EMPTY, 5, 5),
    (EMPTY, "5", "5"),
    (EMPTY, Decimal("7.50"), Decimal("7.50")),
    (EMPTY, {"a": [1, None, True]}, {"a": [1, None, True]}),
    (Any, Decimal("0.1"), Decimal("0.1")),
    ("OnlyForTypeCheckers", 5, 5),
)


@pytest.mark.parametrize(("annotation", "value", "back"), FITTING)
def test_a_position_comes_back_as_its_annotation_says(annotation: Any, value: Any, back: Any) -> None:
    """The next call gets the same value, of the same type, or one that says the same."""
    came = through_a_state(Table("things", annotated(annotation), key="id"), value)
    assert (came, type(came)) == (back, type(back))


@pytest.mark.parametrize("default", [0.5, Decimal("0.5"), date(2026, 1, 1), timedelta(1), UUID(int=1)])
def test_a_default_says_what_an_annotation_does_not(default: Any) -> None:
    """`after=0.5` is a float without being annotated."""
    came = through_a_state(Table("things", annotated(EMPTY, default), key="id"), default)
    assert (came, type(came)) == (default, type(default))


REFUSED = (
    (int, "5x", "int | None"),
    (int, "007", "int | None"),
    (int, "1_000", "int | None"),
    (int, Decimal("1.5"), "int | None"),
    (int, True, "int | None"),
    (str, True, "str | None"),
    (str, [1], "str | None"),
    (float, Decimal("12345678901234567.89"), "float | None"),
    (float, 2**53 + 1, "float | None"),
    (float, float("nan"), "float | None"),
    (float, "1_0.5", "float | None"),
    (Decimal, Decimal("Infinity"), "decimal.Decimal | None"),
    (datetime, 5, "datetime.datetime | None"),
    (bool, 1, "bool | None"),
    (list[str], [1], "list[str]"),
    (dict[int, int] | None, {1: 2}, "dict[int, int] | None"),
    (int, object(), "int | None"),
    (str, "\ud800", "str | None"),
)


@pytest.mark.parametrize(("annotation", "value", "shown"), REFUSED)
def test_what_would_not_come_back_is_refused_at_the_first_at(annotation: Any, value: Any, shown: Any) -> None:
    """Table, argument, value, annotation and what to do are named."""
    table = Table("things", annotated(annotation), key="id")
    with pytest.raises(DefectError) as raised:
        stored(table, At(after=value))
    text = str(raised.value)
    assert text.startswith(
        f"Table things yielded At(after={value!r}), {kind_of(value)}, and after is annotated"
    )
    assert f"annotated {shown}: the next call could not get it back." in text
    assert "Annotate the parameter" in text


@pytest.mark.parametrize(
    "value", [0.5, date(2026, 1, 31), {1}, [0.5], {"a": date(2026, 1, 1)}, {1: 2}, b"x", object()]
)
def test_without_an_annotation_only_plain_json_comes_back(value: Any) -> None:
    """A date would come back as text, and arithmetic on it would fail only in the call that goes on."""
    with pytest.raises(DefectError, match=r"after has no annotation\. Annotate the parameter"):
        stored(Table("things", annotated(EMPTY), key="id"), At(after=value))


@pytest.fixture
def small_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers with room for a handful of rows."""
    monkeypatch.setenv("FIVETRAN_ANSWER_BYTES", "4000")


def listing(annotation: Any, ids: list[Any]) -> Fivetran:
    """A connection to a source that lists after an id, whatever its ids look like: they say 0, 1, 2, and so on."""
    app = Connector("listed")

    def things(_: Any, after: Any = None) -> Iterator[Any]:
        start = 0 if after is None else int(float(str(after).rstrip("x"))) + 1
        for number, one in enumerate(ids[start:], start):
            yield {"id": number, "text": "x" * 500}
            yield At(after=one)

    things.__annotations__["after"] = annotation
    app.table(key="id")(things)
    return Fivetran(app.handler)


@pytest.mark.usefixtures("small_answers")
@pytest.mark.parametrize("annotation", [int | None, str | None, EMPTY, int | str | None])
@pytest.mark.parametrize("first_are", [int, str])
def test_ids_that_change_their_type_in_the_middle_of_a_pass_lose_nothing(
    annotation: Any, first_are: Any
) -> None:
    """What was a number at the beginning of the list is text from the tenth row on, or the other way round."""
    other = int if first_are is str else str
    fivetran = listing(annotation, [(first_are if one < 10 else other)(one) for one in range(32)])
    assert [reply.status for reply in fivetran.sync()] == [200] * 6
    assert len(fivetran.tables["things"]) == 32


def test_a_position_that_would_not_come_back_fails_before_anything_is_cut() -> None:
    """It is found by the smallest test, and not by the first long reading."""
    (reply,) = listing(int | None, [Decimal("0.5"), Decimal("1.5")]).sync()
    assert (reply.status, reply.body["errorType"]) == (500, "bug")
    assert "Table things yielded At(after=Decimal('0.5'))" in reply.body["errorMessage"]


WRITTEN = st.sampled_from(["{}", "{}.0", "{}.5", '"{}"', '"{}.0"', '"{}x"'])


@settings(max_examples=60, deadline=None)
@given(
    annotation=st.sampled_from(
        [int, str, float, Decimal, int | None, str | None, float | None, int | str, EMPTY]
    ),
    written=st.lists(WRITTEN, min_size=25, max_size=25),
)
def test_a_sync_ends_with_all_rows_or_names_the_argument(annotation: Any, written: list[str]) -> None:
    """However ids are written from row to row: no call begins the pass again, and none says that nothing moves."""
    ids = [decode(form.format(number).encode()) for number, form in enumerate(written)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIVETRAN_ANSWER_BYTES", "4000")
        fivetran = listing(annotation, ids)
        *answers, last = fivetran.sync(max_calls=6)
    sent = [row["id"] for reply in answers for row in reply.body["insert"]["things"]]
    assert sent == list(range(len(sent)))
    if last.status == 200:
        assert len(fivetran.tables["things"]) == 25
    else:
        assert "Table things yielded At(after=" in last.body["errorMessage"]


@pytest.mark.usefixtures("small_answers")
def test_a_position_of_another_release_begins_the_pass_again_in_a_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """And never is what a person is shown that the position does not move."""
    fivetran = listing(int | None, list(range(20)))
    for at in ({"after": "cursor-7"}, {"offset": 7}):
        fivetran.state = {"connector": "listed", "tables": {"things": {"at": at}}}
        assert {reply.status for reply in fivetran.sync()} == {200}
        assert len(fivetran.tables.pop("things")) == 20
        assert "is read from the beginning of that pass" in capsys.readouterr().out


def test_a_float_that_an_earlier_release_wrote_as_text_is_read() -> None:
    """Connections that were dead of it live again without a patch of their state."""
    table = Table("things", annotated(float, 0.0), key="id")
    assert restored(table, {"after": "3.0"}) == {"after": 3.0}
