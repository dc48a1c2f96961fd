from __future__ import annotations

from pathlib import Path

import pytest
from small_repository import Write

from tools.repository.errors import RepositoryError
from tools.repository.examples import examples_of, own_lines
from tools.repository.model import Repository

CONNECTOR = '''"""A list by page number.

More about it.
"""

# A comment.
from fivetran_runtime import Connector  # and one behind code

app = Connector(
    "acme",
)


def users():
    """Not counted."""
    return """two
lines"""
'''


def test_only_lines_that_say_something_to_python_are_counted(write: Write) -> None:
    """Blank lines, comments and docstrings are for people; a text over two lines is two."""
    assert own_lines(write("examples/numbered/connector.py", CONNECTOR)) == 7


def test_examples_are_found_in_their_folders(write: Write, tmp_path: Path) -> None:
    """By name, with the sentence that each begins with; a folder without a connector is none."""
    write("examples/numbered/connector.py", CONNECTOR)
    write("examples/another/connector.py", CONNECTOR.replace("list", "tree"))
    write("examples/conftest.py", "")
    found = {one.name: one.sentence for one in examples_of(tmp_path)}
    assert found == {"another": "A tree by page number.", "numbered": "A list by page number."}
    assert [one.name for one in examples_of(tmp_path, ["numbered"])] == ["numbered"]


def test_an_unknown_example_is_an_error_with_the_nearest(write: Write, tmp_path: Path) -> None:
    """As for connectors."""
    write("examples/numbered/connector.py", CONNECTOR)
    with pytest.raises(RepositoryError, match=r"no example `numberd`\. Did you mean `numbered`\?"):
        examples_of(tmp_path, ["numberd"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import re\n", "examples/numbered/connector.py: its docstring says in one line what the case is"),
        ("def (:\n", "examples/numbered/connector.py:1: "),
    ],
)
def test_an_example_that_cannot_be_listed_is_named(
    write: Write, tmp_path: Path, text: str, message: str
) -> None:
    """Where it is, and what it lacks."""
    write("examples/numbered/connector.py", text)
    with pytest.raises(RepositoryError) as error:
        [one.sentence for one in examples_of(tmp_path)]
    assert message in str(error.value)


def test_a_repository_without_examples_has_none_to_test(small: Repository, write: Write) -> None:
    """The subject is there with the folder."""
    assert "examples" not in small.subjects
    write("examples/numbered/connector.py", CONNECTOR)
    assert Repository(small.root).subjects[-2:] == ["examples", "tools"]
