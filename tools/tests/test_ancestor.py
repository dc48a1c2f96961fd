"""docs/ancestor.md names a test for each defect, and the tests are there."""

from __future__ import annotations

import ast
import re

import pytest
from small_repository import ROOT

pytestmark = [pytest.mark.connector("bugzilla", "casa")]

PAGE = (ROOT / "docs" / "ancestor.md").read_text("utf-8")
ROW = re.compile(r"^\| (\d+) \|.*\| ([^|]*) \|$", re.MULTILINE)
TEST = re.compile(r"`(test_defect_(\d\d)_\w+)`")


def section(title: str) -> str:
    """The part of the page under a heading."""
    return PAGE.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


def written(connector: str) -> set[str]:
    """The tests of defects that a connector has."""
    tree = ast.parse((ROOT / "connectors" / connector / "tests" / "test_ancestor.py").read_text("utf-8"))
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    return {name for name in names if name.startswith("test_defect_")}


@pytest.mark.parametrize(("title", "connector", "last"), [("Bugzilla", "bugzilla", 21), ("CASA", "casa", 12)])
def test_every_defect_has_its_row(title: str, connector: str, last: int) -> None:
    """In order, none left out, each test in the row of its number; only CASA's first cannot be fixed."""
    rows = [(int(number), TEST.findall(tests)) for number, tests in ROW.findall(section(title))]
    assert [number for number, _ in rows] == list(range(1, last + 1))
    assert {int(of) - number for number, tests in rows for _, of in tests} == {0}
    assert [number for number, tests in rows if not tests] == ([1] if connector == "casa" else [])


@pytest.mark.parametrize(("title", "connector"), [("Bugzilla", "bugzilla"), ("CASA", "casa")])
def test_the_tests_that_are_named_exist_and_those_that_exist_are_named(title: str, connector: str) -> None:
    """So that neither can be renamed without the other."""
    assert {name for name, _ in TEST.findall(section(title))} == written(connector)
