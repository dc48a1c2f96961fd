from __future__ import annotations

import pytest
from small_repository import Write

from tools.locked.checks.imports import cycle_problems, direction_problems, front_problems
from tools.repository.model import Repository

ACME = "connectors/acme/src/connector_acme"


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (f"{ACME}/pages.py", "import tools.repository.names"),
        (f"{ACME}/pages.py", "from connector_other_one import app"),
        ("packages/fivetran-runtime/src/fivetran_runtime/x.py", "import connector_acme"),
        ("packages/fivetran-runtime/src/fivetran_runtime/x.py", "import tools"),
        ("connectors/acme/tests/test_x.py", "import connector_other_one"),
        ("connectors/acme/practice.py", "from tools import names"),
        ("tools/x.py", "import fivetran_runtime"),
        ("benchmarks/ours/x.py", "from tools import names"),
        ("benchmarks/ours/x.py", "import connector_acme"),
        (f"{ACME}/spelt.py", "import \uff54ools"),
        (f"{ACME}/late.py", "def f():\n    import tools"),
    ],
)
def test_an_import_the_wrong_way_is_found_with_its_line(
    small: Repository, write: Write, path: str, line: str
) -> None:
    """Each wall of the house holds, also against an import inside a function."""
    write(path, line + "\n")
    (found,) = direction_problems(small)
    assert found.where == f"{path}:{line.count(chr(10)) + 1}"


def test_a_connector_may_not_import_the_emulator(small: Repository, write: Write) -> None:
    """What is only installed for tests must not be needed in production."""
    write("packages/fivetran-emulator/pyproject.toml", '[project]\nname = "fivetran-emulator"\n')
    write("packages/fivetran-emulator/src/fivetran_emulator/__init__.py", "")
    write(f"{ACME}/x.py", "import fivetran_emulator\n")
    write("connectors/acme/tests/test_x.py", "import fivetran_emulator\n")
    (found,) = direction_problems(Repository(small.root))
    assert found.where == f"{ACME}/x.py:1"


@pytest.mark.parametrize(
    "line",
    ["import requests", "from fivetran_runtime import At", "from connector_acme import x", "from . import x"],
)
def test_what_a_connector_may_import(small: Repository, write: Write, line: str) -> None:
    """Its own modules, the runtime and its requirements."""
    write(f"{ACME}/pages.py", line + "\n")
    assert list(direction_problems(small)) == []


def test_modules_that_import_each_other_are_found(small: Repository, write: Write) -> None:
    """However long the way round; the message shows the way."""
    for name, needs in (("a", "b"), ("b", "c"), ("c", "a")):
        write(f"{ACME}/{name}.py", f"from connector_acme.{needs} import x\n")
    (found,) = cycle_problems(small)
    assert (
        "connector_acme.a imports connector_acme.b imports connector_acme.c imports connector_acme.a"
        in found.what
    )


def test_an_import_for_types_only_makes_no_cycle(small: Repository, write: Write) -> None:
    """It isn't there when the modules load."""
    write(f"{ACME}/a.py", "from connector_acme.b import x\n")
    write(
        f"{ACME}/b.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from connector_acme.a import y\n",
    )
    assert list(cycle_problems(small)) == []


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("noxfile.py", "from tools.locked.ci import config"),
        ("noxfile.py", "import yaml"),
        ("tools/repository/x.py", "import tools.locked.checks.checks"),
        ("tools/environments/x.py", "from tools import locked"),
        ("tools/environments/x.py", "import uv"),
        ("tools/local/x.py", "def late():\n    import packaging.version"),
    ],
)
def test_a_session_imports_only_what_is_there_before_any_environment(
    small: Repository, write: Write, path: str, line: str
) -> None:
    """Who has nox and nothing else can run every session."""
    write(path, line + "\n")
    (found,) = front_problems(small)
    assert found.where == f"{path}:{line.count(chr(10)) + 1}"


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("noxfile.py", "import nox"),
        ("noxfile.py", "from tools.local import testing"),
        ("tools/environments/uv.py", "from uv import find_uv_bin"),
        ("tools/local/x.py", "import json"),
        ("tools/locked/x.py", "import yaml"),
        ("tools/tests/test_x.py", "import pytest"),
    ],
)
def test_what_the_tools_may_import(small: Repository, write: Write, path: str, line: str) -> None:
    """The sessions' code nox and the standard library; what runs in the tools' environment anything locked."""
    write(path, line + "\n")
    assert list(front_problems(small)) == []
