"""The set-up page's commands and files are what their readers take: the real gcloud, bigquery-etl, pyproject.toml."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from small_repository import ROOT

PAGE = ROOT / "docs" / "setting-up.md"

DATASET_METADATA = {
    "friendly_name", "description", "dataset_base_acl", "user_facing", "labels", "workgroup_access",
    "default_table_workgroup_access", "default_table_expiration_ms", "syndication", "external_sharing",
}  # fmt: skip
"""The keys that bigquery-etl reads; it refuses any other (bigquery_etl/metadata/parse_metadata.py)."""


def blocks(language: str) -> list[str]:
    """The page's code blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def gcloud_commands(folder: Path) -> list[list[str]]:
    """Every gcloud command of the page, as bash passes its arguments on: a gcloud on PATH that only takes notes."""
    notes = folder / "notes"
    recorder = folder / "gcloud"
    recorder.write_text(
        "#!/bin/sh\n"
        f'{{ for word in gcloud "$@"; do printf "%s\\037" "$word"; done; printf "\\n"; }} >> {notes}\n'
        "echo 123456789\n"
    )
    recorder.chmod(0o755)
    (folder / "bq").symlink_to("/bin/true")
    script = "".join(blocks("bash"))
    subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env={"PATH": f"{folder}:/usr/bin:/bin"}, check=True, capture_output=True,
    )  # fmt: skip
    return [line.split("\037")[:-1] for line in notes.read_text("utf-8").splitlines()]


def test_the_real_gcloud_takes_every_command(tmp_path: Path) -> None:
    """Each flag of each command exists; gcloud itself says so."""
    if shutil.which("gcloud") is None:
        pytest.skip("gcloud isn't on this machine")
    commands = gcloud_commands(tmp_path)
    assert len(commands) >= 12
    file = tmp_path / "commands.json"
    file.write_text(json.dumps([{"command_string": shlex.join(words)} for words in commands]))
    done = subprocess.run(
        ["gcloud", "meta", "lint-gcloud-commands", f"--commands-file={file}"],
        cwd=tmp_path,  # the linter makes the key file that one command names
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    results = json.loads(done.stdout)
    assert len(results) == len(commands)
    assert [one for one in results if not one["success"]] == []


def test_the_pool_trusts_one_project_and_its_main_branch(tmp_path: Path) -> None:
    """Not every branch of every project of the organization, as a condition on the audience alone would."""
    provider = next(words for words in gcloud_commands(tmp_path) if "create-oidc" in words)
    condition = next(word for word in provider if word.startswith("--attribute-condition="))
    assert re.search(r"assertion\['oidc\.circleci\.com/project-id'\] == '[0-9a-f-]{36}'", condition)
    assert "assertion['oidc.circleci.com/vcs-ref'] == 'refs/heads/main'" in condition
    assert "!assertion['oidc.circleci.com/ssh-rerun']" in condition
    assert " || " not in condition


def test_the_dataset_is_described_in_bigquery_etls_words() -> None:
    """bigquery-etl refuses an unknown key."""
    metadata = yaml.safe_load(blocks("yaml")[0])
    assert set(metadata) <= DATASET_METADATA
    assert {"friendly_name", "description", "dataset_base_acl", "user_facing"} <= set(metadata)


def test_the_environment_shown_is_one_we_read() -> None:
    """The page's pyproject lines pass our own reader."""
    from tools.locked.declared.environments import environments
    from tools.repository.model import Repository

    tables = tomllib.loads(blocks("toml")[0])["tool"]["fivetran-connectors"]["environments"]
    assert set(tables["dev"]) <= set(environments(Repository(ROOT))["dev"].__dataclass_fields__)
