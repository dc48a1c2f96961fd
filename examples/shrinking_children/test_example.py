"""What the contract does not know: which lines an order has."""

from typing import Any

contract = {"keeps_deleted": {"orders": "the source does not say what is deleted"}}


def test_a_line_that_an_order_has_lost_is_deleted(new_trial: Any) -> None:
    """Those of other orders with the same number stay."""
    trial = new_trial()
    trial.connection.sync()
    order = next(row for row in trial.rows["orders"].listed() if row["id"] == 5)
    trial.rows["orders"].put({**order, "updated_at": "2026-04-01T08:00:00Z", "lines": order["lines"][:1]})
    trial.connection.sync()
    lines = [*trial.connection.warehouse.tables["lines"].values()]
    assert [line["number"] for line in lines if line["order_id"] == 5] == [1]
    assert len(lines) == 41 - 2
