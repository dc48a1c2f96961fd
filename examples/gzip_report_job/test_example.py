"""What the contract does not know: how often a report is asked for, and what becomes of one that fails."""

from typing import Any

from fivetran_emulator.practice import Request, Source


def asked(trial: Any, method: str) -> list[str]:
    return [one.path for one in trial.source.requests if one.method == method]


def test_a_report_of_35_seconds_is_made_once_in_calls_of_10(new_trial: Any) -> None:
    """Four calls poll it, the last one downloads it; the next sync asks for another."""
    trial = new_trial(timeout_s=10)
    sync = trial.connection.sync()
    assert sync.complete
    assert sync.rows == {"stats": 60}
    assert len(sync.exchanges) == 4
    assert asked(trial, "POST") == ["/reports"]
    assert asked(trial, "GET").count("/reports/1/file") == 1
    assert trial.connection.sync().complete
    assert len(asked(trial, "POST")) == 2


def test_a_report_that_the_next_sync_finishes_is_not_made_twice(new_trial: Any) -> None:
    """Nine calls of 3 seconds are too few; the sync ends in order, and the next one has the rows."""
    trial = new_trial(timeout_s=3)
    assert trial.connection.sync().complete
    sync = trial.connection.sync()
    assert sync.rows == {"stats": 60}
    assert asked(trial, "POST") == ["/reports"]


def test_a_report_that_fails_is_replaced(new_trial: Any) -> None:
    """By a new one, in the same sync."""
    source = Source()
    made: list[str] = []

    @source.route("/reports", method="POST")
    def create(_request: Request) -> object:
        made.append(str(len(made) + 1))
        return {"id": made[-1]}

    @source.route("/reports/<number>")
    def status(_request: Request, number: str) -> object:
        return {"status": "failed" if number == "1" else "done"}

    @source.route("/reports/<number>/file")
    def download(_request: Request, number: str) -> object:
        return {"id": int(number), "clicks": 1}

    trial = new_trial(source)
    sync = trial.connection.sync()
    assert sync.complete
    assert [row["id"] for row in trial.connection.warehouse.tables["stats"].values()] == [2]
    assert made == ["1", "2"]
