from __future__ import annotations

from dataclasses import dataclass

import pytest

from fivetran_emulator.sync.loop import Kept, run_calls


@dataclass(frozen=True)
class Page:
    """An answer with its number, the last of them without more to come."""

    number: int
    has_more: bool


class Connection:
    """Pages of a list, read on from the page that was kept last."""

    def __init__(self, pages: int) -> None:
        self._pages, self.state = pages, 0
        self.rows: list[int] = []
        self.called = 0

    def call(self, number: int) -> Page:
        self.called = number
        return Page(self.state + 1, has_more=self.state + 1 < self._pages)

    def commit(self, page: Page, kept: Kept) -> None:
        if kept is not Kept.NOTHING:
            self.rows.append(page.number)
        if kept is Kept.ALL:
            self.state = page.number


def test_calls_go_on_until_there_is_no_more() -> None:
    """Each with the state of the answer before."""
    connection = Connection(3)
    assert run_calls(connection.call, connection.commit, may_call=lambda _number: True)
    assert connection.rows == [1, 2, 3]


@pytest.mark.parametrize(("kept", "rows"), [(Kept.NOTHING, [1, 2]), (Kept.ROWS, [1, 2, 2])])
def test_a_call_whose_answer_is_lost_is_made_again(kept: Kept, rows: list[int]) -> None:
    """With the same state, also when the lost answer said that there is no more."""
    connection = Connection(2)
    assert run_calls(
        connection.call,
        connection.commit,
        may_call=lambda _number: True,
        kept=lambda number: kept if number == 2 else Kept.ALL,
    )
    assert (connection.rows, connection.called) == (rows, 3)


def test_what_ends_the_calls_is_asked_before_each() -> None:
    """Then the sync is not complete, and what was kept stays."""
    connection = Connection(9)
    assert not run_calls(connection.call, connection.commit, may_call=lambda number: number <= 4)
    assert (connection.rows, connection.called) == ([1, 2, 3, 4], 4)


def test_a_call_that_fails_ends_the_sync() -> None:
    """Nothing is retried."""
    connection = Connection(9)

    def call(number: int) -> Page:
        if number == 3:
            raise ConnectionError
        return connection.call(number)

    with pytest.raises(ConnectionError):
        run_calls(call, connection.commit, may_call=lambda _number: True)
    assert connection.rows == [1, 2]
