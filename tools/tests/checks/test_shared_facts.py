from __future__ import annotations

import pytest
from small_repository import Write, add_project

from tools.locked.checks import shared_facts
from tools.repository.errors import RepositoryError
from tools.repository.model import Repository

RUNTIME = "packages/fivetran-runtime/src/fivetran_runtime"
HANDLER = 'REPORT_HEADER = "X-Report"\n'
BUDGET = "MB = 1_000_000\nANSWER_BYTES = {1: 10 * MB, 2: 32 * MB}\n"
STATE = """
class TableState:
    mark: int | str | None = None
    at: dict[str, Any] | None = None
    unknown: dict[str, Any] = {}

class State:
    tables: dict[str, TableState] = {}
"""


@pytest.fixture
def facts(small: Repository, write: Write) -> Repository:
    """A repository whose emulator has the facts of its runtime."""
    add_project(write, "packages/fivetran-emulator", "fivetran_emulator", name="fivetran-emulator")
    write(f"{RUNTIME}/handler.py", HANDLER)
    write(f"{RUNTIME}/budget.py", BUDGET)
    write(f"{RUNTIME}/state.py", STATE)
    write(shared_facts.SMOKE_TEST, HANDLER)
    repository = Repository(small.root)
    write(shared_facts.FILE, shared_facts.render(repository))
    return repository


def found(repository: Repository) -> str:
    """What the check says."""
    return "\n".join(map(str, shared_facts.problems(repository)))


def test_the_module_has_the_header_the_limits_and_the_members_of_the_state(facts: Repository) -> None:
    """As the runtime and the tools have them; what takes members of other releases is none."""
    scope: dict[str, object] = {}
    exec(shared_facts.render(facts), scope)  # noqa: S102 - our own text
    assert scope["REPORT_HEADER"] == "X-Report"
    assert scope["MAX_SECONDS"] == {1: 540, 2: 3600}
    assert scope["MAX_ANSWER_BYTES"] == {1: 10_000_000, 2: 32_000_000}
    assert scope["TABLE_MEMBERS"] == {"mark": ("number", "text"), "at": ("object",)}
    assert found(facts) == ""


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("state.py", "mark: int | str", "mark: int", "it isn't current"),
        ("state.py", "    at:", "    place: str\n    at:", "it isn't current"),
        (
            "handler.py",
            "X-Report",
            "X-Other",
            f"{shared_facts.SMOKE_TEST}: REPORT_HEADER is not the runtime's",
        ),
        ("budget.py", "32 * MB", "23 * MB", "ANSWER_BYTES is not MAX_ANSWER_BYTES"),
    ],
)
def test_a_fact_that_changed_in_one_place_is_found(
    facts: Repository, write: Write, file: str, old: str, new: str, said: str
) -> None:
    """Each of them, wherever the runtime has it."""
    path = facts.root / RUNTIME / file
    write(f"{RUNTIME}/inner/{file}", path.read_text("utf-8").replace(old, new))
    path.unlink()
    assert said in found(facts)


def test_a_runtime_without_a_fact_is_an_error(facts: Repository, write: Write) -> None:
    """What was renamed is named."""
    write(f"{RUNTIME}/state.py", STATE.replace("TableState", "TablesState"))
    with pytest.raises(RepositoryError, match="no class TableState"):
        shared_facts.render(facts)
