"""Dependency confusion: whatever an index has under our packages' names, nothing here ever asks for it."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from bait_index import VERSION, BaitIndex, bait_index
from generated_repository import commit_all, generate

from tools.environments import virtual_environments
from tools.environments.locks import lock
from tools.environments.uv import find_uv
from tools.environments.virtual_environments import project_environment
from tools.locked.checks.checks import run
from tools.locked.declared.deployments import deployment
from tools.locked.deploying.bundle import stage
from tools.repository.errors import RepositoryError
from tools.repository.model import Repository

pytestmark = pytest.mark.index

NAME = "acme"
PYPROJECT = f"connectors/{NAME}/pyproject.toml"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A connector that needs our runtime and no more, not locked yet, in a repository of its own."""
    root = tmp_path / "repository"
    generate(root, [NAME])
    pyproject = root / PYPROJECT
    text = re.sub(r"test = \[.*?\]", "test = []", pyproject.read_text("utf-8"), flags=re.DOTALL)
    text = text.replace('    "functions-framework",\n', "")
    pyproject.write_text(re.sub(r"fivetran-emulator = .*\n", "", text), "utf-8")
    return Repository(root)


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[BaitIndex]:
    """An index with higher versions of ours, which this machine's uv and pip ask beside, and before, the usual one."""
    with bait_index("fivetran-runtime", "fivetran-emulator", f"fivetran-connector-{NAME}") as bait:
        monkeypatch.setenv("UV_INDEX", bait.url)
        monkeypatch.setenv("PIP_EXTRA_INDEX_URL", bait.url)
        yield bait


def runtime_in(python: Path) -> str:
    """Where an environment imports the runtime from."""
    command = [str(python), "-c", "import fivetran_runtime; print(fivetran_runtime.__file__)"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_the_bait_would_be_taken(index: BaitIndex, tmp_path: Path) -> None:
    """Who asks for the name gets the wrong one: so the log below would show it."""
    command = [
        find_uv() or "uv",
        "pip",
        "install",
        "--no-cache",
        "--target",
        str(tmp_path),
        "fivetran-runtime",
    ]
    subprocess.run(command, check=True, capture_output=True)
    assert (tmp_path / f"fivetran_runtime-{VERSION}.dist-info").is_dir()
    assert index.asked_for("fivetran") == ["fivetran-runtime"]


def test_no_lock_environment_or_bundle_takes_ours_from_an_index(
    repository: Repository, index: BaitIndex, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The index is asked for the others' packages, never for ours; what is installed and shipped is the folder's."""
    lock(repository, [NAME])
    environment = project_environment(repository, repository.connector(NAME))
    for find in (find_uv, lambda: None):  # by uv, then by pip
        monkeypatch.setattr(virtual_environments, "find_uv", find)
        shutil.rmtree(environment.path, ignore_errors=True)
        assert runtime_in(environment.prepare().python).startswith(f"{repository.root}/packages/")
    commit_all(repository.root, "locked")
    bundle = stage(repository, deployment(repository, NAME))
    (wheel,) = (bundle / "wheels").iterdir()
    assert wheel.name == f"fivetran_runtime-{repository.project('fivetran-runtime').version}-py3-none-any.whl"
    command = [
        str(environment.python),
        "-m",
        "pip",
        "install",
        "--no-compile",
        "--target",
        str(tmp_path / "layer"),
    ]
    subprocess.run([*command, "-r", "requirements.txt"], cwd=bundle, check=True, capture_output=True)
    assert [path.name for path in (tmp_path / "layer").glob("fivetran*.dist-info")] == [
        wheel.name.removesuffix("-py3-none-any.whl") + ".dist-info"
    ]
    assert index.asked_for("requests") == ["requests"]
    assert index.asked_for("fivetran") == []


def test_a_package_of_ours_without_its_folder_is_refused_before_any_index_is_asked(
    repository: Repository, index: BaitIndex
) -> None:
    """One forgotten line would ask everybody for our name."""
    pyproject = repository.root / PYPROJECT
    pyproject.write_text(re.sub(r"\[tool\.uv\.sources\]\n.*\n", "", pyproject.read_text("utf-8")), "utf-8")
    with pytest.raises(
        RepositoryError, match=r"an index would be asked for it\n.*fivetran-runtime = \{ path"
    ):
        lock(repository, [NAME])
    assert any("an index would be asked" in problem.what for problem in run(repository, ["locks"])["locks"])
    assert index.asked == []
