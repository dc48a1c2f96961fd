from __future__ import annotations

from typing import Any

import pytest
from made_up_deployments import NEW, OLD, deployment, live

from tools.locked.deploying.decision import Decision, Verdict, decide
from tools.locked.deploying.git_history import Relation
from tools.locked.deploying.release import Release
from tools.repository.limits import Limits

OTHER_CONTENT = Release("acme", "0.1.0", "c" * 40, "2" * 40)


def decided(
    release: Release = NEW,
    now: Any = None,
    relation: Relation = Relation.OLDER,
    *,
    force: bool = False,
    **fields: Any,
) -> Decision:
    """On deploying `release` over what is live now: `OLD` unless said otherwise."""
    return decide(deployment(**fields), release, now or live(), relation, force=force)


def test_what_does_not_exist_is_new() -> None:
    """Only where Google says that there is nothing."""
    decision = decide(deployment(), NEW, None, Relation.SAME)
    assert (decision.verdict, decision.deploys, decision.changes) == (Verdict.NEW, True, ())


@pytest.mark.parametrize("relation", [Relation.OLDER, Relation.SAME])
def test_another_version_over_an_older_commit_is_deployed(relation: Relation) -> None:
    """Forwards; nothing else changes."""
    decision = decided(relation=relation)
    assert (decision.verdict, decision.changes, decision.takes_over) == (Verdict.DEPLOY, (), False)
    assert "0.1.0 (bundle aaaaaaaaaaaa, commit 111111111111) -> 0.2.0" in decision.why


def test_the_same_version_and_bundle_leave_nothing_to_do() -> None:
    """Whatever commit gives them."""
    assert decided(Release("acme", "0.1.0", "a" * 40, "2" * 40)).verdict is Verdict.NOTHING


def test_the_same_version_with_other_content_is_reported_and_not_deployed() -> None:
    """A change of the runtime alone deploys nothing; the way to release it is said."""
    decision = decided(OTHER_CONTENT)
    assert (decision.verdict, decision.deploys) == (Verdict.SAME_VERSION, False)
    assert "nox -s bump -- acme patch" in decision.why


@pytest.mark.parametrize("force", [False, True])
def test_a_newer_commit_that_is_live_stays(force: bool) -> None:
    """Nothing is done, even by force: only rollback goes back."""
    decision = decided(relation=Relation.NEWER, force=force)
    assert (decision.verdict, decision.deploys) == (Verdict.NEWER_IS_LIVE, False)


@pytest.mark.parametrize(
    ("relation", "words"), [(Relation.UNKNOWN, "git fetch"), (Relation.ELSEWHERE, "another branch")]
)
def test_a_commit_that_is_not_on_this_line_is_refused_unless_forced(relation: Relation, words: str) -> None:
    """Nothing tells then whether HEAD is newer."""
    assert decided(relation=relation).verdict is Verdict.REFUSED
    assert words in decided(relation=relation).why
    assert decided(relation=relation, force=True).verdict is Verdict.DEPLOY


def test_a_generation_is_never_changed_by_a_deploy() -> None:
    """Not by force either; up there is a way, which is said, and down there is none."""
    up = decided(generation=2, force=True)
    assert up.verdict is Verdict.REFUSED
    for step in ("--setup-config", "--redirect-traffic", "--commit"):
        assert f"gcloud functions upgrade acme --project=dev-project --region=us-central1 {step}" in up.why
    down = decided(now=live(generation=2), force=True)
    assert down.verdict is Verdict.REFUSED
    assert "`generation: 2`" in down.why


def test_another_connectors_function_is_never_replaced() -> None:
    """Two groups of deploy.yaml with one name would take turns."""
    now = live(Release("casa", "0.1.0", "a" * 40, "1" * 40))
    assert decided(now=now, force=True).verdict is Verdict.REFUSED


def test_what_these_tools_have_not_deployed_is_taken_over_with_a_persons_yes() -> None:
    """It may be the ancestor's function, or somebody's whose name is only the same."""
    now = live(None, memory=4096, runtime="python311", max_instances=None)
    decision = decided(now=now)
    assert (decision.verdict, decision.takes_over) == (Verdict.DEPLOY, True)
    assert [str(change) for change in decision.changes] == [
        "runtime: python311 -> python312",
        "memory: 4096 MB -> 1024 MB",
        "max_instances: no limit -> 1",
    ]


def test_settings_alone_are_deployed_with_the_same_bundle() -> None:
    """A changed line of deploy.yaml takes effect without a new version."""
    decision = decided(OLD, relation=Relation.SAME, limits=Limits(1, 300, 2048))
    assert decision.verdict is Verdict.DEPLOY
    assert {str(change) for change in decision.changes} >= {
        "memory: 1024 MB -> 2048 MB",
        "timeout: 540 s -> 300 s",
    }


def test_settings_never_take_unreleased_content_along() -> None:
    """Deploying them would ship other content under a version that is out; so it fails, and says so."""
    decision = decided(OTHER_CONTENT, limits=Limits(1, 300, 2048))
    assert decision.verdict is Verdict.REFUSED
    assert "memory: 1024 MB -> 2048 MB" in decision.why


def test_an_account_is_only_changed_where_one_is_named() -> None:
    """Without one in deploy.yaml or its environment, a live function keeps its own."""
    assert decided().changes == ()
    (change,) = decided(service_account="runner@dev-project.iam.gserviceaccount.com").changes
    assert change.what == "service_account"


def test_variables_are_compared_by_name_and_never_shown() -> None:
    """Someone may have set a secret by hand; it would be removed, so its name is shown and its value is not."""
    now = live(OLD)
    hidden = {**now.variables, "TOKEN": "hunter2", "LEVEL": "debug", "LOG_EXECUTION_ID": "true"}
    decision = decided(now=live(OLD, variables=hidden), env={"LEVEL": "info", "AREA": "eu"})
    assert [str(change) for change in decision.changes] == [
        "variable AREA: not set -> set",
        "variable LEVEL: set otherwise -> set",
        "variable TOKEN: set by hand -> removed",
    ]
    assert "hunter2" not in repr(decision) + repr(live(OLD, variables=hidden))


def test_what_was_taken_back_is_not_deployed_again_by_itself() -> None:
    """The next pipeline would undo the rollback; another bundle, or a person's --force, goes ahead."""
    now = live(labels={"withdrawn": NEW.bundle})
    assert decided(now=now).verdict is Verdict.WITHDRAWN
    assert decided(now=now, force=True).verdict is Verdict.DEPLOY
    assert decided(Release("acme", "0.2.1", "d" * 40, "2" * 40), now=now).verdict is Verdict.DEPLOY


def test_a_deploy_that_did_not_end_well_is_repeated() -> None:
    """Its labels may name the release already."""
    assert decided(OLD, live(active=False)).verdict is Verdict.DEPLOY
