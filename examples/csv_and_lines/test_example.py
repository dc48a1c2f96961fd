"""What the contract does not know: that texts stay texts, and that a file larger than an answer arrives."""

from typing import Any


def test_texts_stay_texts_and_numbers_keep_their_digits(new_trial: Any) -> None:
    """00007 is no 7, and what is between quotes has its semicolon and its line break."""
    trial = new_trial()
    assert trial.connection.sync().complete
    tables = trial.connection.warehouse.tables
    (order,) = [row for row in tables["orders"].values() if row["number"] == "00007"]
    assert order == {"number": "00007", "customer": "Größe 7; klein\nund fein", "amount": "7.50"}
    assert {str(row["amount"]) for row in tables["events"].values()} >= {"0.125", "4.875"}


def test_a_file_larger_than_an_answer_arrives_over_several_calls(new_trial: Any) -> None:
    """Each call goes on behind the rows that were sent."""
    trial = new_trial(answer_bytes=5_000)
    sync = trial.connection.sync()
    assert len(sync.exchanges) > 2
    assert sync.rows == {"orders": 40, "events": 40}
