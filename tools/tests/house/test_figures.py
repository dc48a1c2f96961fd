from __future__ import annotations

from small_repository import Write

from tools.locked.checks.checks import run
from tools.locked.house.figures import figures, imported_once, repeated_classes
from tools.locked.house.modules import package_modules
from tools.repository.model import Repository

RUNTIME = "packages/fivetran-runtime/src/fivetran_runtime"


def test_a_module_that_one_other_imports_is_counted(small: Repository, write: Write) -> None:
    """However it is imported; one with two users is not, one with none is not."""
    write(f"{RUNTIME}/one.py", "from fivetran_runtime import two\n")
    write(f"{RUNTIME}/two.py", "def f():\n    import fivetran_runtime.three\n")
    write(f"{RUNTIME}/three.py", "")
    write(f"{RUNTIME}/four.py", "from fivetran_runtime.three import x\n")
    assert list(imported_once(package_modules(small))) == ["fivetran_runtime.two"]


def test_a_class_name_in_two_modules_is_counted(small: Repository, write: Write) -> None:
    """Also a class inside of a function: the reader meets it all the same."""
    write(f"{RUNTIME}/one.py", "class Page: ...\nclass Row: ...\n")
    write(f"{RUNTIME}/two.py", "def f():\n    class Page: ...\n")
    assert repeated_classes(package_modules(small)) == {
        "Page": ["fivetran_runtime.one", "fivetran_runtime.two"]
    }


def test_a_figure_over_its_limit_is_a_problem_and_all_are_shown(small: Repository, write: Write) -> None:
    """With the names, so that one sees what to put together."""
    for number in range(100):
        write(f"{RUNTIME}/user_{number}.py", f"import fivetran_runtime.used_{number}\n")
        write(f"{RUNTIME}/used_{number}.py", "")
    result = run(Repository(small.root), ["house"])["house"]
    (problem,) = result.problems
    assert problem.what.startswith("modules imported by one other alone: 100 (at most ")
    assert "fivetran_runtime.used_7" in problem.fix
    assert len(result.notes) == len(list(figures(small)))
