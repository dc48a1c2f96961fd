"""`nox -s try`, where it meets the runtime: each table ends early, nothing is taken for deleted."""

from __future__ import annotations

from pathlib import Path

import pytest

import fivetran_runtime
from examples.parents_added_later.connector import main as issues_of_repositories
from examples.redmine_like.connector import main
from fivetran_emulator.contract.lab.trial import Trials
from fivetran_emulator.tried_function import read_first_rows

PRACTICE = Path(__file__).parent / "redmine_like" / "practice.py"


@pytest.fixture(autouse=True)
def whole_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `read_first_rows` replaces is put back after each test."""
    connector = fivetran_runtime.Connector
    monkeypatch.setattr(connector, "tables_of", connector.tables_of)


def test_each_table_ends_after_its_first_rows() -> None:
    """With one page asked for, and one of the listing of all keys; the sync is complete all the same."""
    read_first_rows(fivetran_runtime, 3, [])
    trial = Trials(main, practice=PRACTICE)()
    sync = trial.connection.sync()
    assert sync.complete
    assert sorted(trial.connection.warehouse.tables["issues"]) == ["[1]", "[2]", "[3]"]
    assert [asked.path for asked in trial.source.requests] == ["/users/current.json", *["/issues.json"] * 2]


def test_a_table_with_parents_ends_after_its_first_rows() -> None:
    """They count over all parents: no other parent is asked."""
    read_first_rows(fivetran_runtime, 3, [])
    trial = Trials(
        issues_of_repositories, practice=PRACTICE.parents[1] / "parents_added_later" / "practice.py"
    )()
    assert trial.connection.sync().complete
    assert len(trial.connection.warehouse.tables["issues"]) == 3
    assert [asked.path for asked in trial.source.requests] == ["/repositories", "/repositories/0/issues"]


def test_a_table_that_is_not_there_is_named_with_those_that_are() -> None:
    """In the words of a configuration error, without a traceback."""
    read_first_rows(fivetran_runtime, 3, ["isues"])
    sync = Trials(main, practice=PRACTICE)().connection.sync()
    assert sync.exchanges[-1].error == "There is no table isues. Did you mean issues? There are: issues."
