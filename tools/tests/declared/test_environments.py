from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_repository import DEV, Write

from tools.locked.declared.environments import Environment, environments
from tools.repository.errors import RepositoryError
from tools.repository.model import Repository

HEADER = "[tool.fivetran-connectors.environments.dev]\n"
PROD = DEV.replace("dev", "prod")


def refused(repository: Repository, toml: str) -> list[str]:
    """What is said of a pyproject.toml, in lines without the environment's own table."""
    (repository.root / "pyproject.toml").write_text(toml, "utf-8")
    with pytest.raises(RepositoryError) as raised:
        environments(repository)
    return str(raised.value).replace(": tool.fivetran-connectors.environments.", ": ").splitlines()


def test_an_environment_is_read(small: Repository, write: Write) -> None:
    """Three keys are needed; an account, approval and order may be added."""
    more = 'auth = "key"\nservice_account = "runner@prod-project.iam.gserviceaccount.com"\napproval = true\nafter = "dev"\n'
    write("pyproject.toml", DEV + PROD + more)
    assert environments(small) == {
        "dev": Environment("dev", "dev-project", "us-central1", "dev-context"),
        "prod": Environment(
            "prod", "prod-project", "us-central1", "prod-context", "key",
            "runner@prod-project.iam.gserviceaccount.com", approval=True, after="dev",
        ),
    }  # fmt: skip


def test_no_environment_is_no_mistake(small: Repository, write: Write) -> None:
    """A repository may exist before its first environment."""
    write("pyproject.toml", "")
    assert environments(small) == {}


def test_every_mistake_comes_out_at_once_with_its_line(small: Repository) -> None:
    """What is missing, unknown or of the wrong type."""
    lines = refused(
        small, f'# a comment\n{HEADER}project = 1\nregoin = "x"\nauth = "odic"\napproval = "yes"\n'
    )
    assert [line.partition(". ")[0] for line in lines] == [
        "pyproject.toml:2: dev: context is missing",
        "pyproject.toml:2: dev: region is missing",
        "pyproject.toml:3: dev: project can't be the number 1",
        "pyproject.toml:4: dev: what is `regoin`? Did you mean `region`? There are: project, region, context, auth, service_account, approval, after, group",
        "pyproject.toml:5: dev: auth can't be the text 'odic'",
        "pyproject.toml:6: dev: approval can't be the text 'yes'",
    ]
    assert lines[4].endswith("Did you mean `oidc`? It must be one of oidc, key")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("project", ""), ("project", "Dev Fivetran"), ("project", "short"), ("project", "123456789012"),
        ("project", "ends-with-"), ("project", "a" * 31), ("region", ""), ("region", "mars-1"), ("region", "us"),
        ("region", "us-central1-a"), ("context", ""), ("context", "<< pipeline.parameters.x >>"), ("context", " dev"),
        ("context", "dev\n"), ("service_account", "someone"), ("service_account", "someone@example.com"),
        ("service_account", "a@dev-project.iam.gserviceaccount.com"),
    ],
)  # fmt: skip
def test_values_are_checked_by_those_who_will_read_them(small: Repository, key: str, value: str) -> None:
    """Google's projects, regions and accounts, CircleCI's contexts: a mistake is found before a deploy finds it."""
    others = "".join(line for line in DEV.splitlines(keepends=True) if not line.startswith(key))
    (line,) = refused(small, f"{others}{key} = {json.dumps(value)}\n")  # a JSON text is a TOML text
    assert line.startswith(
        f"pyproject.toml:{5 if key == 'service_account' else 4}: dev: {key} can't be the text {value!r}."
    )


def test_a_wrong_region_gets_the_nearest(small: Repository) -> None:
    """The whole list is long; the nearest is first."""
    (line,) = refused(small, DEV.replace("us-central1", "us-centrl1"))
    assert "dev: region can't be the text 'us-centrl1'. Did you mean `us-central1`? It must be" in line


@pytest.mark.parametrize(
    ("toml", "expected"),
    [
        ('[tool.fivetran-connectors]\nenvironments = "x"\n', "pyproject.toml:2: tool.fivetran-connectors.environments must be a table, not the text 'x'"),
        ("tool = 1\n", "pyproject.toml:1: tool must be a table, not the number 1"),
        ("[tool]\nfivetran-connectors = []\n", "pyproject.toml:2: tool.fivetran-connectors must be a table, not a list"),
        ("[tool.fivetran-connectors.environments]\ndev = 2024-01-01\n", "pyproject.toml:1: dev: an environment must be a table, not a date"),
        (DEV.replace(".dev]", '."My Env"]'), "pyproject.toml:1: 'My Env': an environment's name can't be the text 'My Env'"),
        (DEV + 'after = "dve"\n', "pyproject.toml:5: dev: after: there is no environment 'dve'. Did you mean `dev`? There is: dev"),
        (DEV + 'after = "dev"\n', "pyproject.toml:5: dev: after leads round in a circle, so that none could be first: dev after dev"),
    ],
)  # fmt: skip
def test_another_shape_is_refused(small: Repository, toml: str, expected: str) -> None:
    """Whatever stands in the place of a table, and whatever its name is."""
    assert refused(small, toml)[0].startswith(expected)


def test_a_circle_of_environments_is_found_whole(small: Repository) -> None:
    """Dev after prod after dev: no deploy could ever go first. One that only leads into it isn't blamed."""
    test = DEV.replace("dev", "test") + 'after = "dev"\n'
    lines = refused(small, DEV + 'after = "prod"\n' + PROD + 'after = "dev"\n' + test)
    assert [line.rpartition(": ")[2] for line in lines] == [
        "dev after prod after dev",
        "prod after dev after prod",
    ]


@pytest.mark.parametrize(
    "toml", ["a = " + "9" * 5000, "a = " + "[" * 5000, "a = \0", "\ufeffa = 1", "é = 1", "a"]
)
def test_what_isnt_toml_is_a_message(small: Repository, toml: str) -> None:
    """With the file's name, whatever Python's parser makes of it."""
    assert "pyproject.toml: " in refused(small, toml)[0]


FRAGMENTS = [
    "[", "]", "[[", "tool", ".", "fivetran-connectors", "environments", "dev", "=", '"', "'", "\n", "{", "}", ",", "project", "1", "true",
    HEADER, DEV, "after", '"dev"', "2024-01-01", "1e400", "inf", "#", '"""', "\\u0000", "é", "\0",
]  # fmt: skip


@given(words=st.lists(st.sampled_from(FRAGMENTS), max_size=25))
def test_any_text_is_environments_or_a_message(
    tmp_path_factory: pytest.TempPathFactory, words: list[str]
) -> None:
    """Nothing ends in a traceback."""
    root: Path = tmp_path_factory.mktemp("words")
    (root / "pyproject.toml").write_text("".join(words), "utf-8")
    try:
        environments(Repository(root))
    except RepositoryError as error:
        assert str(error).encode()  # noqa: PT017 - it can be printed
