from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_repository import Write, add_project

from tools.locked.ci.affected import Affected, Model, affected, main, model_of
from tools.locked.ci.changes import Changes, changes_since
from tools.repository.model import Repository

MODEL = Model(
    connectors=frozenset({"acme", "birch", "plain"}),
    packages=frozenset({"fivetran-runtime", "fivetran-emulator"}),
    stands_on={
        "acme": frozenset({"fivetran-runtime", "fivetran-emulator"}),
        "birch": frozenset({"fivetran-runtime", "fivetran-emulator"}),
        "plain": frozenset({"fivetran-emulator"}),
        "fivetran-runtime": frozenset(),
        "fivetran-emulator": frozenset({"fivetran-runtime"}),
    },
    connector_of={"acme": "acme", "acme-prod": "acme", "birch": "birch"},
    has_examples=True,
)
EVERY_SUBJECT = {*MODEL.connectors, *MODEL.packages, "examples", "tools"}
EVERYTHING = (EVERY_SUBJECT, set(MODEL.connector_of), True)


def touched_by(*paths: str, functions: frozenset[str] | None = frozenset()) -> Affected:
    return affected(Changes("since then", frozenset(paths), functions), MODEL)


def names(found: Affected) -> tuple[set[str], set[str], bool]:
    return set(found.subjects), set(found.functions), found.rehearsal is not None


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ([], (set(), set(), False)),
        (["connectors/acme/src/connector_acme/__init__.py"], ({"acme"}, {"acme", "acme-prod"}, False)),
        (["connectors/plain/CHANGELOG.md"], ({"plain"}, set(), False)),
        (["connectors/acme/README.md"], ({"acme", "tools"}, {"acme", "acme-prod"}, False)),
        (["connectors/removed/practice.py"], (set(), set(), False)),
        (["connectors/removed/a.py", "connectors/birch/a.py"], ({"birch"}, {"birch"}, False)),
        (
            ["packages/fivetran-runtime/src/fivetran_runtime/pages.py"],
            (EVERY_SUBJECT - {"plain"}, set(), True),
        ),
        (
            ["packages/fivetran-emulator/tests/test_rows.py"],
            (EVERY_SUBJECT - {"fivetran-runtime"}, set(), False),
        ),
        (["packages/removed/pyproject.toml"], EVERYTHING),
        (["tools/locked/ci/config.py"], (EVERY_SUBJECT, set(), True)),
        (["tools/requirements.txt"], (EVERY_SUBJECT, set(), True)),
        (["tools/tests/ci/test_affected.py"], ({"tools"}, set(), True)),
        (["examples/delta_token/connector.py"], ({"examples", "tools"}, set(), False)),
        (["examples/conftest.py"], ({"examples", "tools"}, set(), False)),
        (["benchmarks/dlt/arrow.py"], ({"tools"}, set(), False)),
        (["docs/contract.md"], ({"fivetran-runtime", "fivetran-emulator", "tools"}, set(), False)),
        (["README.md"], ({"fivetran-runtime", "fivetran-emulator", "tools"}, set(), False)),
        ([".circleci/config.yml", ".circleci/continue.yml", "deploy.yaml"], (set(), set(), False)),
        (["noxfile.py"], EVERYTHING),
        (["pyproject.toml"], EVERYTHING),
        ([".circleci/another.yml"], EVERYTHING),
        (["connectors/stray.txt"], EVERYTHING),
        (["something-new/file"], EVERYTHING),
    ],
)
def test_each_kind_of_path_touches_what_rests_on_it(
    paths: list[str], expected: tuple[set[str], set[str], bool]
) -> None:
    """Own folder, dependents, readers of the documentation, the tools; what isn't known touches everything."""
    assert names(touched_by(*paths)) == expected


def test_a_group_of_deploy_yaml_touches_its_function_and_that_ones_connector() -> None:
    """Another memory is deployed, after the tests of what is deployed with it."""
    found = touched_by("deploy.yaml", functions=frozenset({"acme-prod"}))
    assert names(found) == ({"acme"}, {"acme-prod"}, False)
    assert found.functions["acme-prod"] == "acme-prod in deploy.yaml has changed"


@pytest.mark.parametrize(
    "changes",
    [Changes("git has no whole history here"), Changes("since then", frozenset({"deploy.yaml"}), None)],
)
def test_what_is_not_known_touches_everything(changes: Changes) -> None:
    """No base, or a deploy.yaml that can't be read: nothing is left out, and the reason is said."""
    found = affected(changes, MODEL)
    assert names(found) == EVERYTHING
    assert found.everything


def test_everything_can_be_asked_for() -> None:
    """Whatever has changed, the request is the reason of every name."""
    found = affected(Changes("since then", frozenset()), MODEL, everything="[run-tests]")
    assert names(found) == EVERYTHING
    assert {*found.subjects.values(), *found.functions.values(), found.rehearsal} == {"[run-tests]"}


PATHS = st.sampled_from(
    [
        "connectors/acme/a.py", "connectors/birch/README.md", "connectors/removed/x", "docs/state.md", "README.md",
        "examples/delta_token/practice.py",
        "packages/fivetran-runtime/a.py", "packages/fivetran-emulator/b.py", "tools/x.py", "tools/tests/y.py",
        "deploy.yaml", "noxfile.py", ".circleci/continue.yml",
    ]
)  # fmt: skip


@given(st.frozensets(PATHS), st.frozensets(PATHS), st.frozensets(st.sampled_from(sorted(MODEL.connector_of))))
def test_more_changes_never_touch_less(
    few: frozenset[str], more: frozenset[str], functions: frozenset[str]
) -> None:
    """A union of changes touches the union; each name has a reason; a deployed function's connector is tested."""
    one = affected(Changes("x", few, functions), MODEL)
    both = affected(Changes("x", few | more, functions), MODEL)
    other = affected(Changes("x", more, frozenset()), MODEL)
    assert set(both.subjects) == {*one.subjects, *other.subjects}
    assert set(both.functions) == {*one.functions, *other.functions}
    assert all([*both.subjects.values(), *both.functions.values()])
    assert {MODEL.connector_of[function] for function in both.functions} <= set(both.subjects)


def git(root: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=Test", "-c", "user.email=test@example.org", *arguments]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def committed(root: Path, message: str = "A change") -> str:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--allow-empty", "--message", message)
    return git(root, "rev-parse", "HEAD")


@pytest.fixture
def versioned(small: Repository) -> Repository:
    """The small repository with one commit on main."""
    git(small.root, "init", "--quiet", "--initial-branch=main")
    committed(small.root)
    return small


def test_a_branch_is_compared_with_where_it_left_main(versioned: Repository, write: Write) -> None:
    """Not with its last push: what an earlier push broke is tested again; what main got meanwhile isn't."""
    root = versioned.root
    git(root, "switch", "--quiet", "--create", "mine")
    write("connectors/acme/practice.py", "# red\n")
    committed(root)
    write("connectors/other-one/practice.py", "# and green\n")
    committed(root)
    git(root, "switch", "--quiet", "main")
    write("docs/page.md", "On main.\n")
    committed(root)
    git(root, "switch", "--quiet", "mine")
    write("uncommitted.txt", "")
    assert changes_since(root, "main").paths == frozenset({
        "connectors/acme/practice.py", "connectors/other-one/practice.py", "uncommitted.txt",
    })  # fmt: skip


def test_deleted_and_renamed_paths_count_at_both_ends(versioned: Repository) -> None:
    """A module that moves from one connector to another touches both."""
    root, base = versioned.root, git(versioned.root, "rev-parse", "HEAD")
    git(root, "mv", "connectors/acme/src/connector_acme/__init__.py", "connectors/other-one/ä name.py")
    git(root, "rm", "--quiet", "packages/fivetran-runtime/pyproject.toml")
    committed(root)
    assert changes_since(root, base).paths == frozenset({
        "connectors/acme/src/connector_acme/__init__.py", "connectors/other-one/ä name.py",
        "packages/fivetran-runtime/pyproject.toml",
    })  # fmt: skip


def test_groups_of_deploy_yaml_are_compared_as_data(versioned: Repository, write: Write) -> None:
    """A comment changes nothing; a value and a new group do; a group that was removed leaves nothing to deploy."""
    root, base = versioned.root, git(versioned.root, "rev-parse", "HEAD")
    same = "acme:\n  connector: acme\n  environment: dev\n"
    new = "new:\n  connector: other-one\n  environment: dev\n"
    write("deploy.yaml", f"# A comment.\n{same}{new}")
    assert changes_since(root, base).functions == frozenset({"new"})
    write("deploy.yaml", f"{same}  memory: 2048\n")
    assert changes_since(root, base).functions == frozenset({"acme"})
    write("deploy.yaml", new)
    assert changes_since(root, base).functions == frozenset({"new"})
    write("deploy.yaml", "a: [")
    assert changes_since(root, base).functions is None


def test_where_git_can_not_tell_the_changes_are_unknown(versioned: Repository, tmp_path: Path) -> None:
    """An unknown revision, a foreign history, a shallow clone, no repository: never "nothing has changed"."""
    root = versioned.root
    for unknown in ("nope", "", "0" * 40, "--all"):
        assert changes_since(root, unknown).paths is None
    first = git(root, "rev-parse", "HEAD")
    git(root, "switch", "--quiet", "--orphan", "foreign")
    committed(root)
    assert changes_since(root, first).paths is None
    git(root, "switch", "--quiet", "main")
    last = committed(root)
    git(root, "clone", "--quiet", "--depth=1", f"file://{root}", str(root / "shallow"))
    assert "whole history" in changes_since(root / "shallow", last).since
    assert changes_since(tmp_path.parent, "HEAD").paths is None


def test_after_a_forced_push_nothing_is_known_on_main(versioned: Repository) -> None:
    """What the last pipeline saw isn't in this history, so what has changed since isn't either."""
    root = versioned.root
    old = committed(root, "To be replaced")
    git(root, "reset", "--quiet", "--hard", "HEAD~1")
    committed(root)
    assert changes_since(root, old).paths is not None
    assert changes_since(root, old, ancestor=True).paths is None
    assert changes_since(root, "HEAD~1", ancestor=True).paths == frozenset()


def test_the_model_is_the_repositorys(small: Repository, write: Write) -> None:
    """Packages under packages count, and what only tests need."""
    add_project(write, "packages/kit", "kit", name="kit", dependencies='"fivetran-runtime"')
    write(
        "connectors/other-one/pyproject.toml",
        '[project]\nname = "fivetran-connector-other-one"\n[dependency-groups]\ntest = ["kit"]\n',
    )
    model = model_of(Repository(small.root))
    assert model.stands_on["acme"] == {"fivetran-runtime"}
    assert model.stands_on["other-one"] == {"kit", "fivetran-runtime"}
    assert model.connector_of == {"acme": "acme"}


def test_the_session_prints_names_with_reasons(
    versioned: Repository, write: Write, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """For a person a line a name, for a program JSON."""
    monkeypatch.chdir(versioned.root)
    write("connectors/acme/practice.py", "")
    assert main(["--base", "main"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:] == [
        "test    acme: connectors/acme/practice.py has changed",
        "deploy  acme: connectors/acme/practice.py has changed",
    ]
    assert main(["--base", "main", "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)["subjects"]) == ["acme"]
