"""Small repositories to work on, and what becomes of tests that need a package index where there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest
from generated_repository import commit_all
from hypothesis import settings
from small_repository import DEV, ROOT, Write, add_project, writer

from tools.environments.uv import find_uv
from tools.repository.model import Repository

settings.register_profile("tools", deadline=None, max_examples=50)
settings.load_profile("tools")


@cache
def index_answers() -> bool:
    """Whether uv can resolve anything at all."""
    uv = find_uv()
    if uv is None:
        return False
    command = [uv, "pip", "compile", "--quiet", "--no-cache", "-"]
    done = subprocess.run(command, input="packaging", capture_output=True, text=True, timeout=60, check=False)
    return done.returncode == 0


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test that needs an index loudly where there is none (in CI a failure), or a connector that isn't here."""
    for marker in item.iter_markers("connector"):
        if missing := [name for name in marker.args if not (ROOT / "connectors" / name).is_dir()]:
            pytest.skip(f"this repository has no connectors/{missing[0]}")
    if item.get_closest_marker("index") and not index_answers():
        if os.environ.get("CI"):
            pytest.fail("no package index answers, and in CI one must")
        pytest.skip("no package index answers")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share a copy of the repository run in one process, which makes its environments once."""
    for item in items:
        if "whole" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("whole"))


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file of the small repository, by its path in it."""
    return writer(tmp_path)


@pytest.fixture
def small(tmp_path: Path, write: Write) -> Repository:
    """A repository of two connectors, the runtime and one deployment, all as it should be."""
    write(
        "pyproject.toml",
        '[dependency-groups]\ntools = ["pyyaml"]\nfolders = ["hatchling"]\n'
        f'[tool.fivetran-connectors.gcloud]\nversion = "528.0.0"\n{DEV}',
    )
    write("deploy.yaml", "acme:\n  connector: acme\n  environment: dev\n")
    add_project(write, "packages/fivetran-runtime", "fivetran_runtime", name="fivetran-runtime")
    for name in ("acme", "other-one"):
        module = "connector_" + name.replace("-", "_")
        needs = '"fivetran-runtime", "requests>=2.31"'
        add_project(
            write, f"connectors/{name}", module, name=f"fivetran-connector-{name}", dependencies=needs
        )
    return Repository(tmp_path)


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A copy of this very repository, to be changed at will; tests share it and leave it as they found it."""
    copy = tmp_path_factory.mktemp("whole") / "repository"
    ignore = shutil.ignore_patterns(
        ".git", ".nox", ".venv", "build", "*.duckdb*", ".*_cache", "__pycache__", ".hypothesis"
    )
    shutil.copytree(ROOT, copy, ignore=ignore)
    commit_all(copy, "start")  # what ships is what git tracks
    return Repository(copy)
