from __future__ import annotations

import shutil
import tomllib
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest
from generated_repository import git
from new_connectors import make

from tools.local import readmes, scaffolding
from tools.local.testing import run_tests
from tools.locked.checks import checks
from tools.locked.ci.config import main as ci_config
from tools.locked.creating import baking
from tools.locked.creating.choices import AUTHS, PAGES, Choices
from tools.locked.creating.made_practice import as_made
from tools.locked.creating.template_rendering import mark
from tools.locked.declared.deployments import Deployment
from tools.locked.deploying.bundle import stage
from tools.repository.errors import RepositoryError
from tools.repository.limits import Limits
from tools.repository.model import Repository
from tools.repository.names import LONGEST

NAME = "quite-a-long-name-for-a-source-with-fifty-letters2"
SIX = {
    "CHANGELOG.md", "README.md", "practice.py", "pyproject.toml",
    f"src/connector_{NAME.replace('-', '_')}/__init__.py", "tests/test_contract.py",
}  # fmt: skip
PROVEN = ["oauth2page", "plainbasicoffset"]
"""Those whose tests run here. The default one's run in an adopted clone (local/test_adopting.py); all of them in `nox -s bake`."""


@pytest.fixture
def created(whole: Repository) -> Iterator[Path]:
    """A new connector in a copy of this repository."""
    path = make(whole, NAME)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def baked(whole: Repository) -> Iterator[Repository]:
    """A copy of this repository with a new connector for every pair of options, which git tracks."""
    shutil.copytree(whole.root / ".circleci", kept := whole.root / "circleci-before")
    names = [f"connectors/{name}" for name in baking.all_pairs()]
    yield baking.plant(whole, baking.all_pairs(), baking.Locks(whole))
    shutil.rmtree(whole.root / ".circleci")
    kept.rename(whole.root / ".circleci")
    git(whole.root, "rm", "-r", "-q", "-f", "--cached", "--ignore-unmatch", *names)
    for name in names:
        shutil.rmtree(whole.root / name)


def files_of(path: Path) -> set[str]:
    """All files under a folder, by their path in it."""
    return {file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()}


def rendered(repository: Repository) -> dict[str, bytes]:
    """CI's files as they are now."""
    return {file.name: file.read_bytes() for file in (repository.root / ".circleci").iterdir()}


def test_a_new_connector_is_eight_files(created: Path) -> None:
    """Six to read, two locks to come; no sign of the template is left in any, and nothing beside them."""
    assert len(NAME) == LONGEST
    assert files_of(created) == SIX
    left = [name for name in SIX if {"cookiecutter", "{%"} & set((created / name).read_text("utf-8").split())]
    assert left == []
    assert not (created.parent / ".creating").exists()


def test_a_new_connector_is_lint_free(created: Path, whole: Repository) -> None:
    """Its author starts from clean, however long its name makes the lines."""
    baking.lint(whole, [created.name])


@pytest.mark.parametrize(
    ("name", "expected"),
    [("My_Source", "try `my-source`"), ("tools", "is taken"), ("fivetran-runtime", "is taken")],
)
def test_a_name_that_wont_do_is_refused(whole: Repository, name: str, expected: str) -> None:
    """Before anything is written."""
    with pytest.raises(RepositoryError, match=expected):
        make(whole, name)
    assert not (whole.root / "connectors" / name).exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["acme", "--auth", "oauth"], r"--auth: invalid choice: 'oauth' \(choose from 'bearer',"),
        (["acme", "--page", "link"], "what is `--page`.* Did you mean `--pages`"),
        (["acme", "--description", "two\nlines"], "--description is one line"),
        ([], "required: NAME"),
        (
            ["acme", "--openapi", "a.yaml", "--auth", "basic", "--plain"],
            "--auth and --plain can't be said with --openapi",
        ),
        (["acme", "--openapi", "a.yaml", "--from", "b"], "--from can't be said with --openapi"),
        (["acme", "--tables", "users"], "it goes with --openapi FILE"),
    ],
)
def test_an_option_that_wont_do_is_refused(arguments: list[str], expected: str) -> None:
    """With what is allowed."""
    with pytest.raises(RepositoryError, match=expected):
        scaffolding.asked(arguments)


def test_the_options_are_what_there_is() -> None:
    """The session's list, which needs nothing installed, is the template's."""
    assert tuple(AUTHS) == scaffolding.AUTHS
    assert tuple(PAGES) == scaffolding.PAGES


def test_an_existing_connector_is_never_overwritten(whole: Repository, created: Path) -> None:
    """An author's work is safe from a second `create`."""
    with pytest.raises(RepositoryError, match="exists already"):
        make(whole, created.name)


def test_ci_learns_of_it_and_forgets_it(whole: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--check` fails until `ci_config` has run; without the folder the old file is back byte for byte."""
    monkeypatch.chdir(whole.root)
    ci_config([])
    before = rendered(whole)
    path = make(whole, NAME)
    with pytest.raises(RepositoryError, match="run `nox -s ci_config`"):
        ci_config(["--check"])
    ci_config([])
    assert rendered(whole) != before
    shutil.rmtree(path)
    ci_config([])
    assert rendered(whole) == before


def test_every_two_options_are_made_together() -> None:
    """Whatever pair of options breaks the template, a connector here has it."""
    made = [
        (id(one.auth), id(one.pages), one.plain, bool(one.description)) for one in baking.all_pairs().values()
    ]
    options: list[list[object]] = [
        list(map(id, AUTHS.values())), list(map(id, PAGES.values())), [False, True], [False, True],
    ]  # fmt: skip
    for one, other in combinations(range(len(options)), 2):
        there = {(row[one], row[other]) for row in made}
        assert there == {(a, b) for a in options[one] for b in options[other]}
    assert set(PROVEN) <= set(baking.all_pairs())


@pytest.mark.index
def test_every_new_connector_passes_lint_types_and_check(
    baked: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it was made for, its description included."""
    monkeypatch.chdir(baked.root)
    made = baking.all_pairs()
    for name, choices in made.items():
        project = baked.connector(name).pyproject["project"]
        assert project["description"] == (choices.description or f"{name.capitalize()}, for Fivetran.")
    baking.lint(baked, made)
    for plain in (False, True):
        baking.types(baked, [name for name, choices in made.items() if choices.plain is plain])
    ci_config([])
    problems = [problem for found in checks.run(baked).values() for problem in found]
    assert [problem for problem in problems if any(name in problem.where for name in made)] == []


@pytest.mark.index
def test_every_new_connector_can_be_bundled(baked: Repository) -> None:
    """What Google would get is the connector, and the runtime's wheel unless it is plain."""
    git(baked.root, "add", "connectors")
    for name, choices in baking.all_pairs().items():
        folder = stage(baked, Deployment(name, name, name, "dev", Limits(), "python312", 1, "us-central1"))
        assert (folder / f"connector_{name}" / "__init__.py").is_file()
        assert bool(list(folder.glob("wheels/*.whl"))) is not choices.plain


@pytest.mark.index
@pytest.mark.parametrize("name", PROVEN)
def test_a_new_connector_keeps_the_contract_and_syncs(baked: Repository, name: str) -> None:
    """On its first day, in an environment of its own; its README is what its code says."""
    baking.prove(baked, name)
    readmes.update(baked, [name], check=True)


@pytest.mark.index
@pytest.mark.parametrize("auth", [*AUTHS])
def test_a_source_that_repeats_what_it_was_sent_shows_no_secret(baked: Repository, auth: str) -> None:
    """Whichever way a new connector logs in: C48, the check whose source does so."""
    name = next(
        name
        for name, choices in baking.all_pairs().items()
        if choices.auth == AUTHS[auth] and not choices.plain
    )
    run_tests(baked, name, ["-q", "-k", "C48"])


def test_a_description_reaches_the_readme_and_pyproject(whole: Repository) -> None:
    """As it was typed, whatever is in it."""
    path = make(whole, NAME, Choices(description=baking.TEXT))
    try:
        assert baking.TEXT in (path / "README.md").read_text("utf-8")
        assert (
            tomllib.loads((path / "pyproject.toml").read_text("utf-8"))["project"]["description"]
            == baking.TEXT
        )
    finally:
        shutil.rmtree(path)


def test_a_practice_source_is_known_as_made_until_it_is_edited(created: Path) -> None:
    """So that `record` never replaces a person's work."""
    text = (created / "practice.py").read_text("utf-8")
    assert as_made(text)
    assert not as_made(text.replace("Item {number}", "Article {number}"))


def test_a_practice_source_of_a_description_is_known_as_made_until_it_is_edited(tmp_path: Path) -> None:
    """No template makes it again, so it says itself what it was like: `record` replaces it without --force."""
    practice = tmp_path / "practice.py"
    practice.write_text('"""Made."""\n\nROWS = [1]\n', "utf-8")
    mark(practice)
    text = practice.read_text("utf-8")
    assert as_made(text)
    assert not as_made(text.replace("[1]", "[1, 2]"))
