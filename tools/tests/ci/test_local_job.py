from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from continuation_api import serving
from small_repository import ROOT

from tools.environments.uv import find_uv
from tools.locked.ci.compiler.compiling import compiled
from tools.locked.ci.config import render
from tools.locked.ci.local_job import LocalJob, local_job
from tools.locked.ci.yaml_text import loaded
from tools.locked.rehearsal.google import FakeGoogle
from tools.repository.errors import RepositoryError
from tools.repository.model import Repository

SMALL = r"""
version: 2.1
jobs:
  all-well:
    docker: [{image: x}]
    environment: {OF_THE_JOB: "1"}
    steps:
    - checkout
    - run: echo 'export FROM_BEFORE="$HOME/bin"' >> "$BASH_ENV"
    - run:
        name: See
        environment: {OF_THE_STEP: "2"}
        working_directory: folder
        command: |
          mkdir -p ../out && env | sort > ../out/environment
          git log --format=%s > ../out/log && git status --short > ../out/changes
          cp file ../out/file
    - store_artifacts: {path: out, destination: seen}
    - run: {command: touch ~/not-reached, when: on_fail}
  fails:
    docker: [{image: x}]
    steps:
    - checkout
    - run: false | cat
    - run: touch not-reached
    - store_test_results: {path: not-reached}
    - run: {command: touch on-fail, when: on_fail}
    - run: {command: mkdir results && touch results/always, when: always}
    - store_artifacts: {path: results}
  with-key:
    docker: [{image: x}]
    steps: [add_ssh_keys]
workflows:
  all: {jobs: [all-well, fails, with-key]}
"""


def git(where: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=Test", "-c", "user.email=test@example.org", *arguments]
    done = subprocess.run(command, cwd=where, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(where: Path, message: str) -> str:
    git(where, "add", "--all")
    git(where, "commit", "--quiet", "--message", message)
    return git(where, "rev-parse", "HEAD")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose CI is a few shell commands."""
    root = tmp_path_factory.mktemp("plain")
    (root / ".circleci").mkdir()
    (root / "folder").mkdir()
    (root / "folder/file").write_text("committed", "utf-8")
    for name in ("config", "continue"):
        (root / f".circleci/{name}.yml").write_text(SMALL, "utf-8")
    git(root, "init", "--quiet", "--initial-branch=main")
    commit(root, "The only one")
    (root / "folder/file").write_text("not committed", "utf-8")
    return root


def test_steps_run_in_a_clean_clone_with_a_clean_home(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The committed state, CircleCI's variables, BASH_ENV from step to step, and nothing of this machine's."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/of/this/machine")
    job = local_job("all-well", plain, tmp_path, branch="mine", variables={"OF_THE_CONTEXT": "3"})
    assert job.run()
    seen = job.kept / "seen"
    variables = dict(line.split("=", 1) for line in (seen / "environment").read_text("utf-8").splitlines())
    assert variables["HOME"] == str(tmp_path / "home")
    assert variables["FROM_BEFORE"] == f"{variables['HOME']}/bin"
    expected = {
        "CI": "true", "CIRCLE_BRANCH": "mine", "CIRCLE_JOB": "all-well", "OF_THE_JOB": "1", "OF_THE_STEP": "2",
        "OF_THE_CONTEXT": "3", "CIRCLE_SHA1": git(plain, "rev-parse", "HEAD"),
    }  # fmt: skip
    assert {key: variables.get(key) for key in expected} == expected
    assert "GOOGLE_APPLICATION_CREDENTIALS" not in variables
    assert (seen / "log").read_text("utf-8") == "The only one\n"
    assert (seen / "file").read_text("utf-8") == "committed"
    assert not (tmp_path / "home/not-reached").exists()


def test_after_a_failure_only_what_asks_for_it_runs(plain: Path, tmp_path: Path) -> None:
    """A pipe's first command counts; `on_fail` and `always` run; the job is red."""
    job = local_job("fails", plain, tmp_path, branch="main")
    assert not job.run()
    assert not (job.clone / "not-reached").exists()
    assert (job.clone / "on-fail").exists()
    assert (job.clone / "results/always").exists()


def test_what_can_not_be_run_here_is_said(plain: Path, tmp_path: Path) -> None:
    """A step of CircleCI's own, and a job that doesn't exist, with the nearest that does."""
    with pytest.raises(RepositoryError, match="add_ssh_keys can't be run on this machine"):
        local_job("with-key", plain, tmp_path, branch="main").run()
    with pytest.raises(RepositoryError, match="all-well"):
        local_job("all-wel", plain, tmp_path, branch="main")


pytestmark = pytest.mark.connector("casa")

CASA = "connectors/casa"
HOST_TESTS = "packages/fivetran-runtime/host_tests"
TESTS = '''\
from connector_casa import app


def test_it_has_a_name() -> None:
    """One test is enough to see a job run."""
    assert app.name
'''


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This repository with a key instead of CircleCI's identity, and one quick test; casa changes in its last commit."""
    root = tmp_path_factory.mktemp("source") / "repository"
    left_out = (".git", ".nox", ".venv", "build", "*.duckdb*", ".*_cache", "__pycache__", ".hypothesis")
    shutil.copytree(ROOT, root, ignore=shutil.ignore_patterns(*left_out))
    pyproject = (root / "pyproject.toml").read_text("utf-8")
    (root / "pyproject.toml").write_text(re.sub(r'auth = "oidc" .*', 'auth = "key"', pyproject), "utf-8")
    for folder in (f"{CASA}/tests", HOST_TESTS):
        for test in (root / folder).glob("test_*.py"):
            test.unlink()
    (root / HOST_TESTS / "test_quick.py").write_text(TESTS, "utf-8")
    for file, text in render(Repository(root)).items():
        (root / file).write_text(text, "utf-8")
    git(root, "init", "--quiet", "--initial-branch=main")
    commit(root, "First")
    (root / CASA / "tests/test_quick.py").write_text(TESTS, "utf-8")
    commit(root, "Second")
    return root


@pytest.fixture
def caches() -> dict[str, str]:
    """This machine's downloads, which CircleCI's cache steps would bring."""
    return {f"{tool.upper()}_CACHE_DIR": str(Path.home() / f".cache/{tool}") for tool in ("uv", "pip")}


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where nox is, as every job's step `Install nox` leaves it; that step itself runs in the set-up job's test."""
    folder = tmp_path_factory.mktemp("nox") / "environment"
    uv = find_uv() or "uv"
    lock = ROOT / "tools/requirements-nox.txt"
    subprocess.run([uv, "venv", "--quiet", f"--python={sys.executable}", str(folder)], check=True)
    python = f"--python={folder}/bin/python"
    command = [
        uv,
        "pip",
        "install",
        "--quiet",
        python,
        "--no-deps",
        "--require-hashes",
        f"--requirement={lock}",
    ]
    subprocess.run(command, check=True)
    return folder / "bin"


def with_programs(job: LocalJob, programs: Path) -> LocalJob:
    """The job with the nox of that folder instead of one that it installs."""
    job.job.steps = [step for step in job.job.steps if step.get("run", {}).get("name") != "Install nox"]
    (job.folder / "bash_env").write_text(f'export PATH="{programs}:$PATH"\n', "utf-8")
    return job


@pytest.mark.index
def test_the_set_up_job_posts_what_a_change_touches(
    source: Path, tmp_path: Path, caches: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    """From the checkout to the continuation API: three containers with itself; the reasons and the text are kept."""
    first = git(source, "rev-parse", "HEAD~1")
    with serving(key="a-continuation-key") as api:
        job = local_job(
            "set-up", source, tmp_path, branch="main", values={"pipeline.git.base_revision": first},
            variables={**caches, "CIRCLE_API": api.url, "CIRCLE_CONTINUATION_KEY": "a-continuation-key"},
        )  # fmt: skip
        assert job.run()
    [posted] = api.posted
    found = compiled(loaded(posted, "posted"))
    assert found.problems == []
    assert found.started() == ["check", "test-casa", "deploy-casa"]
    assert (job.kept / "continued/continue.yml").read_text("utf-8") == posted
    assert f"{CASA}/tests/test_quick.py has changed" in (job.kept / "continued/affected.txt").read_text(
        "utf-8"
    )
    said = capfd.readouterr()
    assert "a-continuation-key" not in said.out + said.err


def test_where_the_choice_fails_everything_is_posted(source: Path, tmp_path: Path) -> None:
    """With a nox that does nothing but fail, continue.yml goes whole, and the job is green."""
    with serving() as api:
        variables = {"CIRCLE_API": api.url, "CIRCLE_CONTINUATION_KEY": "the-key"}
        job = local_job("set-up", source, tmp_path, branch="main", variables=variables)
        programs = tmp_path / "programs"
        programs.mkdir()
        (programs / "nox").write_text("#!/bin/sh\nexit 1\n", "utf-8")
        (programs / "nox").chmod(0o755)
        assert with_programs(job, programs).run()
    assert api.posted == [(source / ".circleci/continue.yml").read_text("utf-8")]
    assert "everything runs" in (job.kept / "continued/affected.txt").read_text("utf-8")


@pytest.mark.index
def test_a_test_job_tests(source: Path, tmp_path: Path, caches: dict[str, str], programs: Path) -> None:
    """Lint, types and tests of one connector; the results are where CircleCI reads them."""
    job = local_job("test-casa", source, tmp_path, branch="mine", variables=caches)
    assert with_programs(job, programs).run()
    results = [file.read_text("utf-8") for file in (job.kept / "results").glob("casa*.xml")]
    assert len(results) >= 2, "on the Connector SDK, too"
    assert all('tests="1"' in result for result in results)


@pytest.fixture
def google() -> Iterator[FakeGoogle]:
    """Google on this machine."""
    with FakeGoogle(project="dev-fivetran") as fake:
        yield fake


@pytest.mark.index
def test_a_deploy_job_deploys(
    source: Path, tmp_path: Path, caches: dict[str, str], programs: Path, google: FakeGoogle
) -> None:
    """The real gcloud logs in with a throw-away key and uploads the connector; the exchange of identities isn't run."""
    if shutil.which("gcloud") is None:
        pytest.skip("gcloud isn't on this machine")
    key = google.key_file.read_text("utf-8")
    variables = {**caches, **google.environment(logged_in=False), "GCLOUD_SERVICE_KEY": key}
    job: LocalJob = local_job("deploy-casa", source, tmp_path, branch="main", variables=variables)
    assert with_programs(job, programs).run()
    live = google.function("casa")
    assert "connector_casa/__init__.py" in live.members


def test_a_machine_without_git_gets_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One sentence, not Python's."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RepositoryError, match=r"^git isn't on this machine"):
        local_job("check", tmp_path, tmp_path / "job", branch="main")
