"""Problems as a person reads them."""

from __future__ import annotations

from tools.repository.errors import Problem


def test_problems_sort_as_lines_do() -> None:
    """Line 9 before line 10, and places with and without a line beside each other."""
    places = [
        "4",
        "a",
        "deploy.yaml",
        "deploy.yaml:9: x",
        "deploy.yaml:10: a",
        "deploy.yaml:10: b",
        "e2/2:1",
        "e10/1",
    ]
    assert [one.where for one in sorted(Problem(place, "wrong") for place in reversed(places))] == places
    assert sorted([Problem("a", "y"), Problem("a", "x", "z"), Problem("a", "x")]) == [
        Problem("a", "x"),
        Problem("a", "x", "z"),
        Problem("a", "y"),
    ]
