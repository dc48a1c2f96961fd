from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import ancestor_shaped
import pytest
from generated_repository import TESTED, commit_all, generate
from small_repository import ROOT

from tools.environments.locks import locks_of
from tools.environments.virtual_environments import project_environment
from tools.local.syncing import Local
from tools.locked.creating.creation import take_over
from tools.locked.declared.deployments import Deployment, deployment, deployments
from tools.locked.rehearsal.builder import build
from tools.locked.rehearsal.pythons import find_python
from tools.locked.rehearsal.rehearse import Account, Driver, Rehearsal
from tools.repository.errors import RepositoryError
from tools.repository.limits import Limits
from tools.repository.model import Repository

gcloud_here = pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud isn't on this machine")
STEPS = ["bundle", "upload", "function", "build", "import", "serve", "no secrets", "setup test", "sync"]
NOT_SHIPPED = {
    *TESTED, "colorama", "execnet", "pytest-xdist", "sortedcontainers", "tomlkit", "trove-classifiers"
}  # fmt: skip


@pytest.fixture(scope="session")
def runtime() -> str:
    """A runtime of both generations that this machine has: one installation serves every test."""
    homes = ROOT / ".nox/rehearsal/pythons"
    for name in ("python312", "python311"):
        if find_python(name, homes):
            return name
    pytest.skip("neither Python 3.12 nor 3.11 is on this machine")


@pytest.fixture(scope="session")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A repository of one connector whose pins can be installed: those that the runtime is tested with."""
    return with_real_pins(generate(tmp_path_factory.mktemp("acme") / "repository", ["acme"]))


def with_real_pins(repository: Repository) -> Repository:
    """Lock acme to what the runtime's tests pin, and commit."""
    tested = (ROOT / "packages/fivetran-runtime/requirements-test.txt").read_text("utf-8")
    entries = re.findall(r"^([\w.-]+)(==.*\n(?:[ ].*\n)*)", tested, re.MULTILINE)
    pins = "".join(name + pin for name, pin in entries if name not in NOT_SHIPPED)
    lock = locks_of(repository, "acme")[0]
    lock.file.write_text(lock.header(repository.root) + pins, "utf-8")
    commit_all(repository.root, "acme")
    return Repository(repository.root)


def of(repository: Repository, key: str, generation: int, runtime: str) -> Deployment:
    """A function of the repository, in this generation and on this runtime."""
    one = deployment(repository, key)
    return replace(one, key=f"{key}-{generation}", limits=Limits(generation, 540, 1024), runtime=runtime)


def driver(repository: Repository, one: Deployment) -> Driver:
    """Drives a connector with the emulator's environment, which has all that a practice source needs."""
    home = Repository(ROOT)
    environment = project_environment(home, home.packages["fivetran-emulator"])
    local = Local(repository.connector(one.connector), environment, ROOT / ".nox/logs", one.limits)
    return replace(Driver.of(home, one), local=lambda: local)


def rehearsed(repository: Repository, one: Deployment, say: Callable[[str], None] | None = None) -> Account:
    """Rehearse a connector of a repository made for these tests."""
    account = Account(say=say or (lambda _: None))
    return Rehearsal(repository, one, account, driver(repository, one)).run()


def first_functions() -> list[str]:
    """Two of this repository's own functions; a repository of hundreds needn't rehearse them all here."""
    return list(deployments(Repository(ROOT)))[:2]


@gcloud_here
@pytest.mark.index
@pytest.mark.parametrize("generation", [1, 2])
@pytest.mark.parametrize("key", first_functions())
def test_a_function_runs_at_google(whole: Repository, runtime: str, key: str, generation: int) -> None:
    """The real gcloud's upload is built, imported, served without anything of this machine, asked and synced in full."""
    one = of(whole, key, generation, runtime)
    account = Account(say=lambda _: None)
    Rehearsal(whole, one, account, Driver.of(Repository(ROOT), one)).run()
    assert list(account.seen) == STEPS
    assert account.not_run == {}
    assert "byte for byte" in account.seen["upload"]
    assert "without a token HTTP 403" in account.seen["serve"]
    assert account.rows
    assert all(account.rows.values())


@pytest.fixture
def without_gcloud(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without gcloud."""
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "gcloud" else which(name))


@pytest.mark.index
@pytest.mark.usefixtures("without_gcloud")
def test_without_gcloud_all_but_the_upload_is_rehearsed(acme: Repository, runtime: str) -> None:
    """And it is said; every row of the practice source is in the warehouse."""
    account = rehearsed(acme, of(acme, "acme", 2, runtime))
    assert "gcloud isn't on this machine" in account.not_run["upload"]
    assert list(account.not_run) == ["upload"]
    assert [step for step in STEPS if step not in account.seen] == ["upload", "function"]
    assert "token is missing" in account.seen["no secrets"]
    assert account.rows == {"tickets": 250}


@pytest.mark.index
def test_a_connector_taken_over_is_rehearsed_too(tmp_path: Path, runtime: str) -> None:
    """One of the ancestor's shape, a plain `main(request)`, after `create --from`; all that a plain one owes is an answer."""
    repository = generate(tmp_path / "repository", [])
    take_over(repository, "desk", ancestor_shaped.written(tmp_path / "desk"))
    (repository.root / "deploy.yaml").write_text("desk:\n  connector: desk\n  environment: dev\n", "utf-8")
    commit_all(repository.root, "desk")
    repository = Repository(repository.root)
    account = rehearsed(repository, of(repository, "desk", 1, runtime))
    assert list(account.not_run) == ([] if shutil.which("gcloud") else ["upload"])
    assert account.seen["no secrets"].startswith("HTTP 500")
    assert account.rows == {"agents": 120}


@contextmanager
def changed(repository: Repository, change: Callable[[str], str]) -> Iterator[None]:
    """Acme's code with a fault in it, for as long as the block."""
    file = repository.connector("acme").init_file
    before = file.read_text("utf-8")
    file.write_text(change(before), "utf-8")
    try:
        yield
    finally:
        file.write_text(before, "utf-8")


FAULTS = {
    "an undeclared import": (lambda text: f"{text}\nimport yaml\n", r"doesn't start(.|\n)*No module named 'yaml'"),
    "a variable of this machine": (
        lambda text: f'{text}\nimport os\nos.environ["OF_THIS_MACHINE"]\n', r"doesn't start(.|\n)*OF_THIS_MACHINE"
    ),
    "a syntax error": (lambda text: f"{text}\ndef:\n", r"compileall(.|\n)*SyntaxError"),
    "no entry point": (lambda text: f"{text}\ndel main\n", r"doesn't start(.|\n)*cannot import name 'main'"),
    "silence about its secrets": (
        lambda text: f'{text}\ndef main(request): return {{"state": {{}}, "hasMore": False}}\n',
        r"without secrets, it should name token",
    ),
}  # fmt: skip
"""What is wrong with a connector, and what a rehearsal says of it."""


@pytest.mark.index
@pytest.mark.usefixtures("without_gcloud")
@pytest.mark.parametrize("fault", FAULTS)
def test_what_would_not_run_at_google_is_found(
    acme: Repository, runtime: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although this machine has what is missing there."""
    monkeypatch.setenv("OF_THIS_MACHINE", "1")
    change, words = FAULTS[fault]
    with changed(acme, change), pytest.raises(RepositoryError, match=words):
        rehearsed(acme, of(acme, "acme", 1, runtime))


@pytest.mark.index
@pytest.mark.usefixtures("without_gcloud")
def test_a_python_that_is_not_here_is_said(acme: Repository) -> None:
    """Its requirements are resolved for it, and no step after that reads as taken."""
    account = rehearsed(acme, of(acme, "acme", 2, "python314"))
    assert "Would install" in account.not_run["build"]
    assert list(account.not_run) == ["upload", "build", "import", "no secrets", "setup test", "sync"]


@pytest.mark.index
@pytest.mark.usefixtures("without_gcloud")
def test_an_interrupt_leaves_nothing_running(
    acme: Repository, runtime: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while the function is served: its processes end with the rehearsal."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # what works below it is of this rehearsal
    running: list[Path] = []

    def interrupt(line: str) -> None:
        if line.startswith("no secrets"):
            running.extend(path for path in Path("/proc").glob("[0-9]*") if works_in(path, tmp_path))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rehearsed(acme, of(acme, "acme", 1, runtime), interrupt)
    assert running
    assert [path for path in running if works_in(path, tmp_path)] == []


def works_in(process: Path, folder: Path) -> bool:
    """Whether a process works in a folder below this one."""
    try:
        return (process / "cwd").readlink().is_relative_to(folder)
    except OSError:
        return False


def test_no_framework_of_its_own_is_refused(tmp_path: Path, runtime: str) -> None:
    """Google would install versions of its own choice then."""
    (tmp_path / "requirements.txt").write_text("Functions_Framework==3.10.2\n")
    python = find_python(runtime, ROOT / ".nox/rehearsal/pythons")
    assert python is not None
    with pytest.raises(RepositoryError, match="sees no functions-framework"):
        build(python, tmp_path, tmp_path / "layers")
