from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from generated_repository import add_connector, commit_all, generate, git, write_locks

from tools.local.adopting import TRAILER, Team, adopt, asked, merge
from tools.locked.checks import checks
from tools.locked.ci.config import main as ci_config
from tools.locked.creating import baking
from tools.locked.creating.adopted_clone import first_failure
from tools.locked.creating.choices import Choices
from tools.locked.creating.creation import create
from tools.repository.errors import RepositoryError
from tools.repository.model import Repository

ACME = Team("Acme's connectors", "acme-data-dev", "europe-west1", "acme-connectors")


def render() -> None:
    """The CI configuration, as the session makes it."""
    ci_config([])


@pytest.fixture
def upstream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository like this one: connectors of its own, deployed, with a README, a page and a CI configuration."""
    person = {"NAME": "A Person", "EMAIL": "person@example.org"}
    for role in ("AUTHOR", "COMMITTER"):
        for key, value in person.items():
            monkeypatch.setenv(f"GIT_{role}_{key}", value)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    root = generate(tmp_path / "upstream", ["bugzilla", "casa"]).root
    monkeypatch.chdir(root)
    ci_config([])
    commit_all(root, "start")
    return root


@pytest.fixture
def clone(upstream: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An adopted clone of it, with the remote called upstream."""
    root = tmp_path / "clone"
    git(tmp_path, "clone", "-q", "-o", "upstream", str(upstream), str(root))
    monkeypatch.chdir(root)
    adopt(root, ACME, render)
    return root


def edit(file: Path, old: str, new: str) -> None:
    """Replace a text that has to be there."""
    text = file.read_text("utf-8")
    assert old in text, f"{old} is not in {file}"
    file.write_text(text.replace(old, new), "utf-8")


def own_connector(root: Path) -> None:
    """The team's first connector, deployed and committed."""
    add_connector(root, "acme")
    write_locks(Repository(root), ["acme"], hashes=2)
    with (root / "deploy.yaml").open("a", encoding="utf-8") as file:
        file.write("acme:\n  connector: acme\n  environment: dev\n")
    ci_config([])
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "our first connector")


def release(upstream: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a release upstream touches: a connector's every file, a new one, the pages, settings, and what is rendered."""
    monkeypatch.chdir(upstream)
    for file in (upstream / "connectors/bugzilla").rglob("*"):
        if file.is_file() and file.suffix in {".md", ".py"}:
            file.write_text(file.read_text("utf-8") + "\n", "utf-8")
    add_connector(upstream, "later")
    write_locks(Repository(upstream), ["later"], hashes=2)
    (upstream / "deploy.yaml").write_text("later:\n  connector: later\n  environment: dev\n", "utf-8")
    (upstream / "README.md").write_text("# Another README\n", "utf-8")
    edit(upstream / "docs/deploying.md", "# ", "# About ")
    edit(upstream / "pyproject.toml", "line-length = 110", "line-length = 111")
    ci_config([])
    git(upstream, "add", "-A")
    git(upstream, "commit", "-q", "-m", "a release")


def names(root: Path) -> list[str]:
    """The connectors there are."""
    return list(Repository(root).connectors)


def test_an_adopted_clone_is_the_teams(clone: Path) -> None:
    """No connector of ours in files, deployments or CI; their project and name; every check passes; one commit."""
    assert names(clone) == []
    for file in ("deploy.yaml", ".circleci/continue.yml", "README.md"):
        assert not {"bugzilla", "casa"} & set((clone / file).read_text("utf-8").replace(":", " ").split())
    assert 'project = "acme-data-dev"' in (clone / "pyproject.toml").read_text("utf-8")
    assert (clone / "README.md").read_text("utf-8").startswith("# Acme's connectors\n")
    assert git(clone, "status", "--porcelain") == ""
    problems = [problem for found in checks.run(Repository(clone)).values() for problem in found]
    assert problems == []


def test_upstreams_releases_merge_without_a_conflict(
    upstream: Path, clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of them, beside a connector of the team's own: what is for everybody arrives, what is theirs stays."""
    own_connector(clone)
    kept = {
        file: (clone / file).read_text("utf-8")
        for file in ("README.md", "connectors/README.md", "deploy.yaml")
    }
    release(upstream, monkeypatch)
    git(clone, "fetch", "-q", "upstream")
    monkeypatch.chdir(clone)
    merge(clone, "upstream/main", render)
    monkeypatch.chdir(upstream)
    edit(upstream / "docs/deploying.md", "# About ", "# All about ")
    edit(upstream / "connectors/bugzilla/pyproject.toml", "[project]", "# again\n[project]")
    git(upstream, "commit", "-q", "-a", "-m", "another")
    git(clone, "fetch", "-q", "upstream")
    monkeypatch.chdir(clone)
    merge(clone, "upstream/main", render)
    assert names(clone) == ["acme"]
    assert {file: (clone / file).read_text("utf-8") for file in kept} == kept
    pyproject = (clone / "pyproject.toml").read_text("utf-8")
    assert "line-length = 111" in pyproject
    assert 'project = "acme-data-dev"' in pyproject
    assert (clone / "docs/deploying.md").read_text("utf-8").startswith("# All about ")
    assert git(clone, "status", "--porcelain") == ""
    assert git(clone, "merge-base", "--is-ancestor", "upstream/main", "HEAD") == ""
    ci_config(["--check"])


def test_a_real_conflict_is_reported_by_its_file(
    upstream: Path, clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the team changed the very lines that upstream changed; git's merge is left open for them."""
    edit(clone / "docs/deploying.md", "# ", "# Our ")
    git(clone, "commit", "-q", "-a", "-m", "ours")
    release(upstream, monkeypatch)
    git(clone, "fetch", "-q", "upstream")
    with pytest.raises(RepositoryError, match=r"changed the same lines.*\ndocs/deploying\.md$"):
        merge(clone, "upstream/main", lambda: None)


def test_what_keeps_it_from_being_adopted_is_reported(upstream: Path, clone: Path) -> None:
    """All at once, and before anything is changed."""
    with pytest.raises(RepositoryError, match=r'"Acme Data" is no project id.*\n.*"mars" is no region'):
        adopt(upstream, Team("Acme", "Acme Data", "mars", "context"), lambda: None)
    with pytest.raises(RepositoryError, match="adopted already"):
        adopt(clone, ACME, lambda: None)
    with pytest.raises(RepositoryError, match=f"no commit here says `{TRAILER}:`"):
        merge(upstream, "HEAD", lambda: None)
    (upstream / "README.md").write_text("changed", "utf-8")
    with pytest.raises(RepositoryError, match="not committed"):
        adopt(upstream, ACME, lambda: None)
    with pytest.raises(RepositoryError, match="adopt needs --name, --project, --context"):
        asked([])


@pytest.fixture(scope="module")
def adopted(whole: Repository, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adopted clone of this very repository."""
    root = tmp_path_factory.mktemp("adopted") / "clone"
    git(whole.root, "clone", "-q", str(whole.root), str(root))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        for role in ("AUTHOR", "COMMITTER"):
            patch.setenv(f"GIT_{role}_NAME", "A Person")
            patch.setenv(f"GIT_{role}_EMAIL", "person@example.org")
        adopt(root, ACME, render)
    return root


def run(root: Path, *command: str) -> None:
    """Run a tool of this environment in a repository as its session does; it has to be green."""
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


REST_ON_THE_REPOSITORY = (
    "tools/tests/deploying/test_bundle.py::test_what_arrives_at_google_is_the_bundle[1]",
    "tools/tests/declared/test_schema.py",
    "tools/tests/test_ancestor.py",
    "tools/tests/test_documentation.py",
    "tools/tests/test_noxfile.py",
)
"""Tests that look at this very repository: its pages, its settings, its project. Adopting could turn them red."""


def test_nox_is_green_without_our_connectors(adopted: Path) -> None:
    """Lint, check, and those tests that could fail for it: links, commands, what Google receives. The rest is in `bake`."""
    run(adopted, "ruff", "check", "--quiet", "--no-cache")
    run(adopted, "tools.locked.checks.checks")
    run(adopted, "pytest", "-q", "-m", "not index", "-p", "no:cacheprovider", *REST_ON_THE_REPOSITORY)


@pytest.mark.index
def test_nox_is_green_with_the_teams_first_connector(adopted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`create -- acme`, then `ci_config`: its lint, its types, its tests, its sync, every check."""
    monkeypatch.chdir(adopted)
    create(Repository(adopted), "acme", Choices())
    render()
    git(adopted, "add", "-A")
    repository = Repository(adopted)
    baking.lint(repository, ["acme"])
    baking.types(repository, ["acme"])
    baking.prove(repository, "acme")
    run(adopted, "tools.locked.checks.checks")


def test_the_first_command_that_is_red_in_an_adopted_clone_is_named(tmp_path: Path) -> None:
    """`bake` runs all of nox there, twice; nothing runs after what failed."""
    ran: list[str] = []

    def run(command: Sequence[str], folder: Path) -> int:
        ran.append(f"{folder.name}: {' '.join(command[:2])}")
        return int("create" in command)

    assert first_failure(tmp_path / "ours", tmp_path / "clone", run) == "nox -s create -- acme"
    assert ran[0] == "ours: git clone"
    assert [line.split(":")[0] for line in ran[1:]] == ["clone"] * 5
    assert first_failure(tmp_path / "ours", tmp_path / "clone", lambda *_: 0) is None


def test_a_machine_without_git_gets_one_sentence(upstream: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence, not Python's."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RepositoryError, match=r"^git isn't on this machine"):
        adopt(upstream, ACME, render)
