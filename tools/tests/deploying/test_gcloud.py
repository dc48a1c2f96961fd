from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from made_up_deployments import DEV, NEW, OLD, deployment

from tools.locked.declared.deployments import Deployment
from tools.locked.deploying.gcloud import Upload
from tools.locked.deploying.release import Release, label


def upload(one: Deployment, *, previous: Release | None = None, source: Path = Path("build/acme")) -> Upload:
    """`NEW` on its way."""
    return Upload(one, DEV, NEW, source, NEW.labels(previous=previous))


def test_a_new_function_is_private_and_an_old_one_keeps_its_callers() -> None:
    """Access is only ever said for a function that nobody calls yet."""
    assert "--no-allow-unauthenticated" in upload(deployment()).command(new=True)
    existing = upload(deployment(), previous=OLD).command(new=False)
    assert [argument for argument in existing if "unauthenticated" in argument] == []


def test_labels_name_the_release_and_the_one_before_it() -> None:
    """Lower case, hyphens for dots; what an earlier deploy set and this one doesn't is removed."""
    command = upload(deployment(), previous=OLD).command(new=False)
    expected = (
        f"--update-labels=connector=acme,version=0-2-0,bundle={'b' * 40},commit={'2' * 40},"
        f"previous-commit={'1' * 40},previous-bundle={'a' * 40}"
    )
    assert expected in command
    assert "--remove-labels=withdrawn" in command


def test_an_account_is_named_only_where_there_is_one() -> None:
    """Without one, a live function keeps its own."""
    assert [word for word in upload(deployment()).command(new=False) if "service-account" in word] == []
    named = deployment(service_account="runner@dev-project.iam.gserviceaccount.com")
    assert "--service-account=runner@dev-project.iam.gserviceaccount.com" in upload(named).command(new=False)


def test_the_function_gets_its_limits_and_what_it_is(tmp_path: Path) -> None:
    """In a file beside the bundle, where a value may hold what a command line can't."""
    made = upload(deployment(2, env={"AREA": "eu, us='1'\n", "NUMBER": "1"}), source=tmp_path / "acme")
    made.write_variables()
    assert f"--env-vars-file={tmp_path / 'acme.variables.yaml'}" in made.command(new=True)
    assert yaml.safe_load(made.variables_file.read_text()) == {
        "AREA": "eu, us='1'\n",
        "NUMBER": "1",
        "FIVETRAN_GENERATION": "2",
        "FIVETRAN_TIMEOUT_S": "540",
        "FIVETRAN_MEMORY_MB": "1024",
        "MALLOC_ARENA_MAX": "1",
        "FIVETRAN_BUNDLE": NEW.bundle,
        "FIVETRAN_COMMIT": NEW.commit,
    }


def test_a_release_is_read_back_from_its_labels() -> None:
    """Versions compare as labels do; labels of other tools name no release."""
    back = Release.live({**NEW.labels(previous=OLD), "deployment-tool": "cli-gcloud"})
    assert back is not None
    assert (back.shown_version, back.bundle, back.commit) == ("0.2.0", NEW.bundle, NEW.commit)
    assert back.same_version(NEW)
    assert not back.same_version(OLD)
    assert Release.live({"deployment-tool": "cli-gcloud", "version": "1"}) is None


@pytest.mark.parametrize(("text", "expected"), [("1.2.3", "1-2-3"), ("A+b", "a-b"), ("x" * 80, "x" * 63)])
def test_labels_are_what_google_takes(text: str, expected: str) -> None:
    """Lower case, digits, hyphens; never longer than 63."""
    assert label(text) == expected


@pytest.mark.parametrize(("generation", "new"), [(1, True), (2, False)])
def test_gcloud_understands_the_command(generation: int, new: bool) -> None:
    """The real gcloud reads our arguments without complaint."""
    if shutil.which("gcloud") is None:
        pytest.skip("gcloud isn't on this machine")
    one = deployment(generation, service_account="runner@dev-project.iam.gserviceaccount.com")
    words = " ".join(upload(one, previous=None if new else OLD).command(new=new))
    lint = ["gcloud", "meta", "lint-gcloud-commands", f"--command-string={words}"]
    done = subprocess.run(lint, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0]["success"] is True
