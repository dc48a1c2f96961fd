from __future__ import annotations

import json
import subprocess
from copy import deepcopy
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_repository import Write

from tools.locked.ci import continue_config as full
from tools.locked.ci.affected import Affected, Model, affected
from tools.locked.ci.changes import Changes
from tools.locked.ci.compiler.compiling import compiled
from tools.locked.ci.compiler.validity import schema_problems
from tools.locked.ci.config import main as ci_config
from tools.locked.ci.continue_config import Content, continue_config, locks_of
from tools.locked.ci.gcloud import Gcloud
from tools.locked.ci.selection import main, selected, touched
from tools.locked.ci.yaml_text import loaded
from tools.locked.declared.deployments import Deployment
from tools.locked.declared.environments import Environment
from tools.repository.limits import Limits
from tools.repository.model import Repository

CONNECTORS = [f"source-{number}" for number in range(300)]
PACKAGES = ["fivetran-emulator", "fivetran-runtime"]


@cache
def many(connectors: int = 300) -> tuple[dict[str, Any], Model]:
    """A continue.yml of many connectors, each deployed in dev and every tenth in prod, and the model that goes with it."""
    names = CONNECTORS[:connectors]
    dev = {name: _deployment(name, name, "dev") for name in names}
    prod = {f"{name}-prod": _deployment(f"{name}-prod", name, "prod") for name in names[::10]}
    environments = {
        "prod": Environment("prod", "prod-project", "us-east1", "prod-context", approval=True, after="dev"),
        "dev": Environment("dev", "dev-project", "us-central1", "dev-context"),
    }
    folders = {
        **{name: f"connectors/{name}" for name in names},
        **{name: f"packages/{name}" for name in PACKAGES},
    }
    content = Content(locks_of(folders), {**dev, **prod}, environments, Gcloud("528.0.0"))
    model = Model(
        connectors=frozenset(names),
        packages=frozenset(PACKAGES),
        stands_on={
            **{name: frozenset(PACKAGES) for name in names},
            **{name: frozenset() for name in PACKAGES},
        },
        connector_of={key: one.connector for key, one in {**dev, **prod}.items()},
    )
    return continue_config(content), model


def _deployment(key: str, connector: str, environment: str) -> Deployment:
    return Deployment(key, connector, connector, environment, Limits(), "python312", 1, "us-central1")


def names_in(config: dict[str, Any]) -> list[str]:
    entries = config["workflows"][full.WORKFLOW]["jobs"]
    return [next(iter(entry.values())).get("name", next(iter(entry))) for entry in entries]


def test_one_connector_among_300_costs_one_connectors_ci() -> None:
    """With the set-up job three containers on a branch, four on main."""
    config, model = many()
    paths = frozenset({"connectors/source-7/src/connector_source_7/__init__.py"})
    posted = selected(config, affected(Changes("then", paths, frozenset()), model))
    on_branch, on_main = (compiled(posted, {"pipeline.git.branch": branch}) for branch in ("mine", "main"))
    assert on_branch.started() == ["check", "test-source-7"]
    assert on_main.started() == ["check", "test-source-7", "deploy-source-7"]
    assert on_main.problems == []
    [_, _, deploy] = posted["workflows"][full.WORKFLOW]["jobs"]
    assert deploy["deploy-oidc"]["requires"] == ["check", "test-source-7"]


def test_an_approval_stays_with_what_waits_for_it() -> None:
    """A change that reaches prod asks a person, after dev; one that doesn't reach it leaves nobody waiting."""
    config, model = many()
    paths = frozenset({"connectors/source-10/practice.py"})
    posted = selected(config, affected(Changes("then", paths, frozenset()), model))
    assert names_in(posted) == [
        "check", "test-source-10", "deploy-source-10", "approve-prod", "deploy-source-10-prod",
    ]  # fmt: skip
    approval = posted["workflows"][full.WORKFLOW]["jobs"][3]["approve-prod"]
    assert approval["requires"] == ["check", "test-source-10", "deploy-source-10"]


def test_where_everything_runs_one_job_an_environment_deploys_what_lags_behind() -> None:
    """300 tests, no 330 deploys: each starts a container, mostly to find nothing to do."""
    config, model = many()
    posted = compiled(selected(config, affected(Changes("no base"), model)))
    assert posted.problems == []
    assert posted.started()[-2:] == ["stale-dev", "stale-prod"]
    assert len(posted.started()) == 1 + 300 + 2 + 1 + 1 + 2
    prod = posted.job("stale-prod")
    assert prod is not None
    assert {"test-source-0", "test-fivetran-runtime", "rehearse", "stale-dev", "approve-prod"} <= set(
        prod.requires
    )


def test_what_lags_behind_comes_after_every_deploy_where_the_file_goes_whole() -> None:
    """If the choice fails both are there, and never two of them on one function at a time."""
    config, _ = many(4)
    dev = compiled(config).job("stale-dev")
    assert dev is not None
    assert {f"deploy-source-{number}" for number in range(4)} < set(dev.requires)


def test_nothing_touched_leaves_the_check() -> None:
    """A workflow is never empty."""
    config, _ = many()
    assert names_in(selected(config, Affected("then"))) == ["check"]


SOME = [
    "connectors/source-0/a.py", "connectors/source-3/README.md", "connectors/removed/a", "docs/state.md", "deploy.yaml",
    "packages/fivetran-runtime/a.py", "packages/fivetran-emulator/a.py", "packages/removed/a", "tools/a.py",
    "tools/tests/a.py", "noxfile.py",
]  # fmt: skip


@settings(max_examples=40)
@given(st.data())
def test_what_is_posted_is_part_of_what_is_committed_and_compiles(data: st.DataObject) -> None:
    """Over sets of changes: a subset of entries, each as it was but for `requires`; valid by the schema and our rules."""
    config, model = many(4)
    before = deepcopy(config)
    paths = data.draw(st.none() | st.frozensets(st.sampled_from(SOME)))
    functions = data.draw(st.none() | st.frozensets(st.sampled_from(sorted(model.connector_of))))
    found = affected(Changes("then", paths, functions), model)
    posted = selected(config, found)
    assert config == before
    assert {**posted, "workflows": None} == {**config, "workflows": None}
    committed = {next(iter(v.values())).get("name", next(iter(v))): v for v in entries_of(config)}
    for entry in entries_of(posted):
        assert_part_of(entry, committed)
    assert names_in(posted)[0] == "check"
    assert {f"test-{name}" for name in found.subjects} <= set(names_in(posted))
    deploys = (
        {"stale-dev", "stale-prod"} if found.everything else {f"deploy-{name}" for name in found.functions}
    )
    assert {name for name in names_in(posted) if name.startswith(("deploy-", "stale-"))} == deploys
    assert list(schema_problems(posted)) == []
    assert compiled(posted).problems == []


def entries_of(config: dict[str, Any]) -> list[dict[str, Any]]:
    jobs: list[dict[str, Any]] = config["workflows"][full.WORKFLOW]["jobs"]
    return jobs


def assert_part_of(entry: dict[str, Any], committed: dict[str, dict[str, Any]]) -> None:
    [(job, options)] = entry.items()
    whole = committed[options.get("name", job)][job]
    assert {key: value for key, value in options.items() if key != "requires"} == {
        key: value for key, value in whole.items() if key != "requires"
    }
    requires = options.get("requires", [])
    assert requires == [name for name in whole.get("requires", []) if name in requires]


def git(repository: Repository, *arguments: str) -> str:
    command = ["git", "-c", "user.name=Test", "-c", "user.email=test@example.org", *arguments]
    done = subprocess.run(command, cwd=repository.root, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def versioned(small: Repository, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """The small repository, its CI rendered, committed on main, cloned; a second commit changes one connector."""
    monkeypatch.chdir(small.root)
    ci_config([])
    git(small, "init", "--quiet", "--initial-branch=main")
    git(small, "add", "--all")
    git(small, "commit", "--quiet", "--message=First")
    git(small, "update-ref", "refs/remotes/origin/main", "HEAD")
    (small.root / "connectors/acme/practice.py").write_text("# changed\n", "utf-8")
    git(small, "add", "--all")
    git(small, "commit", "--quiet", "--message=Second")
    return small


def chosen(repository: Repository, **given: Any) -> Affected:
    return touched(repository.root, **{"branch": "mine", "base_revision": "", "everything": False, **given})


def test_the_base_is_mains_on_a_branch_and_the_last_pipelines_on_main(versioned: Repository) -> None:
    """On main a first pipeline has none, and neither has one that the API started: everything runs."""
    first, second = git(versioned, "rev-parse", "HEAD~1"), git(versioned, "rev-parse", "HEAD")
    assert list(chosen(versioned).subjects) == ["acme"]
    assert list(chosen(versioned, base_revision=second).subjects) == ["acme"]
    assert list(chosen(versioned, branch="main", base_revision=first).subjects) == ["acme"]
    assert list(chosen(versioned, branch="main", base_revision=second).subjects) == []
    assert "first pipeline" in str(chosen(versioned, branch="main").everything)
    assert chosen(versioned, branch="").everything
    assert chosen(versioned, branch="main", base_revision="0" * 40).everything


def test_everything_runs_where_it_is_asked_for(versioned: Repository) -> None:
    """By the pipeline's parameter, and by a word in the commit's message, wherever in it."""
    assert "parameter" in str(chosen(versioned, everything=True).everything)
    git(versioned, "commit", "--quiet", "--allow-empty", "--message=Third\n\nWhy: [run-tests] please")
    assert "[run-tests]" in str(chosen(versioned).everything)


def test_the_text_and_the_reasons_are_kept(
    versioned: Repository, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three files for the artifacts: what is posted, and why, for a person and for a program."""
    assert (
        main(["--select", "build/ci", "--branch", "mine", "--base-revision", "", "--everything", "false"])
        == 0
    )
    folder = versioned.root / "build/ci"
    posted = loaded((folder / "continue.yml").read_text("utf-8"), "continue.yml")
    assert names_in(posted) == ["check", "test-acme", "deploy-acme"]
    reason = "connectors/acme/practice.py has changed"
    assert json.loads((folder / "affected.json").read_text("utf-8"))["subjects"] == {"acme": reason}
    assert (folder / "affected.txt").read_text("utf-8") == capsys.readouterr().out
    assert f"test    acme: {reason}" in (folder / "affected.txt").read_text("utf-8")
