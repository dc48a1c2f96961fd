from __future__ import annotations

import sys
from pathlib import Path

import pytest
from small_repository import Write

from tools.environments.virtual_environments import VirtualEnvironment
from tools.local.shipped_imports import installed, require_declared, undeclared
from tools.repository.errors import RepositoryError
from tools.repository.model import Repository

SOURCE = "connectors/acme/src/connector_acme/x.py"
INSTALLED = {
    "yaml": ["PyYAML"],
    "requests": ["requests"],
    "pytest": ["pytest"],
    "google": ["google-auth", "google-cloud-storage"],
}


def found(repository: Repository) -> list[str]:
    """What is said of acme."""
    return [str(problem) for problem in undeclared(repository, repository.connector("acme"), INSTALLED)]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "import pytest",
            "imports pytest of pytest, which connectors/acme/pyproject.toml doesn't declare: only here",
        ),
        ("import yaml.loader", 'add "pyyaml" to its `dependencies`, then run `nox -s lock -- acme`'),
        ("def late():\n    from google.cloud import storage", "of google-auth or google-cloud-storage"),
        ("import pandas", "imports pandas, which isn't installed"),
    ],
)
def test_an_undeclared_import_is_found_where_it_would_pass_its_tests(
    small: Repository, write: Write, line: str, said: str
) -> None:
    """The tests' environment has more than what ships; also in a function that no test calls."""
    write(SOURCE, line + "\n")
    (problem,) = found(small)
    assert problem.startswith(f"{SOURCE}:{line.count(chr(10)) + 1}: ")
    assert said in problem


@pytest.mark.parametrize(
    "line",
    [
        "import json",
        "import requests.adapters",
        "from fivetran_runtime import At",
        "from connector_acme import app",
        "from . import app",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pytest",
    ],
)
def test_what_is_declared_is_imported(small: Repository, write: Write, line: str) -> None:
    """The standard library, its requirements, the runtime, itself; and for types only, anything."""
    write(SOURCE, line + "\n")
    assert found(small) == []


def test_what_the_runtime_declares_may_be_imported(small: Repository, write: Write) -> None:
    """It stands on requests and msgspec in its own interface."""
    write(
        "packages/fivetran-runtime/pyproject.toml",
        '[project]\nname = "fivetran-runtime"\ndependencies = ["PyYAML>=6"]\n',
    )
    write(SOURCE, "import yaml\n")
    assert found(Repository(small.root)) == []


def test_an_environment_is_asked_what_it_holds(small: Repository, write: Write) -> None:
    """By the names that imports use, and all problems are reported at once."""
    here = VirtualEnvironment(Path(sys.prefix), ())
    assert {name.lower() for name in installed(here)["yaml"]} == {"pyyaml"}
    write(SOURCE, "import yaml\nimport pytest\n")
    with pytest.raises(RepositoryError, match=r"x\.py:1: imports yaml(.|\n)*x\.py:2: imports pytest"):
        require_declared(small, small.connector("acme"), here)


def test_what_an_extra_of_the_runtime_brings_may_be_imported_by_who_asks_for_it(
    small: Repository, write: Write
) -> None:
    """Only then does it ship."""
    extras = '[project.optional-dependencies]\nformats = ["PyYAML>=6"]\n'
    write("packages/fivetran-runtime/pyproject.toml", f'[project]\nname = "fivetran-runtime"\n{extras}')
    write(SOURCE, "import yaml\n")
    assert len(found(Repository(small.root))) == 1
    pyproject = small.connector("acme").pyproject_file
    pyproject.write_text(pyproject.read_text().replace('"fivetran-runtime"', '"fivetran-runtime[formats]"'))
    assert found(Repository(small.root)) == []
