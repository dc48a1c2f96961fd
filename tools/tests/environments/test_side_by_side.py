"""Connectors whose requirements exclude one another live in one repository, each in an environment of its own."""

from __future__ import annotations

import subprocess

import pytest

from tools.environments.locks import lock
from tools.environments.virtual_environments import project_environment
from tools.local.testing import run_tests
from tools.repository.errors import RepositoryError
from tools.repository.model import Repository

pytestmark = [pytest.mark.index, pytest.mark.xdist_group("side by side")]

PINS = {f"source-{minor}": f"1.{minor}.0" for minor in range(7, 17)}
"""Ten connectors and the one version of `six` that each of them takes."""

PYPROJECT = """\
[build-system]
requires = ["hatchling>=1.26"]
build-backend = "hatchling.build"
[project]
name = "fivetran-connector-{name}"
dynamic = ["version"]
dependencies = ["six=={pin}"]
[dependency-groups]
test = ["iniconfig"]
[tool.hatch.version]
path = "src/{module}/__init__.py"
[tool.hatch.build.targets.wheel]
packages = ["src/{module}"]
"""


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Ten connectors that can't be installed together, all locked."""
    root = tmp_path_factory.mktemp("ten")
    (root / "pyproject.toml").write_text(
        '[dependency-groups]\nfolders = ["editables", "hatchling"]\n', "utf-8"
    )
    for name, pin in PINS.items():
        module = "connector_" + name.replace("-", "_")
        source = root / f"connectors/{name}/src/{module}/__init__.py"
        source.parent.mkdir(parents=True)
        source.write_text('import six\n\n__version__ = "0.1.0"\nneeds = six.__version__\n', "utf-8")
        (root / f"connectors/{name}/pyproject.toml").write_text(
            PYPROJECT.format(name=name, pin=pin, module=module), "utf-8"
        )
    lock(Repository(root), list(PINS))
    return Repository(root)


def test_ten_conflicting_pins_are_each_connectors_own(repository: Repository) -> None:
    """What one imports is what it pinned, with all ten environments there."""
    environments = {
        name: project_environment(repository, repository.connector(name)).prepare() for name in PINS
    }
    found = {}
    for name, environment in environments.items():
        program = f"import connector_{name.replace('-', '_')} as c; print(c.needs)"
        done = subprocess.run([environment.python, "-c", program], capture_output=True, text=True, check=True)
        found[name] = done.stdout.strip()
    assert found == PINS


@pytest.mark.parametrize("module", ["iniconfig", "requests"])
def test_an_undeclared_import_fails_its_tests(repository: Repository, module: str) -> None:
    """One that is there for the tests only, and one that isn't there at all, though this machine has it."""
    name = next(iter(PINS))
    connector = repository.connector(name)
    source = connector.init_file
    before = source.read_text("utf-8")
    source.write_text(f"import {module}\n{before}", "utf-8")
    try:
        with pytest.raises(RepositoryError, match=rf"__init__\.py:1: imports {module}"):
            run_tests(repository, name)
    finally:
        source.write_text(before, "utf-8")
