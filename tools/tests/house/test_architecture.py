from __future__ import annotations

import pytest
from small_repository import Write

from tools.locked.house import architecture
from tools.locked.house.architecture import PAGE, current_page, drawn, problems, rooms
from tools.repository.model import Repository

RUNTIME = "packages/fivetran-runtime/src/fivetran_runtime"
MARKER = "<!-- imports of fivetran_runtime, drawn by `nox -s update` -->\n<!-- end -->\n"


@pytest.fixture
def room(small: Repository, write: Write) -> Repository:
    """A imports b, b imports c, and a imports c as well; d is a folder."""
    write(f"{RUNTIME}/a.py", "from fivetran_runtime import b, c\n")
    write(f"{RUNTIME}/b.py", "from fivetran_runtime.c import x\n")
    write(f"{RUNTIME}/c.py", "")
    write(f"{RUNTIME}/d/__init__.py", "")
    write(f"{RUNTIME}/d/e.py", "import fivetran_runtime.a\n")
    return Repository(small.root)


def test_what_follows_from_two_arrows_is_not_drawn(room: Repository) -> None:
    """Only so is the order of a room seen."""
    edges = drawn("fivetran_runtime", architecture.all_modules(room)).edges
    assert {part: set(uses) for part, uses in edges.items()} == {
        "a": {"b"},
        "b": {"c"},
        "c": set(),
        "d": {"a"},
    }


def test_modules_that_import_each_other_are_both_drawn(room: Repository, write: Write) -> None:
    """A circle is not taken for a shortcut."""
    write(f"{RUNTIME}/c.py", "def f():\n    import fivetran_runtime.a\n")
    edges = drawn("fivetran_runtime", architecture.all_modules(Repository(room.root))).edges
    assert edges["c"] == {"a"}
    assert edges["a"] >= {"b"}


def test_a_page_is_brought_up_to_date_and_stays_otherwise(room: Repository, write: Write) -> None:
    """What is written by hand is left alone, and a second time changes nothing."""
    write(PAGE, f"# Rooms\n\n{MARKER}\nThe end.\n")
    assert "pictures aren't current" in str(next(problems(room)))
    page = current_page(room)
    write(PAGE, page)
    assert page.startswith("# Rooms\n\n<!-- imports of")
    assert "    a --> b\n" in page
    assert page.endswith("<!-- end -->\n\nThe end.\n")
    assert current_page(room) == page
    assert not [one for one in problems(room) if "fivetran_runtime" in one.what or "current" in one.what]


def test_a_room_without_a_picture_and_one_that_is_too_large_are_problems(
    room: Repository, write: Write
) -> None:
    """A reader is to find every room, and see it at once."""
    write(PAGE, "# Rooms\n")
    for number in range(architecture.MAX_PARTS):
        write(f"{RUNTIME}/part_{number}.py", "")
    found = [problem.what for problem in problems(Repository(room.root))]
    assert "fivetran_runtime has no picture" in found
    assert "fivetran_runtime has 24 parts, which don't fit on a screen" in found


def test_a_folder_of_two_modules_needs_no_picture(room: Repository) -> None:
    """It is seen at a glance."""
    assert "fivetran_runtime.d" not in rooms(architecture.all_modules(room))
