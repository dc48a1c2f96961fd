from __future__ import annotations

import ast
import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tools.locked.deploying.bundle import digest, stage
from tools.locked.deploying.deploy import Release, gcloud_command, label
from tools.locked.deploying.deployments import Deployment, deployments
from tools.locked.deploying.environments import Environment
from tools.repository.errors import RepositoryError
from tools.repository.limits import Limits
from tools.repository.model import Repository

DEV = Environment("dev", "dev-project", "us-central1", "context")


@pytest.fixture
def function(whole: Repository) -> Deployment:
    """A function of this repository's deploy.yaml."""
    return next(iter(deployments(whole).values()))


def deployed(generation: int = 1) -> Deployment:
    """A function made up."""
    return Deployment(
        "acme", "acme", "acme", "dev", Limits(generation, 540, 1024), "python312", 1, "us-central1"
    )


def test_a_bundle_holds_what_runs_and_nothing_else(whole: Repository, function: Deployment) -> None:
    """No tests, caches or notes are uploaded; every Python file of it compiles, or Google's build would fail."""
    folder = stage(whole, function)
    module = whole.connector(function.connector).module
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    expected = rf"main\.py|requirements\.txt|\.gcloudignore|{module}/.+|wheels/fivetran_runtime-[\d.]+-py3-none-any\.whl"
    assert {name for name in names if not re.fullmatch(expected, name)} == set()
    for path in folder.rglob("*.py"):
        ast.parse(path.read_text("utf-8"))


def test_a_bundle_is_the_same_to_the_byte(whole: Repository, function: Deployment) -> None:
    """Whenever and wherever it is made: what runs can be compared with what a commit gives."""
    before = digest(stage(whole, function))
    for path in (whole.root / "packages").rglob("*.py"):
        os.utime(path, (1, 1))
    assert digest(stage(whole, function)) == before


def test_every_line_of_its_requirements_is_hashed(whole: Repository, function: Deployment) -> None:
    """The runtime's wheel too; and Google finds functions-framework where its builder looks, at a line's start."""
    folder = stage(whole, function)
    text = (folder / "requirements.txt").read_text("utf-8")
    wheel = next((folder / "wheels").iterdir())
    assert f"./wheels/{wheel.name} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n" in text
    assert re.search(r"^functions-framework\b([^-]|$)", text, re.MULTILINE)
    entries = [
        line
        for line in re.sub(r"\\\n", " ", text).splitlines()
        if line.strip() and not line.strip().startswith("#")
    ]
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []


def test_a_stale_lock_is_never_bundled(whole: Repository, function: Deployment) -> None:
    """What was tested is what ships, or nothing ships."""
    lock = whole.connector(function.connector).path / "requirements.txt"
    text = lock.read_text("utf-8")
    lock.write_text(text.replace("# Inputs: sha256:", "# Inputs: sha256:0"), "utf-8")
    try:
        with pytest.raises(RepositoryError, match="nox -s lock"):
            stage(whole, function)
    finally:
        lock.write_text(text, "utf-8")


def test_a_new_function_is_private_and_an_old_one_keeps_its_callers() -> None:
    """Access is only ever said for a function that nobody calls yet."""
    release = Release("0.1.0", "a" * 40)
    assert "--no-allow-unauthenticated" in gcloud_command(
        deployed(), DEV, release, Path("build/acme"), new=True
    )
    existing = gcloud_command(deployed(), DEV, release, Path("build/acme"), new=False)
    assert [argument for argument in existing if "unauthenticated" in argument] == []


def test_the_function_is_told_its_limits() -> None:
    """Nothing at run time tells a function what it has; its variables do."""
    command = gcloud_command(deployed(2), DEV, Release("0.1.0", "x"), Path("build/acme"), new=True)
    assert {"--gen2", "--timeout=540s", "--memory=1024MB"} <= set(command)
    assert (
        "--update-env-vars=FIVETRAN_GENERATION=2,FIVETRAN_TIMEOUT_S=540,FIVETRAN_MEMORY_MB=1024,MALLOC_ARENA_MAX=1"
        in command
    )


@pytest.mark.parametrize(("text", "expected"), [("1.2.3", "1-2-3"), ("A+b", "a-b"), ("x" * 80, "x" * 63)])
def test_labels_are_what_google_takes(text: str, expected: str) -> None:
    """Lower case, digits, hyphens; never longer than 63."""
    assert label(text) == expected


@pytest.mark.parametrize("generation", [1, 2])
def test_gcloud_understands_the_command(generation: int) -> None:
    """The real gcloud reads our arguments without complaint."""
    if shutil.which("gcloud") is None:
        pytest.skip("gcloud isn't on this machine")
    command = gcloud_command(deployed(generation), DEV, Release("0.1.0", "x"), Path("build/acme"), new=True)
    lint = ["gcloud", "meta", "lint-gcloud-commands", f"--command-string={' '.join(command)}"]
    done = subprocess.run(lint, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert '"success": true' in done.stdout
