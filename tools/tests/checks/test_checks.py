from __future__ import annotations

import re

import pytest
from small_repository import Write

from tools.locked.checks.checks import CHECKS, promise, run
from tools.repository.errors import RepositoryError
from tools.repository.model import Repository


def found(repository: Repository, name: str) -> str:
    """What one check says, as it is printed."""
    return "\n".join(map(str, run(Repository(repository.root), [name])[name].problems))


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_every_check_makes_a_promise(name: str) -> None:
    """`nox -s check -- --list` reads like a list of promises."""
    assert re.fullmatch(r"[A-Z.].{20,110}\.", promise(name))


def test_a_vague_module_name_is_refused(small: Repository, write: Write) -> None:
    """A name that says nothing is found in a connector, a package and the tools."""
    paths = [
        "connectors/acme/src/connector_acme/utils.py",
        "packages/fivetran-runtime/src/fivetran_runtime/base/x.py",
        "tools/helpers.py",
    ]
    for path in paths:
        write(path, "")
    assert [line for path in paths for line in found(small, "names").splitlines() if path in line] != []
    assert found(small, "names").count("says nothing about what is inside") == 3


def test_a_folder_lacking_an_authors_file_is_reported(small: Repository) -> None:
    """A connector without a README, a changelog, a practice source or tests isn't finished."""
    text = found(small, "folders")
    for name in ("README.md", "CHANGELOG.md", "practice.py", "tests"):
        assert f"connectors/acme: there is no {name}" in text


def test_a_distribution_called_otherwise_is_reported(small: Repository, write: Write) -> None:
    """Folder, distribution and function are one name."""
    write("connectors/acme/pyproject.toml", '[project]\nname = "acme-connector"\n')
    assert 'name is "acme-connector", not "fivetran-connector-acme"' in found(small, "folders")


def test_all_checks_run_and_all_problems_are_reported(small: Repository, write: Write) -> None:
    """One wrong thing doesn't hide another."""
    write("deploy.yaml", "acme:\n  connector: acmee\n  environment: dev\n")
    write("tools/helpers.py", "import fivetran_runtime\n")
    results = run(Repository(small.root))
    assert {name for name, result in results.items() if result.problems} >= {
        "deploy.yaml",
        "names",
        "imports",
        "locks",
    }


def test_an_unknown_check_gets_the_nearest(small: Repository) -> None:
    """A check mistyped isn't a check passed."""
    with pytest.raises(RepositoryError, match="Did you mean `locks`"):
        run(small, ["lokcs"])


def test_circleci_refuses_a_wrong_file(small: Repository, write: Write) -> None:
    """The published schema and our own look at references are both asked."""
    write(
        ".circleci/config.yml",
        "version: 2.1\njobs:\n  test:\n    docker: [{imagee: x}]\n    steps: [checkout]\n",
    )
    assert "CircleCI's schema refuses it" in found(small, "ci_valid")
    write(".circleci/config.yml", "version: 2.1\nworkflows:\n  all:\n    jobs: [nope]\n")
    assert "job nope isn't defined" in found(small, "ci_valid")


def test_a_plain_function_cannot_be_a_connector_sdk_connection(small: Repository, write: Write) -> None:
    """It answers a POST that nobody sends there; deploying it would be the first to notice."""
    write(
        "deploy.yaml",
        "acme:\n  connector: acme\n  environment: dev\n  host: connector_sdk\n  group: a_group\n  schema: acme\n",
    )
    write("connectors/acme/src/connector_acme/__init__.py", "def main(request):\n    return {}\n")
    assert "acme is a plain function: it answers Fivetran's POST" in found(small, "hosts")
    write(
        "connectors/acme/src/connector_acme/__init__.py",
        'from fivetran_runtime import Connector\n\napp = Connector("acme")\n\nmain = app.handler\n',
    )
    assert found(small, "hosts") == ""
