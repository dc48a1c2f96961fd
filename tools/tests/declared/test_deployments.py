from __future__ import annotations

from collections.abc import Mapping

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st
from small_repository import Write

from tools.locked.declared.deployment_options import VARIABLE_VALUE
from tools.locked.declared.deployments import Deployment, deployment, deployments, limits_and_pythons
from tools.locked.declared.environments import Environment
from tools.locked.deploying.gcloud import Upload
from tools.locked.deploying.release import Release
from tools.repository.errors import Problem, RepositoryError
from tools.repository.limits import Limits
from tools.repository.model import Repository

GROUP = "  connector: acme\n  environment: dev\n"


def refused(repository: Repository, content: str | bytes) -> str:
    """What is said of a deploy.yaml."""
    raw = content.encode() if isinstance(content, str) else content
    (repository.root / "deploy.yaml").write_bytes(raw)
    with pytest.raises(RepositoryError) as raised:
        deployments(repository)
    return str(raised.value)


def test_three_lines_make_a_deployment(small: Repository) -> None:
    """Everything but connector and environment has a default."""
    assert deployment(small, "acme") == Deployment(
        key="acme", function="acme", connector="acme", environment="dev", limits=Limits(1, 540, 1024),
        runtime="python312", line=1, region="us-central1", max_instances=1, service_account=None,
        schema="acme_export", env={}, host="function", python_version="3.13", group="", schedule="fivetran",
    )  # fmt: skip


def test_every_option_is_read(small: Repository, write: Write) -> None:
    """A word each changes name, generation, limits, Python, region, instances, account, variables and connection."""
    write(
        "deploy.yaml",
        f"acme-big:\n{GROUP}  name: acme\n  generation: 2\n  timeout: 3600\n  memory: 3000\n  runtime: python314\n"
        "  region: me-west1\n  max_instances: 3\n  service_account: runner@dev-project.iam.gserviceaccount.com\n"
        "  schema: acme_raw\n  group: decent_dropsy\n  schedule: airflow\n  env:\n    MODE: 'yes'\n    PLACE: off\n",
    )
    assert deployment(small, "acme-big") == Deployment(
        key="acme-big", function="acme", connector="acme", environment="dev", limits=Limits(2, 3600, 3000),
        runtime="python314", line=1, region="me-west1", max_instances=3,
        service_account="runner@dev-project.iam.gserviceaccount.com", schema="acme_raw",
        env={"MODE": "yes", "PLACE": "off"}, group="decent_dropsy", schedule="airflow",
    )  # fmt: skip


def test_one_word_makes_it_a_package_of_fivetrans(small: Repository, write: Write) -> None:
    """With a Python of Fivetran's, on which its connector is tested, in the environment's group."""
    toml = (small.root / "pyproject.toml").read_text("utf-8")
    toml = toml.replace(
        "us-central1", "me-west1"
    )  # where generation 1 isn't offered, which is a function's matter
    write("pyproject.toml", toml + 'group = "decent_dropsy"\n')
    write("deploy.yaml", f"acme:\n{GROUP}  host: connector_sdk\n")
    one = deployment(small, "acme")
    assert (one.is_function, one.python, one.group, one.schema) == (
        False,
        "3.13",
        "decent_dropsy",
        "acme_export",
    )
    assert limits_and_pythons(small)["acme"]["pythons"] == ["3.13"]


def test_a_schema_is_one_connections_unless_two_functions_take_turns(small: Repository) -> None:
    """Beside the function, the same connector's package needs a schema of its own."""
    there = f"{GROUP}  group: decent_dropsy\n"
    message = refused(
        small, f"acme:\n{there}acme-next:\n{there}  generation: 2\nacme-sdk:\n{there}  host: connector_sdk\n"
    )
    assert message == (
        "deploy.yaml:10: acme-sdk: the schema acme_export in the group decent_dropsy is that of `acme` on line 1, and a "
        "schema is one connection's: give one of them another `schema`"
    )


def test_a_schema_is_one_connections_before_a_group_is_declared_too(small: Repository) -> None:
    """Those of an environment will be in one group; clashes come out by line, whatever they are about."""
    message = refused(
        small,
        f"acme:\n{GROUP}"
        + "\n" * 4
        + f"acme-sdk:\n{GROUP}  host: connector_sdk\n"
        + f"again:\n{GROUP}  name: acme\n",
    )
    assert [line.split(", ")[0] for line in message.splitlines()] == [
        "deploy.yaml:8: acme-sdk: the schema acme_export in the environment dev is that of `acme` on line 1",
        "deploy.yaml:12: again: this is the function acme in dev-project",
    ]
    own = "  group: {}\n"
    (small.root / "deploy.yaml").write_text(
        f"acme:\n{GROUP}{own.format('one')}acme-sdk:\n{GROUP}{own.format('two')}  host: connector_sdk\n"
    )
    assert len(deployments(small)) == 2


def test_the_default_python_is_one_that_can_be_tested(small: Repository, write: Write) -> None:
    """Python 3.14 is deployed only where a group asks for it."""
    write("deploy.yaml", f"acme:\n{GROUP}acme-new:\n{GROUP}  generation: 2\n")
    assert {one.runtime for one in deployments(small).values()} == {"python312", "python313"}
    found = limits_and_pythons(small)
    assert found["acme"]["pythons"] == ["3.12", "3.13"]
    assert "other-one" not in found


def test_an_environments_account_is_the_functions_unless_it_has_its_own(
    small: Repository, write: Write
) -> None:
    """Who a function runs as is said once per environment."""
    toml = (small.root / "pyproject.toml").read_text("utf-8")
    write("pyproject.toml", toml + 'service_account = "everyone@dev-project.iam.gserviceaccount.com"\n')
    own = "  service_account: 123456-compute@developer.gserviceaccount.com\n"
    write("deploy.yaml", f"acme:\n{GROUP}acme-own:\n{GROUP}{own}")
    assert [one.service_account for one in deployments(small).values()] == [
        "everyone@dev-project.iam.gserviceaccount.com",
        "123456-compute@developer.gserviceaccount.com",
    ]


def test_every_mistake_comes_out_at_once_with_its_line(small: Repository) -> None:
    """One run says all there is to fix: where, what is there, what was meant, what is allowed."""
    message = refused(
        small,
        "acme:\n  connector: acmee\n  environment: deve\n  timout: 5\nBad_Name:\n  connector: acme\n"
        "  environment: dev\n  memory: '1024'\n  timeout: 541\n  runtime: python31\nthird:\n  connector: acme\n",
    )
    assert message.splitlines() == [
        "deploy.yaml:2: acme: there is no connector 'acmee'. Did you mean `acme`? There are: acme, other-one",
        "deploy.yaml:3: acme: there is no environment 'deve'. Did you mean `dev`? There is: dev",
        (
            "deploy.yaml:4: acme: what is `timout`? Did you mean `timeout`? There are: connector, environment, name, "
            "generation, runtime, memory, timeout, region, max_instances, service_account, host, "
            "python_version, group, schema, schedule, env"
        ),
        (
            "deploy.yaml:5: 'Bad_Name': a function's name can't be the text 'Bad_Name'. It must be lower-case letters and "
            "digits in words joined by single hyphens, at most 63; try `bad-name`"
        ),
        (
            "deploy.yaml:8: 'Bad_Name': memory can't be the text '1024': leave the quotes out. It must be MB of "
            "generation 1: one of 128, 256, 512, 1024, 2048, 4096, 8192"
        ),
        "deploy.yaml:9: 'Bad_Name': timeout can't be the number 541. It must be whole seconds of generation 1 from 1 to 540",
        (
            "deploy.yaml:10: 'Bad_Name': runtime can't be the text 'python31'. Did you mean `python312`? It must be a "
            "Python of generation 1: one of python311, python312"
        ),
        "deploy.yaml:11: third: environment is missing",
    ]


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("memory: 1025", "4: acme: memory can't be the number 1025. Did you mean `1024`?"),
        ("memory: 1_024", "memory can't be the text '1_024'"),
        ("memory: 1024.0", "memory can't be the number 1024.0"),
        ("memory: " + "9" * 5000, "memory can't be the number 9999999999999999999999999999999999999999... (5,000"),
        ("memory: !!int abc", "4: acme: memory: `!!int abc`: tags aren't read here"),
        ("memory: [1]", "memory can't be a list"),
        ("memory:", "memory can't be nothing"),
        ("memory: {a: b}", "memory can't be a mapping"),
        ("timeout: 1:30", "timeout can't be the text '1:30'"),
        ("timeout: 010", "4: acme: timeout: 010 is octal to some readers of YAML: write 10 for the number"),
        ("timeout: on", "timeout can't be the text 'on'"),
        ("generation: true", "generation can't be the boolean true. It must be one of 1, 2"),
        ("name: !foo x", "4: acme: name: `!foo x`: tags aren't read here"),
        ("name: -x", "name can't be the text '-x'"),
        ("generation: 2\n  name: Acme", "5: acme: name can't be the text 'Acme'. It must be lower-case"),
        ("<<: *defaults", "4: acme: <<: `*defaults` is an alias, which isn't read here: write the lines out"),
        ("schema: 2024-99-99", "schema can't be the text '2024-99-99'"),
        ("dataset: acme_raw", "4: acme: `dataset` is called `schema` now"),
        ("host: connector-sdk", "host can't be the text 'connector-sdk'. Did you mean `connector_sdk`?"),
        ("host: connector_sdk\n  python_version: 3.13", "python_version can't be the number 3.13: write '3.13', in quotes"),
        (
            "host: connector_sdk\n  python_version: '3.10'",
            "python_version can't be the text '3.10'. It must be a Python of the Connector SDK: one of '3.11', '3.12', ",
        ),
        ("host: connector_sdk\n  python_version: 3.10", "the number 3.10. It must be a Python of the Connector SDK: one of '3.11'"),
        ("host: connector_sdk\n  memory: 512", "5: acme: memory means nothing with `host: connector_sdk`; leave it out"),
        ("host: connector_sdk\n  env: {}", "5: acme: env means nothing with `host: connector_sdk`"),
        ("python_version: '3.13'", "4: acme: python_version means nothing with `host: function`"),
        ("group: decent dropsy", "group can't be the text 'decent dropsy'. It must be the id of a group at Fivetran"),
        ("schedule: manual", "schedule can't be the text 'manual'. It must be one of fivetran, airflow"),
        ("region: us-centrl1", "region can't be the text 'us-centrl1'. Did you mean `us-central1`?"),
        ("region: mars-1", "region can't be the text 'mars-1'. It must be a region of generation 1"),
        ("service_account: someone", "service_account can't be the text 'someone'"),
        ("max_instances: 0", "max_instances can't be the number 0. It must be a whole number from 1"),
        ("env: x", "env must be `NAME: text` lines, indented under it, not the text 'x'"),
        ("env:\n    DEBUG: true", "5: acme: env: DEBUG can't be the boolean true: write 'true', in quotes."),
        ("env:\n    PLACES: 8", "5: acme: env: PLACES can't be the number 8: write '8', in quotes."),
        ("env:\n    a-b: x", "5: acme: env: a variable's name can't be the text 'a-b'"),
        ('env:\n    A: "\\x7f"', "5: acme: env: A can't be the text '\\x7f'. It must be text (without control characters"),
        ("env:\n    PORT: '1'", "5: acme: env: PORT is set by Google or by the deploy"),
        ("env:\n    X_GOOGLE_A: x", "env: X_GOOGLE_A is set by Google"),
        ("env:\n    FIVETRAN_MEMORY_MB: '1'", "env: FIVETRAN_MEMORY_MB is set by Google or by the deploy"),
        ("env:\n    A: " + "x" * 40_000, "env has 40,001 bytes; 32,768 is the most Google takes"),
        ("connector: acme", "4: acme: connector: it stands here a second time, first on line 2"),
        ('name: "\\ud800"', "holds half a character"),
    ],
)  # fmt: skip
def test_a_value_that_someone_would_reject_later_is_refused_here(
    small: Repository, option: str, expected: str
) -> None:
    """With file, line, key, the value and its type, and what is allowed."""
    message = refused(small, f"acme:\n{GROUP}  {option}\n")
    assert message.startswith("deploy.yaml:")
    assert expected in message


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (f"acme:\n{GROUP}acme:\n{GROUP}", "deploy.yaml:4: acme: it stands here a second time, first on line 1"),
        ("acme: casa\n", "deploy.yaml:1: acme: `connector: NAME` and `environment: NAME` are expected"),
        ("acme:\n", "deploy.yaml:1: acme: `connector: NAME`"),
        ("acme: {}\n", "deploy.yaml:1: acme: connector is missing\ndeploy.yaml:1: acme: environment is missing"),
        ("- acme\n", "deploy.yaml:1: a group for each function is expected"),
        ("x\n", "deploy.yaml:1: a group for each function is expected"),
        ("acme: [\n", "deploy.yaml:2: not YAML"),
        ("acme:\n\tconnector: acme\n", "deploy.yaml:2: not YAML: "),
        ("acme: &a\n  connector: *a\n", "deploy.yaml:2: acme: connector: `*a` is an alias"),
        ("1: x\n", "deploy.yaml:1: a name must be text, not the number 1: write '1'"),
        ("? [a]\n: b\n", "deploy.yaml:1: a name must be text, not a list"),
        (f"acme:\n{GROUP}---\nacme:\n{GROUP}", "deploy.yaml:4: a second document begins"),
        (f"%YAML 1.1\n---\nacme:\n{GROUP}", "deploy.yaml:1: directives such as %YAML aren't read here"),
        ("%YAML 1." + "9" * 5000 + "\n---\n", "deploy.yaml:1: not YAML"),
        ('acme: "\\UFFFFFFFF"\n', "deploy.yaml:1: not YAML"),
        ("[" * 5000, "deploy.yaml:1: nested deeper than 20 levels"),
        (f"acme:\n{GROUP}\0".encode(), "deploy.yaml:4: the character U+0000 can't be in YAML"),
        (f"acme:\n{GROUP}# ".encode() + b"\xe9\n", "deploy.yaml:4: this isn't UTF-8\n    save the file as UTF-8"),
        (f"acme:\n{GROUP}".encode("utf-16"), "deploy.yaml:1: this isn't UTF-8"),
    ],
)  # fmt: skip
def test_a_file_of_another_shape_is_refused(small: Repository, content: str | bytes, expected: str) -> None:
    """No shape of file ends in a traceback or is read halfway."""
    assert expected in refused(small, content)


@pytest.mark.parametrize("content", ["", "# nothing yet\n", "null\n", "---\n", "{}\n", "\ufeff"])
def test_an_empty_file_deploys_nothing(small: Repository, write: Write, content: str) -> None:
    """A repository may exist before its first deployment."""
    write("deploy.yaml", content)
    assert deployments(small) == {}


def test_a_byte_order_mark_is_read_over(small: Repository, write: Write) -> None:
    """Some editors on Windows write one."""
    write("deploy.yaml", f"\ufeffacme:\n{GROUP}")
    assert list(deployments(small)) == ["acme"]


def test_a_missing_file_is_a_message(small: Repository) -> None:
    """Not a traceback."""
    (small.root / "deploy.yaml").unlink()
    with pytest.raises(RepositoryError, match=r"deploy\.yaml: No such file"):
        deployments(small)


def test_two_groups_cant_be_one_function(small: Repository) -> None:
    """The later would overwrite the earlier; at Google a name's case makes no difference."""
    message = refused(small, f"acme:\n{GROUP}other:\n{GROUP}  name: ACME\n")
    assert message == (
        "deploy.yaml:4: other: this is the function ACME in dev-project, us-central1, as `acme` on line 1 is: "
        "give one of them another `name`, environment or region"
    )


def test_one_name_serves_in_two_projects_and_in_two_regions(small: Repository, write: Write) -> None:
    """A function is called the same in dev and prod."""
    toml = (small.root / "pyproject.toml").read_text("utf-8")
    prod = '[tool.fivetran-connectors.environments.prod]\nproject = "prod-project"\nregion = "us-central1"\n'
    write("pyproject.toml", f'{toml}\n{prod}context = "prod-context"\n')
    group = "  connector: acme\n  environment: prod\n  name: acme\n"
    write(
        "deploy.yaml",
        f"acme:\n{GROUP}acme-prod:\n{group}acme-east:\n{GROUP}  name: acme\n  region: us-east1\n",
    )
    assert {one.function for one in deployments(small).values()} == {"acme"}


def test_a_region_without_the_generation_is_found(small: Repository, write: Write) -> None:
    """The environment's region may lack generation 1; the group that would use it is named."""
    toml = (small.root / "pyproject.toml").read_text("utf-8")
    write("pyproject.toml", toml.replace("us-central1", "me-west1"))
    message = refused(small, f"acme:\n{GROUP}")
    assert message.startswith(
        "deploy.yaml:1: acme: generation 1 isn't offered in me-west1, the region of dev: write `generation: 2`"
    )


def test_limits_are_those_of_the_function_of_the_same_name(small: Repository, write: Write) -> None:
    """A sync on a laptop has the limits the function will have, and can say where they are from."""
    write("deploy.yaml", f"acme-eu:\n{GROUP}  memory: 256\n  region: us-east1\nacme:\n{GROUP}  memory: 512\n")
    found = limits_and_pythons(small)
    limits = Limits(**found["acme"]["limits"])
    assert (limits.memory, limits.origin) == (512, "limits of `acme` in deploy.yaml")
    assert "other-one" not in found  # the default of such a connector is tested in local/test_deployed.py


FRAGMENTS = [
    "acme", "dev", "connector", ":", ": ", "\n", "\n  ", "  ", "\t", "-", "- ", "&a", "*a", "<<", "!", "!!int ", "'", '"', "[", "]",
    "{", "}", "#", "|", ">", "%YAML 1.2", "---", "...", "? ", "memory", "env", "1024", "0x1F", "0o7", "010", ".nan", "1e999", "~",
    "null", "true", "yes", "2024-99-99", "\\", "\\ud800", "\\U0011FFFF", "\ufeff", "\0", "\x85", "\u2028", "\r", "é", "😀", "@", "`",
]  # fmt: skip
CONTENT = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.lists(st.sampled_from(FRAGMENTS), max_size=40).map(lambda words: "".join(words).encode()),
    st.lists(st.sampled_from(FRAGMENTS), max_size=12).map(
        lambda words: f"acme:\n{GROUP}  {''.join(words)}\n".encode()
    ),
)


@given(content=CONTENT)
def test_any_bytes_are_deployments_or_a_message(shared: Repository, content: bytes) -> None:
    """Nothing ends in a traceback, and whatever is said can be printed and names the file."""
    (shared.root / "deploy.yaml").write_bytes(content)
    problems: tuple[Problem, ...] = ()
    found: Mapping[str, Deployment] = {}
    try:
        found = deployments(shared)
    except RepositoryError as error:
        problems = error.problems
        assert problems
    assert all(isinstance(one, Deployment) for one in found.values())
    assert all(problem.where.startswith("deploy.yaml:") for problem in problems)
    assert all(len(str(problem).encode()) < 2_000 for problem in problems)


@given(text=st.text())
def test_a_variables_text_reaches_gcloud_as_it_is(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    """What is taken from deploy.yaml comes out of the file that gcloud reads, to the character."""
    assume(VARIABLE_VALUE.accepts(text))
    one = Deployment("acme", "acme", "acme", "dev", Limits(), "python312", 1, "us-central1", env={"A": text})
    target = Environment("dev", "dev-project", "us-central1", "dev-context")
    upload = Upload(
        one,
        target,
        Release("acme", "0.1.0", "a" * 40, "b" * 40),
        tmp_path_factory.mktemp("variables") / "acme",
        {},
    )
    upload.write_variables()
    assert yaml.safe_load(upload.variables_file.read_text("utf-8"))["A"] == text
