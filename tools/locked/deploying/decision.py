"""Whether a function is deployed: what is live and what is wanted, compared by rules. Pure: asks nobody.

Only forwards: the live commit must be an ancestor of HEAD. Only what differs: the unit of release is the connector's
version, so other content under the same version is reported and not deployed. A live function keeps its generation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from tools.locked.declared.deployments import Deployment
from tools.locked.deploying.git_history import Relation
from tools.locked.deploying.live import LiveFunction
from tools.locked.deploying.release import WITHDRAWN, Release

GIVEN_BY_GOOGLE = {"LOG_EXECUTION_ID"}
"""Variables that gcloud adds to functions of the second generation."""


class Verdict(Enum):
    """What is to be done."""

    NEW = "new"
    DEPLOY = "deploy"
    NOTHING = "nothing to do"
    SAME_VERSION = "same version, other content"
    NEWER_IS_LIVE = "newer is live"
    WITHDRAWN = "withdrawn"
    REFUSED = "refused"


@dataclass(frozen=True)
class Change:
    """A setting that differs: its name, what is live and what deploy.yaml says."""

    what: str
    live: str
    wanted: str

    def __str__(self) -> str:
        return f"{self.what}: {self.live} -> {self.wanted}"


@dataclass(frozen=True)
class Decision:
    """The verdict, why, and the settings that would change. `asks`: a person confirms it first, or CI on main."""

    verdict: Verdict
    why: str
    changes: tuple[Change, ...] = field(default=())
    takes_over: bool = False

    @property
    def deploys(self) -> bool:
        """Whether gcloud runs."""
        return self.verdict in (Verdict.NEW, Verdict.DEPLOY)


def decide(
    one: Deployment,
    release: Release,
    live: LiveFunction | None,
    relation: Relation,
    *,
    force: bool = False,
) -> Decision:
    """The decision on deploying `release` as `one` says. `relation` is that of the live commit to HEAD.

    `force` deploys what is withdrawn, what has kept its version, and over a commit that isn't on this line of history;
    it never goes backwards and never changes a generation.
    """
    if live is None:
        return Decision(Verdict.NEW, f"new: {release}")
    if refusal := _generation(one, live):
        return Decision(Verdict.REFUSED, refusal)
    changes = tuple(setting_changes(one, release, live))
    before = live.release
    if before is None:
        why = f"these tools haven't deployed the {live.name} that is live; {release} replaces its code"
        return Decision(Verdict.DEPLOY, why, changes, takes_over=True)
    if before.connector != release.connector:
        return Decision(
            Verdict.REFUSED,
            f"the connector {before.connector} is live under this name: give this one another `name` in deploy.yaml",
        )
    if relation is Relation.NEWER:
        return Decision(
            Verdict.NEWER_IS_LIVE, f"newer is live: {before}; nothing done. Only `rollback` goes back"
        )
    if relation in (Relation.UNKNOWN, Relation.ELSEWHERE) and not force:
        return Decision(Verdict.REFUSED, _not_on_this_line(before, relation))
    return _by_content(release, live, before, changes, force=force)


def _by_content(
    release: Release, live: LiveFunction, before: Release, changes: tuple[Change, ...], *, force: bool
) -> Decision:
    if not live.active:
        return Decision(
            Verdict.DEPLOY, f"the last deploy of {before} didn't end well; now {release}", changes
        )
    if release.bundle == live.labels.get(WITHDRAWN) and not force:
        return Decision(
            Verdict.WITHDRAWN,
            f"bundle {release.bundle[:12]} ran and was taken back, {before} is live: release another version "
            f"(`nox -s bump -- {release.connector} patch`), or deploy it again with --force",
        )
    if not before.same_version(release):
        return Decision(Verdict.DEPLOY, f"{before} -> {release}", changes)
    if before.bundle == release.bundle:
        if changes:
            return Decision(Verdict.DEPLOY, f"{release} is live with other settings", changes)
        return Decision(Verdict.NOTHING, f"{release} is live; nothing to do")
    if force:
        return Decision(Verdict.DEPLOY, f"{before} -> {release}, the same version, by force", changes)
    why = (
        f"{before} is live, and the same version now gives bundle {release.bundle[:12]}: not deployed. "
        f"`nox -s bump -- {release.connector} patch` releases it"
    )
    if changes:
        waiting = "; ".join(map(str, changes))
        return Decision(Verdict.REFUSED, f"{why}; deploy.yaml's change waits for that too ({waiting})")
    return Decision(Verdict.SAME_VERSION, why)


def _generation(one: Deployment, live: LiveFunction) -> str | None:
    wanted = one.limits.generation
    if wanted == live.generation:
        return None
    if wanted < live.generation:
        return (
            f"{live.name} is of generation {live.generation}, and Google has no way back: "
            f"write `generation: {live.generation}` into deploy.yaml"
        )
    return (
        f"{live.name} is of generation 1, and a deploy doesn't change that. The upgrade keeps its address and callers:\n"
        + "\n".join(f"    {line}" for line in _upgrade(live))
        + "\nThen deploy again. (https://cloud.google.com/functions/docs/how-to-upgrade)"
    )


def _upgrade(live: LiveFunction) -> list[str]:
    project = live.path.split("/")[1]
    command = f"gcloud functions upgrade {live.name} --project={project} --region={live.region}"
    return [
        f"{command} --setup-config       # a copy of generation 2 beside it; test it",
        f"{command} --redirect-traffic   # Fivetran's calls go to the copy",
        f"{command} --commit             # the old one goes (--rollback-traffic and --abort turn back)",
    ]


def _not_on_this_line(before: Release, relation: Relation) -> str:
    if relation is Relation.UNKNOWN:
        return (
            f"the live commit {before.commit} isn't in this clone, so nothing tells whether HEAD is newer: "
            "`git fetch --unshallow` or `git fetch --all`; or --force"
        )
    return (
        f"the live commit {before.commit} isn't an ancestor of HEAD, but of another branch: "
        "merge it first, or --force replaces it"
    )


def setting_changes(one: Deployment, release: Release, live: LiveFunction) -> list[Change]:
    """What a deploy would change beside the code. Variables by name only: those set by hand may be secrets."""
    pairs: list[tuple[str, object, object]] = [
        ("runtime", live.runtime, one.runtime),
        ("memory", f"{live.memory} MB", f"{one.limits.memory} MB"),
        ("timeout", f"{live.timeout} s", f"{one.limits.timeout} s"),
        ("max_instances", live.max_instances or "no limit", one.max_instances),
    ]
    if one.service_account is not None:  # without one in deploy.yaml, a live function keeps its own
        pairs.append(("service_account", live.service_account, one.service_account))
    changes = [Change(what, str(now), str(then)) for what, now, then in pairs if now != then]
    return changes + _variable_changes(live.variables, variables_of(one, release), release)


def _variable_changes(live: Mapping[str, str], wanted: Mapping[str, str], release: Release) -> list[Change]:
    ours = {*release.variables(), *GIVEN_BY_GOOGLE}
    names = sorted((set(live) | set(wanted)) - ours)
    return [
        Change(f"variable {name}", _presence(live, wanted, name), "set" if name in wanted else "removed")
        for name in names
        if live.get(name) != wanted.get(name)
    ]


def _presence(variables: Mapping[str, str], wanted: Mapping[str, str], name: str) -> str:
    if name not in variables:
        return "not set"
    return "set otherwise" if name in wanted else "set by hand"


def variables_of(one: Deployment, release: Release) -> dict[str, str]:
    """Every environment variable of the function: deploy.yaml's, its limits, and what runs."""
    return {**one.env, **one.limits.variables(), **release.variables()}
