"""Deploys against the fake of Google's API, by the real gcloud wherever something is uploaded."""

from __future__ import annotations

import io
import json
import re
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from generated_repository import commit_all, generate, git

from tools.locked.declared.deployments import deployment
from tools.locked.declared.environments import environments
from tools.locked.deploying import gcloud, smoke_test
from tools.locked.deploying.bundle import files_of, stage
from tools.locked.deploying.decision import Verdict
from tools.locked.deploying.deploy import main as deploy_command
from tools.locked.deploying.deploy_one import Options, deploy, release_of
from tools.locked.deploying.gcloud import SignedIn
from tools.locked.deploying.release import Release
from tools.locked.deploying.rollback import rollback
from tools.locked.deploying.stale import Pace, deploy_stale, lagging
from tools.locked.deploying.status import status
from tools.locked.rehearsal.functions import LiveFunction
from tools.locked.rehearsal.google import Answer, Call, FakeGoogle
from tools.repository.errors import RepositoryError
from tools.repository.model import Repository

PROJECT = "dev-fivetran"
PAGE_500 = Answer(500, b"<html><head>\n<title>500 Server Error</title>", {"Content-Type": "text/html"})
needs_gcloud = pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud isn't on this machine")


@dataclass(frozen=True)
class Team:
    """A clone of a repository of two connectors, `acme` and `beta` at 1.2.0, and Google."""

    root: Path
    google: FakeGoogle

    @property
    def repository(self) -> Repository:
        """As it is on disk now."""
        return Repository(self.root)

    def deploy(self, key: str = "acme", *, force: bool = False, yes: bool = False) -> Verdict:
        """One function's deploy."""
        return deploy(self.repository, deployment(self.repository, key), Options(force, yes))

    def release(self, key: str = "acme") -> Release:
        """What this clone gives now."""
        one = deployment(self.repository, key)
        return release_of(self.repository, one, stage(self.repository, one, stale_lock=True))

    def put(self, key: str = "acme", **labels: str) -> LiveFunction:
        """This clone's release live, as a deploy of ours leaves it, with the Invoker role for the deployer."""
        release, limits = self.release(key), deployment(self.repository, key).limits
        upload = io.BytesIO()
        with zipfile.ZipFile(upload, "w") as archive:
            for name in files_of(self.root / "build" / key):
                archive.write(self.root / "build" / key / name, name)
        live = self.google.deployed(
            key,
            upload=upload.getvalue(),
            labels={**release.labels(), **labels},
            environmentVariables={**limits.variables(), **release.variables()},
            runtime="python312", availableMemoryMb=1024, timeout="540s", maxInstances=1,
        )  # fmt: skip
        live.grant(self.google.deployer)
        return live

    def commit(self, old: str, new: str, key: str = "acme") -> str:
        """A change of a connector's source, on main; the commit."""
        file = self.root / "connectors" / key / "src" / f"connector_{key}" / "__init__.py"
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))
        return commit_all(self.root, new)

    def writes(self) -> list[str]:
        """The calls that changed something at Google."""
        return [
            f"{call.method} {call.path}"
            for call in self.google.calls
            if call.method in ("PATCH", "PUT", "DELETE")
        ]


def serve(live: LiveFunction, call: Call) -> Answer:
    """Run an upload as far as these tests look: a release with a syntax error never starts, another names itself."""
    (source,) = (text.decode() for name, text in live.members.items() if name.startswith("connector_"))
    if "def broken(:" in source:
        return PAGE_500
    (version,) = re.findall(r'__version__ = "(.+)"', source)
    (name,) = re.findall(r'Connector\("(\w+)"', source)
    message = f"Secrets: token is missing. Keys: token, url. This is {name} {version}, bundle {live.variables['FIVETRAN_BUNDLE']}."
    return Answer(500, json.dumps({"errorMessage": message, "errorType": "configuration"}).encode())


def stale(team: Team, *, failing: str = "", before: str | None = None) -> tuple[int, list[str]]:
    """A deploy of all that lags: its exit status, and whose tests were run first."""
    tested: list[str] = []

    def prove(_: Repository, connector: str) -> None:
        tested.append(connector)
        if connector == failing:
            raise RepositoryError(f"tests of {connector} failed")

    pace = Pace(sleep=lambda _: None)
    return deploy_stale(team.repository, "dev", Options(), before=before, pace=pace, prove=prove), tested


def add_environment(root: Path, name: str) -> None:
    """Another environment in dev's project."""
    file = root / "pyproject.toml"
    table = f'\n[tool.fivetran-connectors.environments.{name}]\nproject = "{PROJECT}"\n'
    file.write_text(file.read_text() + table + 'region = "us-central1"\ncontext = "team-prod"\n')


@pytest.fixture(scope="session")
def two_connectors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository that teams clone."""
    root = tmp_path_factory.mktemp("two") / "repository"
    generate(root, ["acme", "beta"], git=True)
    return root


@pytest.fixture
def team(two_connectors: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Team]:
    """A team whose gcloud talks to the fake; nobody is at a terminal, and CI doesn't run."""
    root = tmp_path / "clone"
    git(two_connectors, "clone", "--quiet", str(two_connectors), str(root))
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(smoke_test, "WAITS", ())
    with FakeGoogle(project=PROJECT, serve=serve) as google:
        for name, value in google.environment().items():
            monkeypatch.setenv(name, value)
        yield Team(root, google)


@pytest.fixture
def quick(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """Signed in without asking gcloud, which takes a second; one test asks it."""
    monkeypatch.setattr(gcloud, "signed_in", lambda: signed_in(team.google))


def signed_in(google: FakeGoogle) -> SignedIn:
    """As the deployer."""
    endpoints = {"cloudfunctions": google.url, "iamcredentials": google.url}
    return SignedIn(google.deployer, google.access_token(), endpoints)


# -- by the real gcloud ------------------------------------------------------------------------------------


@needs_gcloud
def test_a_new_function_is_private_labelled_and_asked(
    team: Team, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then there is nothing to do; then a setting alone is deployed, and access stays as someone set it."""
    assert team.deploy() is Verdict.NEW
    live, release = team.google.function("acme"), team.release()
    assert {name: live.labels[name] for name in release.labels()} == release.labels()
    assert live.labels.get("previous-bundle") is None
    assert release.variables().items() <= live.variables.items()
    assert (live.variables["FIVETRAN_TIMEOUT_S"], live.memory, live.timeout) == ("540", 1024, 540)
    assert not live.may_call("allUsers")
    assert "smoke test: cannot ask" in capfd.readouterr().out  # nobody has made the deployer an Invoker yet

    monkeypatch.setattr(gcloud, "signed_in", lambda: signed_in(team.google))
    live.grant(team.google.deployer)
    live.grant("allUsers")
    assert team.deploy() is Verdict.NOTHING
    assert "smoke test: passed" in capfd.readouterr().out
    assert live.builds == 1

    manifest = team.root / "deploy.yaml"
    manifest.write_text(
        manifest.read_text().replace("connector: acme\n", "connector: acme\n  env:\n    AREA: 'eu, us=1'\n")
    )
    commit_all(team.root, "other settings")
    monkeypatch.setenv("CI", "true")
    assert team.deploy() is Verdict.DEPLOY
    assert "variable AREA: not set -> set" in capfd.readouterr().out
    assert (live.builds, live.variables["AREA"], live.labels["bundle"]) == (2, "eu, us=1", release.bundle)
    assert live.may_call("allUsers")


@needs_gcloud
def test_a_failed_smoke_test_ends_with_the_old_bundle_live(
    team: Team, quick: None, capfd: pytest.CaptureFixture[str]
) -> None:
    """Built again from the commit that the labels name; the job fails, and a pipeline doesn't try it again."""
    live, old = team.put(), team.release()
    files = {
        name: (team.root / "build" / "acme" / name).read_bytes() for name in ("main.py", "requirements.txt")
    }
    team.commit('__version__ = "1.2.0"', '__version__ = "1.3.0"\n\ndef broken(:')
    new = team.release()
    with pytest.raises(
        RepositoryError, match=r"acme: 1\.3\.0 .* failed its smoke test; 1\.2\.0 .* is live again"
    ):
        team.deploy()
    assert live.builds == 3  # what was there, the new one, and the old one again
    assert {name: live.labels[name] for name in old.labels()} == old.labels()
    assert live.labels["withdrawn"] == new.bundle
    assert old.variables().items() <= live.variables.items()
    assert files.items() <= live.members.items()
    assert b"def broken" not in live.members["connector_acme/__init__.py"]
    assert "smoke test: passed" in capfd.readouterr().out
    assert git(team.root, "worktree", "list").count("\n") == 0

    assert team.deploy() is Verdict.WITHDRAWN
    assert live.builds == 3


@needs_gcloud
def test_with_nothing_to_go_back_to_a_failed_smoke_test_says_so(team: Team, quick: None) -> None:
    """What was there before wasn't of these tools, so no label names a commit; the job fails all the same."""
    live = team.google.deployed("acme")
    live.grant(team.google.deployer)
    team.commit('__version__ = "1.2.0"', '__version__ = "1.3.0"\n\ndef broken(:')
    with pytest.raises(RepositoryError, match="failed its smoke test, and there is nothing to go back to"):
        team.deploy(yes=True)
    assert (live.builds, live.labels["version"]) == (2, "1-3-0")


@needs_gcloud
def test_a_red_pipeline_and_anothers_green_one_end_with_both_live(team: Team, quick: None) -> None:
    """Acme's pipeline failed before its deploy; beta's, on a later commit, deploys beta and then whatever lags."""
    acme, beta = team.put("acme"), team.put("beta")
    team.commit("1.2.0", "1.3.0", "acme")
    team.commit("1.2.0", "2.0.0", "beta")
    assert team.deploy("beta") is Verdict.DEPLOY
    assert acme.labels["version"] == "1-2-0"
    assert stale(team) == (0, ["acme"])
    assert (acme.labels["version"], beta.labels["version"]) == ("1-3-0", "2-0-0")
    assert (acme.labels["bundle"], beta.labels["bundle"]) == (
        team.release("acme").bundle,
        team.release("beta").bundle,
    )
    assert (acme.builds, beta.builds) == (2, 2)


@needs_gcloud
def test_a_rollback_goes_to_the_release_before_and_stays(team: Team, quick: None) -> None:
    """A pipeline doesn't undo it, and the tree it is built in is the old commit's."""
    old = team.release()
    team.commit("1.2.0", "1.3.0")
    live = team.put(**{"previous-commit": old.commit, "previous-bundle": old.bundle})
    one = deployment(team.repository, "acme")
    with pytest.raises(RepositoryError, match="a person's yes"):
        rollback(team.repository, one, None, yes=False)
    assert rollback(team.repository, one, None, yes=True) == 0
    assert (live.labels["version"], live.labels["bundle"], live.labels["commit"]) == (
        "1-2-0",
        old.bundle,
        old.commit,
    )
    assert "previous-bundle" not in live.labels
    assert team.deploy() is Verdict.WITHDRAWN
    assert live.labels["version"] == "1-2-0"


# -- what is decided without an upload ---------------------------------------------------------------------


def test_an_older_commit_deployed_after_a_newer_one_changes_nothing(
    team: Team, quick: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two pipelines in the wrong order: the older one's job is green."""
    older = git(team.root, "rev-parse", "HEAD")
    team.commit("1.2.0", "1.3.0")
    team.put()
    git(team.root, "checkout", "--quiet", "-B", "main", older)
    git(team.root, "fetch", "--quiet", "origin")
    assert team.deploy() is Verdict.NEWER_IS_LIVE
    assert "newer is live: 1.3.0" in capsys.readouterr().out
    assert team.writes() == []


def test_a_change_without_a_new_version_is_reported(team: Team, quick: None) -> None:
    """Nothing is uploaded."""
    team.put()
    team.commit("tickets changed at", "tickets that changed at")
    assert team.deploy() is Verdict.SAME_VERSION
    assert team.writes() == []


def test_a_dirty_tree_a_stale_lock_and_another_branch_are_refused_at_once(team: Team, quick: None) -> None:
    """With the way out of each; Google isn't even asked."""
    git(team.root, "switch", "--quiet", "--create=mine")
    (team.root / "new").write_text("")
    pyproject = team.root / "connectors" / "acme" / "pyproject.toml"
    pyproject.write_text(pyproject.read_text().replace('"functions-framework"', '"functions-framework>=3"'))
    with pytest.raises(RepositoryError) as raised:
        team.deploy()
    for words in (
        "the tree is dirty: connectors/acme/pyproject.toml, new",
        "acme: not deployed",
        "branch `mine`",
        "nox -s lock -- acme",
        "--force",
    ):
        assert words in str(raised.value)
    assert team.google.calls == []
    live = team.put()
    assert live.labels["commit"].endswith("-dirty")
    assert team.deploy(force=True) is Verdict.NOTHING


def test_settings_that_differ_need_a_yes_unless_they_were_merged(
    team: Team, quick: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are shown; on a machine without a terminal that isn't CI on main, nothing is uploaded."""
    live = team.put()
    live.resource["availableMemoryMb"] = 4096
    team.commit("1.2.0", "1.3.0")
    with pytest.raises(RepositoryError, match="--yes"):
        team.deploy()
    assert "memory: 4096 MB -> 1024 MB" in capsys.readouterr().out
    assert team.writes() == []


def test_what_these_tools_have_not_deployed_is_not_taken_over_in_ci(
    team: Team, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be another team's function; a person says yes, once."""
    team.google.deployed("acme")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(RepositoryError, match="--yes"):
        team.deploy()
    assert team.writes() == []


def test_generation_2_over_a_live_generation_1_function_is_refused(
    team: Team, quick: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the commands that upgrade it; by force too."""
    team.put()
    file = team.root / "deploy.yaml"
    file.write_text(file.read_text().replace("connector: acme\n", "connector: acme\n  generation: 2\n"))
    commit_all(team.root, "generation 2")
    with pytest.raises(RepositoryError):
        team.deploy(force=True)
    assert "gcloud functions upgrade acme --project=dev-fivetran" in capsys.readouterr().out
    assert team.writes() == []


def test_an_error_that_holds_404_makes_no_function_new(team: Team, quick: None) -> None:
    """Google didn't say that it doesn't exist, so nothing is done to it."""
    team.put()
    team.google.fail("GET", "v2/.*acme", 403, "Permission denied on project 404404")
    with pytest.raises(RepositoryError, match="Permission denied"):
        team.deploy()
    assert team.writes() == []


def test_what_lags_is_what_is_missing_older_or_otherwise_set(team: Team, quick: None) -> None:
    """Not what is newer in content alone, nor what these tools haven't deployed: a person takes that over."""
    assert [one.key for one in lagging(team.repository, None)] == ["acme", "beta"]
    acme, beta = team.put("acme"), team.put("beta")
    assert lagging(team.repository, None) == []
    beta.resource["timeout"] = "60s"
    team.commit("tickets changed at", "tickets that changed at")
    assert [one.key for one in lagging(team.repository, "dev")] == ["beta"]
    beta.resource["labels"] = {}
    assert lagging(team.repository, None) == []
    acme.resource["status"] = "OFFLINE"
    assert [one.key for one in lagging(team.repository, None)] == ["acme"]
    with pytest.raises(RepositoryError, match="Did you mean `dev`"):
        lagging(team.repository, "devv")


def test_one_that_fails_leaves_no_other_behind(
    team: Team, quick: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The job fails, and names it."""
    acme = team.put("acme")
    acme.resource["timeout"] = "60s"  # a changed setting needs a yes, which nobody gives here
    beta = team.put("beta")
    beta.resource["timeout"] = "60s"
    assert stale(team) == (1, ["acme", "beta"])
    assert "not deployed: acme, beta" in capsys.readouterr().out


def test_what_lags_is_not_deployed_while_its_tests_fail(
    team: Team, quick: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its own pipeline may have failed because of them."""
    team.put("acme")
    team.put("beta")
    team.commit("1.2.0", "1.3.0")
    assert stale(team, failing="acme") == (1, ["acme"])
    assert "acme: tests of acme failed" in capsys.readouterr().out
    assert team.writes() == []


def test_another_pipeline_brings_along_what_lagged_before_it(
    team: Team, quick: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Acme's pipeline was red; beta's own change is left to beta's job, which runs at the same time."""
    team.put("acme")
    team.put("beta")
    left_behind = team.commit("1.2.0", "1.3.0")
    team.commit("1.2.0", "1.2.1", key="beta")
    assert stale(team, failing="acme", before=left_behind) == (1, ["acme"])
    assert "lagging behind: acme\n" in capsys.readouterr().out
    assert stale(team, before="") == (0, [])
    assert stale(team, before="f" * 40) == (0, [])


def test_status_says_what_is_live_and_what_is_left_over(team: Team, quick: None) -> None:
    """Against main; with generation, Python's end and address; others' functions are not our matter."""
    acme = team.put("acme")
    left = {**Release("removed", "0.1.0", "a" * 40, "1" * 40).labels()}
    team.google.deployed("removed", generation=2, region="europe-west1", labels=left)
    team.google.deployed("somebody-elses")
    add_environment(team.root, "prod")
    (team.root / "deploy.yaml").write_text(
        (team.root / "deploy.yaml").read_text() + "acme-prod:\n  connector: acme\n  environment: prod\n"
    )
    team.google.deployed("acme-prod", labels={**left, "connector": "acme"})
    team.commit("1.2.0", "1.3.0")
    target = environments(team.repository)["dev"]
    text = "\n".join(status(team.repository, target, today=date(2026, 3, 2)))
    assert re.search(r"acme +LAGS +1\.2\.0 \(.*\) -> 1\.3\.0", text)
    assert f"generation 1, python312 (supported until 2028-10-02), {acme.url}" in text
    assert re.search("beta +not deployed", text)
    assert re.search("removed +LEFT OVER", text)
    assert "gcloud functions delete removed --project=dev-fivetran --region=europe-west1 --gen2" in text
    assert "somebody-elses" not in text
    assert "acme-prod" not in text  # another environment's in the same project


def test_a_dry_run_asks_nobody(
    team: Team, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It stages the bundle and prints the command, from a dirty tree too."""
    (team.root / "new").write_text("")
    monkeypatch.chdir(team.root)
    assert deploy_command(["acme", "--dry-run"]) == 0
    assert capsys.readouterr().out.startswith("gcloud functions deploy acme --project=dev-fivetran")
    assert team.google.calls == []


@pytest.mark.parametrize("arguments", [[], ["acme", "--stale"], ["--stale", "--dry-run"]])
def test_one_function_or_all_that_lag(
    team: Team, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    """Neither nothing nor both."""
    monkeypatch.chdir(team.root)
    with pytest.raises(RepositoryError, match="--stale"):
        deploy_command(arguments)


def test_nothing_to_go_back_to_is_said(team: Team, quick: None) -> None:
    """No label names a release before; or the commit that is named isn't here, or gives another bundle."""
    live = team.put()
    one = deployment(team.repository, "acme")
    with pytest.raises(RepositoryError, match=r"names a release before 1\.2\.0"):
        rollback(team.repository, one, None, yes=True)
    live.resource["labels"] |= {"previous-commit": "f" * 40, "previous-bundle": "a" * 40}
    with pytest.raises(RepositoryError, match="knows no commit `ffff"):
        rollback(team.repository, one, None, yes=True)
    live.resource["labels"]["previous-commit"] = team.release().commit
    with pytest.raises(RepositoryError, match="not the same, so not deployed"):
        rollback(team.repository, one, None, yes=True)
    live.resource["labels"]["previous-commit"] = team.release().commit + "-dirty"
    with pytest.raises(RepositoryError, match="no commit holds"):
        rollback(team.repository, one, None, yes=True)
    with pytest.raises(RepositoryError, match="is live: nothing to go back to"):
        rollback(team.repository, one, "HEAD", yes=True)
    assert team.writes() == []
