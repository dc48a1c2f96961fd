from __future__ import annotations

import shutil
from typing import Any

import pytest
from small_repository import Write, add_project

from tools.locked.ci import continue_config as full
from tools.locked.ci.compiler.validity import schema_problems
from tools.locked.ci.config import FILES, SETUP, main, render, stale
from tools.locked.ci.setup_config import CONTINUATION
from tools.locked.ci.yaml_text import dumped, loaded
from tools.repository.errors import RepositoryError, StaleError
from tools.repository.model import Repository


def data_of(repository: Repository, file: str = CONTINUATION) -> dict[str, Any]:
    """A file as CircleCI reads it."""
    return loaded(render(repository)[file], file)


def jobs_of(repository: Repository) -> dict[str, dict[str, Any]]:
    """The workflow's jobs by name."""
    entries = [next(iter(entry.items())) for entry in data_of(repository)["workflows"][full.WORKFLOW]["jobs"]]
    return {options.get("name", job): {"job": job, **options} for job, options in entries}


@pytest.fixture
def prod(small: Repository, write: Write) -> Repository:
    """The small repository with a second environment, which waits for a person and for the first."""
    pyproject = (small.root / "pyproject.toml").read_text("utf-8")
    write(
        "pyproject.toml",
        f'{pyproject}[tool.fivetran-connectors.environments.prod]\nproject = "prod-project"\n'
        'region = "europe-west1"\ncontext = "prod-context"\nauth = "key"\napproval = true\nafter = "dev"\n',
    )
    groups = "acme-prod:\n  connector: acme\n  environment: prod\n  name: acme\n"
    groups += "other-prod:\n  connector: other-one\n  environment: prod\n  name: other-one\n"
    write("deploy.yaml", (small.root / "deploy.yaml").read_text("utf-8") + groups)
    return Repository(small.root)


def test_every_project_is_tested_and_every_deployment_deployed(small: Repository) -> None:
    """Nobody has to tell CI of a new connector."""
    assert list(jobs_of(small)) == [
        "check", "test-acme", "test-other-one", "test-fivetran-runtime", "test-tools", "rehearse", "deploy-acme",
        "stale-dev",
    ]  # fmt: skip


def test_a_deploy_waits_for_what_it_ships_and_for_main(small: Repository) -> None:
    """Its connector, the runtime inside it, the checks and the rehearsal; on no other branch; one at a time."""
    job = jobs_of(small)["deploy-acme"]
    assert job["requires"] == ["check", "test-acme", "test-fivetran-runtime", "rehearse"]
    assert job["filters"] == 'pipeline.git.branch == "main"'
    assert job["context"] == "dev-context"
    assert job["serial-group"] == "dev-project/us-central1/acme"


def test_a_package_is_deployed_without_google(small: Repository, write: Write) -> None:
    """Its job installs no gcloud and logs in nowhere; one beside a function changes nothing of that one's."""
    function = (small.root / "deploy.yaml").read_text("utf-8")
    package = "acme-sdk:\n  connector: acme\n  environment: dev\n  host: connector_sdk\n  schema: acme_sdk\n"
    write("deploy.yaml", package)
    alone = Repository(small.root)
    assert list(jobs_of(alone))[-2:] == ["deploy-acme-sdk", "stale-dev"]
    assert jobs_of(alone)["deploy-acme-sdk"]["requires"] == ["check", "test-acme", "test-fivetran-runtime"]
    assert "gcloud" not in render(alone)[CONTINUATION]
    assert list(schema_problems(data_of(alone))) == []

    write("deploy.yaml", function + package)
    both = Repository(small.root)
    jobs = jobs_of(both)
    assert jobs["deploy-acme-sdk"]["job"] == "deploy-package"
    assert jobs["deploy-acme-sdk"]["serial-group"] == "dev/acme_sdk"
    assert jobs["deploy-acme"]["job"] == "deploy-oidc"
    assert jobs["stale-dev"]["job"] == "stale-oidc"  # it deploys both
    assert list(schema_problems(data_of(both))) == []


def test_an_environment_waits_for_a_person_and_for_the_one_before_it(prod: Repository) -> None:
    """One approval for all of prod's deploys, once dev's are done; each also behind its own connector's in dev."""
    jobs = jobs_of(prod)
    assert [name for name in jobs if name.startswith("approve")] == ["approve-prod"]
    assert jobs["approve-prod"]["type"] == "approval"
    assert jobs["approve-prod"]["requires"] == [
        "check", "test-acme", "test-other-one", "test-fivetran-runtime", "rehearse", "deploy-acme",
        "stale-dev",
    ]  # fmt: skip
    assert jobs["approve-prod"]["filters"] == 'pipeline.git.branch == "main"'
    assert {"deploy-acme", "approve-prod"} <= set(jobs["deploy-acme-prod"]["requires"])
    assert "deploy-acme" not in jobs["deploy-other-prod"]["requires"]
    assert jobs["deploy-acme-prod"]["serial-group"] == "prod-project/europe-west1/acme"
    assert list(jobs)[-6:] == [
        "deploy-acme", "stale-dev", "approve-prod", "deploy-acme-prod", "deploy-other-prod", "stale-prod",
    ]  # fmt: skip


def test_a_deploy_brings_along_what_an_earlier_pipeline_left_behind(prod: Repository) -> None:
    """But nothing into an environment that a person approves, by another function's approval."""
    jobs = jobs_of(prod)
    assert jobs["deploy-acme"]["behind"] == "dev"
    assert "behind" not in jobs["deploy-acme-prod"]


def test_downloads_are_kept_by_a_subjects_own_locks_but_never_for_a_deploy(small: Repository) -> None:
    """One connector's new lock costs the others nothing; a cache that any branch can write ships nothing."""
    config = data_of(small)
    [restore] = config["commands"]["restore-downloads"]["steps"]
    [save] = config["commands"]["keep-downloads"]["steps"]
    key = save["save_cache"]["key"]
    assert key == restore["restore_cache"]["keys"][0]
    assert '-<< parameters.subject >>-{{ checksum "tools/requirements.txt" }}-' in key
    assert key.endswith('{{ checksum "<< parameters.lock >>" }}')
    jobs = jobs_of(small)
    assert jobs["test-acme"]["lock"] == "connectors/acme/requirements-test.txt"
    assert jobs["test-fivetran-runtime"]["lock"] == "packages/fivetran-runtime/requirements-test.txt"
    assert "downloads" not in str(config["jobs"]["deploy-oidc"])


def test_a_test_jobs_results_are_stored(small: Repository) -> None:
    """CircleCI reads JUnit files from the folder that `tests` writes them to under CI."""
    assert {"store_test_results": {"path": ".nox/results"}} in data_of(small)["jobs"]["test"]["steps"]


def test_every_job_names_its_machine_its_image_and_all_commits(prod: Repository) -> None:
    """Nothing depends on what CircleCI takes where nothing is said: size, checkout; the image is of one version."""
    for file in FILES:
        config = data_of(prod, file)
        assert {job["resource_class"] for job in config["jobs"].values()} <= {"small", "medium"}
        assert all("prepare" in job["steps"] for job in config["jobs"].values())
        assert config["commands"]["prepare"]["steps"][0] == {"checkout": {"method": "full"}}
        assert config["executors"]["python"]["docker"][0]["image"].count(".") == 2


def test_beside_the_deployers_token_nothing_runs_that_is_not_pinned(small: Repository, write: Write) -> None:
    """Nox and uv by hashes, gcloud by the digest of its archive; without one the job refuses and says what to do."""
    config = data_of(small)
    [_, install] = config["commands"]["prepare"]["steps"]
    assert "--no-deps --require-hashes -r tools/requirements-nox.txt" in install["run"]["command"]
    unpinned = config["commands"]["install-gcloud"]["steps"][0]["run"]["command"]
    assert "curl" not in unpinned
    assert unpinned.endswith("exit 1\n")
    digest = "0123456789abcdef" * 4
    pyproject = (small.root / "pyproject.toml").read_text("utf-8")
    write("pyproject.toml", pyproject.replace('"528.0.0"\n', f'"528.0.0"\nsha256 = "{digest}"\n'))
    pinned = data_of(Repository(small.root))["commands"]["install-gcloud"]["steps"][0]["run"]["command"]
    assert f"echo '{digest}  /tmp/gcloud.tar.gz' | sha256sum --check --strict\ntar" in pinned


@pytest.mark.parametrize(
    "setting", ['version = "latest"', "version = 528", 'version = "1.2.3"\nsha256 = "ab"']
)
def test_a_wrong_gcloud_is_refused(small: Repository, write: Write, setting: str) -> None:
    """A digest that can't be one, or no version: said with the place in pyproject.toml."""
    pyproject = (small.root / "pyproject.toml").read_text("utf-8")
    write("pyproject.toml", pyproject.replace('version = "528.0.0"', setting))
    with pytest.raises(RepositoryError, match=r"pyproject.toml: \[tool.fivetran-connectors.gcloud\]"):
        render(Repository(small.root))


def test_a_connector_that_comes_and_goes_leaves_no_trace(small: Repository, write: Write) -> None:
    """Rendering depends on what is there and on nothing else: the old files are back byte for byte."""
    before = render(small)
    add_project(write, "connectors/new", "connector_new", name="fivetran-connector-new")
    changed = render(Repository(small.root))
    assert "test-new" in changed[CONTINUATION]
    assert changed[SETUP] == before[SETUP]
    shutil.rmtree(small.root / "connectors/new")
    assert render(Repository(small.root)) == before


def test_the_key_file_way_is_rendered_where_asked(small: Repository, write: Write) -> None:
    """An existing context with a key goes on working, by one word."""
    pyproject = (small.root / "pyproject.toml").read_text("utf-8")
    write("pyproject.toml", pyproject + 'auth = "key"\n')
    config = data_of(Repository(small.root))
    assert set(config["jobs"]) == {"check", "test", "rehearse", "deploy-key", "stale-key"}
    assert "log-in-oidc" not in config["commands"]


def test_without_deployments_nothing_is_deployed(small: Repository, write: Write) -> None:
    """An adopted repository begins so: no gcloud, no rehearsal."""
    write("deploy.yaml", "")
    config = data_of(Repository(small.root))
    assert set(config["jobs"]) == {"check", "test"}
    assert set(config["commands"]) == {"prepare", "restore-downloads", "keep-downloads"}


def test_a_stale_file_is_shown_as_a_difference_with_the_command(
    small: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--check` fails, says what would change and names what changes it; afterwards it is content."""
    monkeypatch.chdir(small.root)
    with pytest.raises(StaleError, match=r"(?s)\+    - test:.*run `nox -s ci_config`"):
        main(["--check"])
    assert main([]) == 0
    assert main(["--check"]) == 0
    assert stale(small) is None
    for file in FILES:
        assert (small.root / file).read_text("utf-8").startswith("# Made by `nox -s ci_config`")
    (small.root / SETUP).write_text("version: 2.1\n", "utf-8")
    assert stale(small) is not None


def test_what_is_rendered_is_valid_by_circlecis_schema(prod: Repository) -> None:
    """Both files; and the schema's check does find something in a wrong one."""
    for file in FILES:
        assert list(schema_problems(data_of(prod, file))) == []
    wrong = data_of(prod)
    wrong["jobs"]["test"]["steps"].append({"run": {"name": "no command"}})
    assert list(schema_problems(wrong))


@pytest.mark.parametrize(
    "text",
    ["a: 1\nb: 2\na: 3\n", "jobs:\n  test: {}\n  test: {}\n", "a: *nope\n", "a: [\n", "- a\n", "a: !x 1\n"],
)
def test_yaml_is_read_strictly(text: str) -> None:
    """A key that stands twice, an alias of nothing, broken YAML, no mapping: said with the file, never a traceback."""
    with pytest.raises(RepositoryError, match=r"^config.yml: "):
        loaded(text, "config.yml")


def test_what_is_dumped_is_read_back_the_same() -> None:
    """Quoting can't break: also where a word would be another type, and where a script has lines."""
    data = {"on": "yes", "lines": "a\n  b\n", "same": ["x", "x"], "number": 2.1, "text": "2.1", "#": "- :"}
    assert loaded(dumped(data), "here") == data
