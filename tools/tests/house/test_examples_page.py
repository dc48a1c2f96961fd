from __future__ import annotations

import pytest
from small_repository import Write

from tools.locked.checks.checks import run
from tools.locked.house.examples_page import PAGE, rendered
from tools.repository.model import Repository

CONNECTOR = '"""A list, by | page number."""\n\nmain = 1\n'


@pytest.fixture
def listed(small: Repository, write: Write) -> Repository:
    """One example, and a page with it."""
    write("examples/numbered/connector.py", CONNECTOR)
    write("examples/numbered/practice.py", "")
    write(PAGE, rendered(small))
    return small


def found(repository: Repository) -> list[str]:
    """What the check says."""
    return [str(problem) for problem in run(Repository(repository.root), ["examples"])["examples"].problems]


def test_each_example_is_a_row_of_the_page(listed: Repository) -> None:
    """With a link, what it says of itself, and its number of lines."""
    row = "| [numbered](../examples/numbered/connector.py): A list, by \\| page number. | 1 |\n"
    assert rendered(listed).endswith(row)
    assert found(listed) == []


def test_a_page_of_other_examples_is_found(listed: Repository, write: Write) -> None:
    """One more line is one more in the table."""
    write("examples/numbered/connector.py", f"{CONNECTOR}other = 2\n")
    assert found(listed) == [f"{PAGE}: it isn't current\n    run `nox -s update`"]


def test_an_example_that_is_too_long_or_half_is_found(listed: Repository, write: Write) -> None:
    """Twenty-five lines are the most, and without a practice source nothing is tested."""
    write("examples/numbered/connector.py", CONNECTOR + "main = 1\n" * 25)
    (listed.root / "examples/numbered/practice.py").unlink()
    write(PAGE, rendered(listed))
    assert sorted(found(listed)) == [
        "examples/numbered/connector.py: it has 26 lines; 25 is the most an example may have",
        "examples/numbered: there is no practice.py",
    ]
