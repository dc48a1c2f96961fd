from __future__ import annotations

import pytest
from small_repository import Write

from tools.locked.deploying.deployments import deployment, deployments, limits_of
from tools.locked.deploying.environments import environments
from tools.repository.errors import RepositoryError
from tools.repository.limits import Limits
from tools.repository.model import Repository


def test_three_lines_make_a_deployment(small: Repository) -> None:
    """Everything but connector and environment has a default."""
    one = deployment(small, "acme")
    assert (one.connector, one.environment, one.runtime) == ("acme", "dev", "python312")
    assert one.limits == Limits(1, 540, 1024)


def test_options_are_read(small: Repository, write: Write) -> None:
    """A word each changes generation, time, memory and Python."""
    write(
        "deploy.yaml",
        "acme-big:\n  connector: acme\n  environment: dev\n  generation: 2\n  timeout: 3600\n  memory: 3000\n  runtime: python313\n",
    )
    one = deployment(small, "acme-big")
    assert (one.limits, one.runtime) == (Limits(2, 3600, 3000), "python313")


def test_every_mistake_comes_out_at_once_with_its_line(small: Repository, write: Write) -> None:
    """One run tells all there is to mend."""
    write(
        "deploy.yaml",
        "acme:\n  connector: acmee\n  environment: deve\n  timout: 5\nBad_Name:\n  connector: acme\n"
        "  environment: dev\n  memory: 3000\n  timeout: 541\n  runtime: python27\nthird:\n  connector: acme\n",
    )
    with pytest.raises(RepositoryError) as raised:
        deployments(small)
    message = str(raised.value)
    for expected in (
        "deploy.yaml:2: acme: connector `acmee` doesn't exist. Did you mean `acme`?",
        "deploy.yaml:3: acme: environment `deve` doesn't exist. Did you mean `dev`?",
        "deploy.yaml:4: acme: what is `timout`? Did you mean `timeout`?",
        "deploy.yaml:5: Bad_Name: `Bad_Name` can't be a function's name",
        "deploy.yaml:8: Bad_Name: memory must be MB: one of 128, 256, 512, 1024, 2048, 4096, 8192, not `3000`",
        "deploy.yaml:9: Bad_Name: timeout must be whole seconds from 1 to 540 in generation 1, not `541`",
        "deploy.yaml:10: Bad_Name: runtime must be one of python311, python312 in generation 1, not `python27`",
        "deploy.yaml:11: third: `environment` is missing",
    ):
        assert expected in message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "acme:\n  connector: acme\nacme:\n  connector: acme\n",
            r"deploy\.yaml:3: `acme` stands here a second time, first on line 1",
        ),
        ("acme: casa\n", r"deploy\.yaml:1: here `name: value` lines are expected"),
        ("- acme\n", r"deploy\.yaml:1: here `name: value` lines are expected"),
        ("acme: [\n", r"deploy\.yaml: not YAML"),
        (
            "acme:\n  connector: acme\n  environment: dev\n  generation: true\n",
            r"generation must be 1 or 2, not `True`",
        ),
        (
            "acme:\n  connector: acme\n  environment: dev\n  generation: [1]\n",
            r"generation must be 1 or 2, not `\[1\]`",
        ),
        ("acme:\n  connector: [acme]\n  environment: dev\n", r"connector `\['acme'\]` doesn't exist"),
    ],
)
def test_a_file_of_another_shape_is_refused(
    small: Repository, write: Write, text: str, expected: str
) -> None:
    """No shape of file ends in a traceback or is read halfway."""
    write("deploy.yaml", text)
    with pytest.raises(RepositoryError, match=expected):
        deployments(small)


def test_an_empty_file_deploys_nothing(small: Repository, write: Write) -> None:
    """A repository may exist before its first deployment."""
    write("deploy.yaml", "# nothing yet\n")
    assert deployments(small) == {}


def test_limits_are_those_of_the_function_of_the_same_name(small: Repository, write: Write) -> None:
    """A sync on a laptop has the limits the function will have."""
    group = "  connector: acme\n  environment: dev\n"
    write("deploy.yaml", f"acme-eu:\n{group}  memory: 256\nacme:\n{group}  memory: 512\n")
    assert limits_of(small, "acme").memory == 512
    assert limits_of(small, "other-one") == Limits(1, 60, 256)


def test_an_environments_mistakes_come_out_at_once(small: Repository, write: Write) -> None:
    """What is missing, unknown or wrong about an environment is listed."""
    write(
        "pyproject.toml",
        '[tool.fivetran-connectors.environments.dev]\nproject = 1\nregoin = "x"\nauth = "none"\n',
    )
    with pytest.raises(RepositoryError) as raised:
        environments(small)
    for expected in (
        "`region` is missing",
        "`context` is missing",
        "Did you mean `region`",
        "`project` must be text",
        "oidc, key",
    ):
        assert expected in str(raised.value)
