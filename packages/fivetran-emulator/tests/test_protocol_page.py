"""The table of behaviours in docs/protocol.md says what is so."""

from __future__ import annotations

import ast
import re
from dataclasses import fields
from pathlib import Path

import pytest

from fivetran_emulator.__main__ import command_parser
from fivetran_emulator.protocol.rules import Rules

TESTS = Path(__file__).parent
PAGE = (TESTS.parents[2] / "docs" / "protocol.md").read_text("utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if re.match(r"\| *\d+ *\|", line)
]
DEFAULTS = dict(re.findall(r"^\| `--([a-z-]+)` \| (?:`([a-z-]+)`|[^|]*) \|", PAGE, re.MULTILINE))


def docstring(test: str) -> str:
    """The docstring of `file.py::test_name`; an error when there is no such test."""
    file, _, name = test.partition("::")
    [found] = TESTS.rglob(file)
    tree = ast.parse(found.read_text("utf-8"))
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    return ast.get_docstring(functions[name]) or ""


def test_there_are_thirty() -> None:
    """Each once, in order."""
    assert [int(row[0]) for row in ROWS] == list(range(1, 31))


@pytest.mark.parametrize("row", ROWS, ids=[f"behaviour-{row[0]}" for row in ROWS])
def test_a_behaviour_has_tests_that_name_it_and_switches_that_exist(row: list[str]) -> None:
    """A test that is renamed, or a switch that goes, must go from the page too; what is inferred has a switch or a warning."""
    number, _, known, tests, switches = row
    named = re.findall(r"`([^`]+)`", tests)
    assert named
    assert all(docstring(test).startswith(f"Behaviour {number}: ") for test in named)
    for switch in re.findall(r"`([^`]+)`", switches):
        command_line(switch)
    assert switches or not known.startswith("inferred")


def command_line(switch: str) -> None:
    """Fails unless `--x`, an option of sync, or `command --x` or `command action` is there."""
    words = switch.split()
    words = words if not words[0].startswith("--") else ["sync", *words]
    parser = command_parser()
    for word in words:
        if word.startswith("--"):
            assert word in parser._option_string_actions
        else:
            [subcommands] = [action.choices for action in parser._actions if isinstance(action.choices, dict)]
            parser = subcommands[word]


@pytest.mark.parametrize("rule", fields(Rules), ids=lambda rule: rule.name)
def test_each_rules_default_is_on_the_page(rule: object) -> None:
    """The page says which reading is taken, and why."""
    assert DEFAULTS[rule.name.replace("_", "-")] == rule.default  # type: ignore[attr-defined]
