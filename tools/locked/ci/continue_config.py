"""The configuration that CircleCI continues with, in full: a test job a project, a deploy job a deployment.

What a change doesn't touch is taken out of it before it is posted (tools/locked/ci/selection.py); nothing is ever
added. So what can happen is there to be read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tools.locked.ci import steps
from tools.locked.ci.affected import REHEARSAL, RUNTIME
from tools.locked.ci.gcloud import Gcloud
from tools.locked.declared.deployments import Deployment
from tools.locked.declared.environments import Environment
from tools.repository.examples import EXAMPLES
from tools.repository.model import TOOLS

WORKFLOW = "test-and-deploy"
CHECK = "check"
TOOLS_LOCK = "tools/requirements.txt"

EMULATOR = "fivetran-emulator"
"""The package whose lock tests the examples, with the runtime's."""

TEST = "test-"
DEPLOY = "deploy-"
STALE = "stale-"

PACKAGE = "package"
"""The kind of job that deploys to Fivetran alone, where others have the way to log in at Google."""

DEPLOY_BEHIND = """\
if [ -n "<< parameters.behind >>" ]; then
  nox -s deploy -- --stale --environment "<< parameters.behind >>" --before "<< pipeline.git.base_revision >>" ||
    echo "<< parameters.function >> is live. What still lags behind is named above; its own pipeline says why."
fi
"""
"""Only what lagged before this pipeline's changes: what they touch has jobs of its own."""
APPROVE = "approve-"
"""How the names of a workflow's jobs begin; a subject, a deployment or an environment follows."""


@dataclass(frozen=True)
class Content:
    """What the configuration is made from: every subject's test lock, the deployments, the environments, gcloud."""

    locks: Mapping[str, str]
    deployments: Mapping[str, Deployment]
    environments: Mapping[str, Environment]
    gcloud: Gcloud

    @property
    def used(self) -> list[Environment]:
        """The environments with deployments, each behind the one it comes after."""
        names = {one.environment for one in self.deployments.values()}
        return [self.environments[name] for name in _in_turn(self.environments) if name in names]

    @property
    def functions(self) -> list[Deployment]:
        """The deployments at Google."""
        return [one for one in self.deployments.values() if one.is_function]

    def has_functions(self, environment: str) -> bool:
        """Whether something of an environment runs at Google, so that its jobs have to log in there."""
        return any(one.environment == environment for one in self.functions)

    def deployed_in(self, environment: str) -> list[Deployment]:
        """The deployments of an environment."""
        return [one for one in self.deployments.values() if one.environment == environment]


def continue_config(content: Content) -> dict[str, Any]:
    """The configuration as data. Depends on nothing but `content`, so equal repositories give equal files."""
    auths = sorted({content.environments[one.environment].auth for one in content.functions})
    kinds = dict.fromkeys((*auths, *([PACKAGE] if len(content.functions) < len(content.deployments) else [])))
    return {
        "version": 2.1,
        "parameters": steps.pipeline_parameters(),
        "executors": steps.executors(),
        "commands": {
            "prepare": steps.prepare(),
            "restore-downloads": _restore_downloads(),
            "keep-downloads": _keep_downloads(),
            **_gcloud_commands(content, auths),
        },
        "jobs": {
            CHECK: _check_job(),
            "test": _test_job(),
            **({REHEARSAL: _rehearse_job()} if content.functions else {}),
            **{f"deploy-{kind}": _deploy_job(kind) for kind in kinds},
            **{f"stale-{kind}": _stale_job(kind) for kind in kinds if kind in _stale_kinds(content)},
        },
        "workflows": {WORKFLOW: {"jobs": list(_entries(content))}},
    }


def _entries(content: Content) -> Iterator[dict[str, Any]]:
    yield {CHECK: {"name": CHECK}}
    for subject, lock in content.locks.items():
        yield {"test": {"name": TEST + subject, "subject": subject, "lock": lock}}
    if content.functions:
        yield {REHEARSAL: {"name": REHEARSAL, "functions": " ".join(_rehearsed(content))}}
    for environment in content.used:
        if environment.approval:
            yield _approval(content, environment)
        yield from (_deploy(content, one) for one in content.deployed_in(environment.name))
        yield _stale(content, environment)


def _rehearsed(content: Content) -> list[str]:
    """The first function of each generation and Python: between them they are everything that Google's builder does."""
    kinds: dict[tuple[int, str], str] = {}
    for one in content.functions:
        kinds.setdefault((one.limits.generation, one.runtime), one.key)
    return list(kinds.values())


def _approval(content: Content, environment: Environment) -> dict[str, Any]:
    """A person's word for an environment, asked for once all that it rests on is green."""
    name = APPROVE + environment.name
    return {
        name: {
            "type": "approval",
            "requires": [*_proofs_of(content, environment), *_deploys_into(content, environment.after)],
            "filters": steps.ON_MAIN,
        }
    }


def _deploy(content: Content, one: Deployment) -> dict[str, Any]:
    environment = content.environments[one.environment]
    before = [
        DEPLOY + other.key
        for other in content.deployed_in(environment.after or "")
        if other.connector == one.connector
    ]
    return {
        f"deploy-{environment.auth if one.is_function else PACKAGE}": {
            "name": DEPLOY + one.key,
            "function": one.key,
            # What a person has to approve isn't brought along by another function's approval; a job for packages can't ask Google.
            **({"behind": environment.name} if one.is_function and not environment.approval else {}),
            "context": environment.context,
            "requires": [*_proofs(content, one.connector), *before, *_approved(environment)],
            "serial-group": _serial_group(environment, one),
            "filters": steps.ON_MAIN,
        }
    }


def _serial_group(environment: Environment, one: Deployment) -> str:
    """What two jobs mustn't deploy at once."""
    if one.is_function:
        return f"{environment.project}/{one.region}/{one.function}"
    return f"{one.group or environment.name}/{one.schema}"


def _stale_kinds(content: Content) -> set[str]:
    return {_stale_kind(content, environment) for environment in content.used}


def _stale_kind(content: Content, environment: Environment) -> str:
    return environment.auth if content.has_functions(environment.name) else PACKAGE


def _stale(content: Content, environment: Environment) -> dict[str, Any]:
    """One job that deploys whatever lags behind in an environment; it takes the deploys' place where all tests run."""
    before = [*_deploys_into(content, environment.after), *_deploys_into(content, environment.name)[:-1]]
    return {
        f"stale-{_stale_kind(content, environment)}": {
            "name": STALE + environment.name,
            "environment": environment.name,
            "context": environment.context,
            "requires": [*_proofs_of(content, environment), *before, *_approved(environment)],
            "serial-group": f"{environment.project}/{environment.name}",
            "filters": steps.ON_MAIN,
        }
    }


def _deploys_into(content: Content, environment: str | None) -> list[str]:
    """The jobs that deploy into an environment, the one for whatever lags behind last; none into no environment."""
    deploys = [DEPLOY + one.key for one in content.deployed_in(environment or "")]
    return [*deploys, f"{STALE}{environment}"] if deploys else []


def _approved(environment: Environment) -> list[str]:
    return [APPROVE + environment.name] if environment.approval else []


def _proofs_of(content: Content, environment: Environment) -> list[str]:
    return _proofs(content, *(one.connector for one in content.deployed_in(environment.name)))


def _proofs(content: Content, *connectors: str) -> list[str]:
    """What stands before a deploy: the checks, the tests of what ships, the rehearsal."""
    runtime = [RUNTIME] if RUNTIME in content.locks else []
    rehearsal = [REHEARSAL] if content.functions else []
    return [CHECK, *dict.fromkeys(TEST + name for name in [*connectors, *runtime]), *rehearsal]


def _in_turn(environments: Mapping[str, Environment]) -> list[str]:
    """The environments' names, each behind the one it comes after; those that go round in a circle stay as they are."""
    ordered: list[str] = []
    for name in environments:
        chain = [name]
        while (after := environments[chain[-1]].after) in environments and after not in chain:
            chain.append(str(after))
        ordered += [one for one in reversed(chain) if one not in ordered]
    return ordered


def _check_job() -> dict[str, Any]:
    whose = {"subject": CHECK, "lock": TOOLS_LOCK}
    return steps.job(
        steps.MEDIUM,
        [
            "prepare",
            {"restore-downloads": whose},
            steps.run("Checks of the whole repository", "nox -s check"),
            {"keep-downloads": whose},
        ],
    )


def _test_job() -> dict[str, Any]:
    subject = "<< parameters.subject >>"
    whose = {"subject": subject, "lock": "<< parameters.lock >>"}
    return steps.job(
        steps.MEDIUM,
        [
            "prepare",
            {"restore-downloads": whose},
            steps.run(f"Test {subject}", f'nox -s lint types "tests({subject})" connector_sdk -- {subject}'),
            {"store_test_results": {"path": ".nox/results"}},
            {"keep-downloads": whose},
        ],
        _whose("A connector, a package or the tools"),
    )


def _rehearse_job() -> dict[str, Any]:
    script = 'for function in << parameters.functions >>; do\n  nox -s rehearse -- "$function"\ndone\n'
    return steps.job(
        steps.MEDIUM,
        ["prepare", "install-gcloud", steps.run("Install and serve bundles as Google does", script)],
        {"functions": steps.text("Groups of deploy.yaml, with spaces between")},
    )


def _log_in(kind: str) -> list[str]:
    """What a job of this kind needs beside nox. Fivetran's key is in the context, and nothing is to be installed for it."""
    return [] if kind == PACKAGE else ["install-gcloud", f"log-in-{kind}"]


def _deploy_job(kind: str) -> dict[str, Any]:
    deploy = steps.run("Deploy << parameters.function >>", "nox -s deploy -- << parameters.function >>")
    behind = steps.run("Deploy what an earlier pipeline left behind", DEPLOY_BEHIND)
    # No cache here: any branch's job may have written to it, and this is what ships.
    return steps.job(
        steps.SMALL,
        ["prepare", *_log_in(kind), deploy, *([] if kind == PACKAGE else [behind])],
        {
            "function": steps.text("A group of deploy.yaml"),
            **({} if kind == PACKAGE else {"behind": _BEHIND}),
        },
    )


_BEHIND = {**steps.text("An environment, to deploy what lags behind in it too"), "default": ""}


def _stale_job(kind: str) -> dict[str, Any]:
    script = "nox -s deploy -- --stale --environment << parameters.environment >>"
    return steps.job(
        steps.SMALL,
        ["prepare", *_log_in(kind), steps.run("Deploy what lags behind", script)],
        {"environment": steps.text("An environment of pyproject.toml")},
    )


def _gcloud_commands(content: Content, auths: list[str]) -> dict[str, Any]:
    if not content.functions:
        return {}
    install = steps.run("Install gcloud", content.gcloud.script())
    return {
        "install-gcloud": steps.command("Install the Google Cloud CLI", [install]),
        **{
            f"log-in-{auth}": steps.command(
                "Become the deployer", [steps.run("Log in to Google Cloud", steps.LOG_IN[auth])]
            )
            for auth in auths
        },
    }


def _whose(description: str) -> dict[str, Any]:
    return {"subject": steps.text(description), "lock": steps.text("The lock of its test environment")}


def _key(ending: str) -> str:
    """A cache's key. Environments are never cached, only what they are made from."""
    return f"downloads-2-{{{{ arch }}}}-<< parameters.subject >>-{ending}"


def _restore_downloads() -> dict[str, Any]:
    keys = [_newest(), _key("")]  # older downloads spare most of the new ones
    return steps.command(
        "Take out what an earlier run downloaded for the same locks",
        [{"restore_cache": {"keys": keys}}],
        _whose("Whose downloads"),
    )


def _keep_downloads() -> dict[str, Any]:
    save = {"save_cache": {"key": _newest(), "paths": ["~/.cache/uv", "~/.cache/pip"]}}
    return steps.command("Keep what has been downloaded", [save], _whose("Whose downloads"))


def _newest() -> str:
    return _key(f'{{{{ checksum "{TOOLS_LOCK}" }}}}-{{{{ checksum "<< parameters.lock >>" }}}}')


def locks_of(projects: Mapping[str, str], *, examples: bool = False) -> dict[str, str]:
    """Each subject's lock: `projects` are folders by name, and the tools come last; the examples have the emulator's."""
    own = {name: f"{folder}/requirements-test.txt" for name, folder in projects.items()}
    return {
        **own,
        **({EXAMPLES: own[EMULATOR]} if examples else {}),
        TOOLS: TOOLS_LOCK,
    }
