from __future__ import annotations

import shutil
from copy import deepcopy
from typing import Any

import pytest
import yaml
from small_repository import Write, add_project

from tools.locked.ci.config import FILE, main, render, stale
from tools.locked.ci.references import reference_problems
from tools.repository.errors import StaleError
from tools.repository.model import Repository


def data_of(repository: Repository) -> dict[str, Any]:
    """The configuration as CircleCI reads it."""
    data: dict[str, Any] = yaml.safe_load(render(repository))
    return data


def jobs_of(repository: Repository) -> dict[str, dict[str, Any]]:
    """The workflow's jobs by name."""
    entries = [
        next(iter(entry.items())) for entry in data_of(repository)["workflows"]["test-and-deploy"]["jobs"]
    ]
    return {options["name"]: {"job": job, **options} for job, options in entries}


def test_every_project_is_tested_and_every_deployment_deployed(small: Repository) -> None:
    """Nobody has to tell CI of a new connector."""
    assert list(jobs_of(small)) == [
        "check", "test-acme", "test-other-one", "test-fivetran-runtime", "test-tools", "deploy-acme",
    ]  # fmt: skip


def test_a_deploy_waits_for_what_it_ships_and_for_main(small: Repository) -> None:
    """Its connector, the runtime inside it and the checks; on no other branch."""
    job = jobs_of(small)["deploy-acme"]
    assert job["requires"] == ["check", "test-acme", "test-fivetran-runtime"]
    assert job["filters"] == 'pipeline.git.branch == "main"'
    assert job["context"] == "dev-context"


def test_downloads_are_kept_by_the_locks_but_never_for_a_deploy(small: Repository) -> None:
    """A test job takes out what it will put back under the same key; a cache that any branch can write ships nothing."""
    config = data_of(small)
    restored = config["commands"]["restore-downloads"]["steps"][1]["restore_cache"]["keys"]
    steps = config["jobs"]["test"]["steps"]
    saved = next(step["save_cache"] for step in steps if isinstance(step, dict) and "save_cache" in step)
    assert saved["key"] == restored[0]
    assert 'checksum "/tmp/locks.txt"' in saved["key"]
    assert {"restore-downloads": {"subject": "<< parameters.subject >>"}} in steps
    assert "cache" not in str(config["jobs"]["deploy-oidc"])
    assert "restore-downloads" not in str(config["jobs"]["deploy-oidc"])


def test_a_test_jobs_results_are_stored(small: Repository) -> None:
    """CircleCI reads JUnit files from the folder that `tests` writes them to under CI."""
    assert {"store_test_results": {"path": ".nox/results"}} in data_of(small)["jobs"]["test"]["steps"]


def test_a_connector_that_comes_and_goes_leaves_no_trace(small: Repository, write: Write) -> None:
    """Rendering depends on what is there and on nothing else: the old file is back byte for byte."""
    before = render(small)
    add_project(write, "connectors/new", "connector_new", name="fivetran-connector-new")
    assert "test-new" in render(Repository(small.root))
    shutil.rmtree(small.root / "connectors/new")
    assert render(Repository(small.root)) == before


def test_the_key_file_way_is_rendered_where_asked(small: Repository, write: Write) -> None:
    """An existing context with a key goes on working, by one word."""
    pyproject = (small.root / "pyproject.toml").read_text("utf-8")
    write("pyproject.toml", pyproject + 'auth = "key"\n')
    config = data_of(Repository(small.root))
    assert set(config["jobs"]) == {"check", "test", "deploy-key"}
    assert "log-in-oidc" not in config["commands"]


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
    assert (small.root / FILE).read_text("utf-8").startswith("# Made by `nox -s ci_config`")


def test_what_is_rendered_leads_nowhere_wrong(small: Repository) -> None:
    """Every name in our own file is defined."""
    assert list(reference_problems(data_of(small))) == []


def broken(change: str) -> dict[str, Any]:
    """A small valid configuration with one fault."""
    valid: dict[str, Any] = {
        "executors": {"python": {}},
        "commands": {"prepare": {"parameters": {"how": {"type": "string"}}, "steps": ["checkout"]}},
        "jobs": {
            "test": {
                "executor": "python",
                "parameters": {"subject": {"type": "string"}},
                "steps": [
                    {"prepare": {"how": "well"}},
                    {"run": {"command": "test << parameters.subject >>"}},
                ],
            }
        },
        "workflows": {
            "all": {
                "jobs": [
                    {"test": {"name": "one", "subject": "a"}},
                    {"test": {"name": "two", "subject": "b", "requires": ["one"]}},
                ]
            }
        },
    }
    assert list(reference_problems(valid)) == []
    config = deepcopy(valid)
    exec(change, {"c": config, "job": config["jobs"]["test"], "flow": config["workflows"]["all"]["jobs"]})  # noqa: S102
    return config


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("flow.append('nope')", "job nope isn't defined"),
        ("flow[1]['test']['requires'] = ['nope']", "two requires nope, which isn't there"),
        ("flow[0]['test']['requires'] = ['two']", "one requires itself, in the end"),
        ("flow[1]['test']['name'] = 'one'", "two jobs are called one"),
        ("del flow[0]['test']['subject']", "parameter subject is missing"),
        ("flow[0]['test']['more'] = 'x'", "there is no parameter more"),
        ("c['jobs']['idle'] = {'steps': []}", "job idle is in no workflow"),
        ("job['steps'].append('ruun')", "step ruun is neither CircleCI's nor a command"),
        ("job['steps'].append('prepare')", "parameter how is missing"),
        (
            "job['steps'].append({'run': {'command': '<< parameters.nope >>'}})",
            "<< parameters.nope >> isn't declared",
        ),
        ("job['steps'].append({'run': {'command': 'cat <<EOF'}})", "must be written"),
        ("job['executor'] = 'nope'", "executor nope isn't defined"),
    ],
)
def test_a_name_that_leads_nowhere_is_found(change: str, expected: str) -> None:
    """What the published schema lets through is caught here, each fault alone."""
    assert any(expected in problem for problem in reference_problems(broken(change)))
