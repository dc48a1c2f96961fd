"""Everything a person or CI does here is a session: `nox -s NAME -- ARGUMENTS`.

    nox -s sync -- datasette     a whole sync on this machine: a real source, a real function, your warehouse
    nox -s create -- acme        a new connector that works on its first day
    nox                          lint, types, tests on both hosts, check: what CI asks of a change

NAME below is a connector, such as `datasette`; FUNCTION is a group of deploy.yaml. After a session, `-- --help` tells
its options. The work is done in tools/, which has tests of its own; this file only says what is called how.
"""

import sys

if sys.version_info < (3, 11):
    sys.exit(
        "This repository needs Python 3.11 or newer, and this nox runs on %d.%d: install Python 3.11, "
        'then `python3.11 -m pip install "nox[uv]"` and `python3.11 -m nox`.' % sys.version_info[:2]
    )

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nox
import nox.registry

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))  # nox loads this file without its folder on the path

from tools.environments import locks, machine, virtual_environments
from tools.local import (
    adopting,
    connecting,
    connector_sdk,
    example_dags,
    readmes,
    recording,
    scaffolding,
    syncing,
    testing,
)
from tools.local.processes import foreground
from tools.repository import names
from tools.repository.arguments import Arguments
from tools.repository.errors import RepositoryError
from tools.repository.model import Repository

# Not newer than needed: an older Python has an older nox, which must get as far as the sentence above.
nox.needs_version = ">=2024.4.15"
# One session needs two environments and many share one, so tools/environments/virtual_environments.py makes them.
nox.options.default_venv_backend = "none"
nox.options.error_on_missing_interpreters = True

REPOSITORY = Repository(ROOT)
try:
    SUBJECTS = REPOSITORY.subjects
    # Known here, `nox -s tests -- acme` neither lists all the others as skipped nor repeats a mistake for each of them.
    TESTED = testing.asked_for(REPOSITORY, sys.argv[1:]) or SUBJECTS
except RepositoryError as error:
    sys.exit(str(error))

# What several sessions take.
CONNECTOR: dict[str, Any] = {"metavar": "NAME", "help": "a connector"}
FUNCTION: dict[str, Any] = {"metavar": "FUNCTION", "help": "a group of deploy.yaml"}
SUBJECTS_OR_ALL: dict[str, Any] = {
    "metavar": "NAME",
    "nargs": "*",
    "help": "connectors, packages or `tools`; all if none",
}


def reports_errors(function: Callable[..., None]) -> Callable[..., None]:
    """A session whose RepositoryError is one message and not a traceback."""

    @functools.wraps(function)
    def run(session: nox.Session, *arguments: str, **parameters: str) -> None:
        try:
            function(session, *arguments, **parameters)
        except RepositoryError as error:
            session.error(str(error).removesuffix("."))  # nox puts one behind it

    return run


def run_tool(module: str, *arguments: str, failing: str) -> None:
    """Run one of the tools that need more than the standard library, in their environment."""
    python = str(virtual_environments.tools_environment(REPOSITORY).prepare().python)
    testing.refuse(foreground([python, "-m", module, *arguments], cwd=ROOT), failing)


@nox.session(default=False)
@reports_errors
def sync(session: nox.Session) -> None:
    """NAME: sync it as Fivetran would, into warehouse.duckdb; --secrets FILE for the real source."""
    arguments = Arguments("sync", "Other options go to the emulator: fivetran-emulator sync --help.")
    arguments.add_argument("name", **CONNECTOR)
    arguments.add_argument("--secrets", type=Path, help="a JSON file with the real source's secrets")
    hosts = {"function": syncing.Local, connector_sdk.HOST: connector_sdk.OnConnectorSdk}
    arguments.add_argument("--host", choices=hosts, default="function", help="default: %(default)s")
    options, others = arguments.read_known(session.posargs)
    limits = syncing.limits_for(REPOSITORY, options.name)
    on = hosts[options.host]
    code = syncing.sync(REPOSITORY, options.name, limits, secrets=options.secrets, options=others, on=on)
    if code:
        sys.exit(code)  # the emulator has said why; its exit status tells the kinds of failure apart


@nox.session(name="try", default=False)
@reports_errors
def first_rows(session: nox.Session) -> None:
    """NAME [TABLE ...]: the first rows of each table, with each request, on the screen; --secrets FILE, --rows N."""
    arguments = Arguments("try", "Other options go to the emulator: fivetran-emulator try --help.")
    arguments.add_argument("name", **CONNECTOR)
    arguments.add_argument(
        "tables", metavar="TABLE", nargs="*", default=[], help="only these tables; all if none"
    )
    arguments.add_argument("--secrets", type=Path, help="a JSON file with the real source's secrets")
    arguments.add_argument("--rows", type=int, default=10, metavar="N", help="of each table; default: 10")
    options, others = arguments.read_known(session.posargs)
    code = syncing.first_rows(
        REPOSITORY,
        options.name,
        syncing.limits_for(REPOSITORY, options.name),
        tables=options.tables,
        rows=options.rows,
        secrets=options.secrets,
        options=others,
    )
    if code:
        sys.exit(code)  # the emulator has said why


@nox.session(default=False)
@reports_errors
def create(session: nox.Session) -> None:
    """NAME: a new connector, connectors/NAME, that syncs and passes every check on its first day."""
    name = scaffolding.asked(session.posargs).name
    scaffolding.refuse(REPOSITORY, name)
    run_tool("tools.locked.creating.creation", *session.posargs, failing=f"connectors/{name} isn't made")


@nox.session(default=False)
@reports_errors
def adopt(session: nox.Session) -> None:
    """--name --project --context: this clone without our connectors, with your project; --merge REV takes what is new."""
    options = adopting.asked(session.posargs)

    def render() -> None:
        run_tool("tools.locked.ci.config", failing="the CI configuration can't be rendered")

    if options.merge:
        adopting.merge(ROOT, options.merge, render)
        print(f"{options.merge} is merged; next: nox")
        return
    team = adopting.Team(options.name, options.project, options.region, options.context)
    adopting.adopt(ROOT, team, render)
    print("It is yours, in one commit. Next:\n    nox -s create -- acme          your first connector")


@nox.session(default=False)
@reports_errors
def bake(session: nox.Session) -> None:
    """Every connector that `create` can make, made and proven, and `nox` in an adopted clone; long, so not in `nox`."""
    Arguments("bake").read(session.posargs)
    run_tool("tools.locked.creating.baking", failing="not everything new works")


@nox.session(default=False)
@reports_errors
def serve(session: nox.Session) -> None:
    """NAME: its function on localhost, to be asked with curl; --practice for its practice source too."""
    arguments = Arguments("serve")
    arguments.add_argument("name", **CONNECTOR)
    arguments.add_argument(
        "--practice", action="store_true", help="serve the practice source, and show its secrets"
    )
    options = arguments.read(session.posargs)
    syncing.serve(
        REPOSITORY, options.name, syncing.limits_for(REPOSITORY, options.name), practice=options.practice
    )


@nox.session(default=False)
@reports_errors
def query(session: nox.Session) -> None:
    """SQL: ask the warehouse that sync filled; only reads."""
    arguments = Arguments("query", "Other options go to the emulator: fivetran-emulator query --help.")
    arguments.add_argument("sql", metavar="SQL", help="for example 'FROM casa_export.users LIMIT 10'")
    arguments.add_argument("--warehouse", type=Path, help="another warehouse than the repository's own")
    options, others = arguments.read_known(session.posargs)
    code = syncing.query(REPOSITORY, options.sql, others, warehouse=options.warehouse)
    if code:
        sys.exit(code)  # the emulator has said why


@nox.session(default=False)
@reports_errors
def record(session: nox.Session) -> None:
    """NAME: its real source's answers, anonymised, as its practice source; --secrets FILE opens it."""
    arguments = Arguments("record")
    arguments.add_argument("name", **CONNECTOR)
    arguments.add_argument(
        "--secrets", type=Path, required=True, help="a JSON file with the source's secrets"
    )
    arguments.add_argument("--url", help="the source's address, where the secrets don't hold it")
    arguments.add_argument("--url-key", default="url", metavar="KEY", help="the secret that is the address")
    arguments.add_argument("--pages", type=int, default=3, metavar="N", help="of each list; 0 for all")
    arguments.add_argument(
        "--keep", action="append", default=[], metavar="COLUMN", help="keep its texts; repeatable"
    )
    arguments.add_argument(
        "--hide", action="append", default=[], metavar="COLUMN", help="replace its numbers too; repeatable"
    )
    arguments.add_argument("--force", action="store_true", help="replace a practice.py written by hand")
    options = vars(arguments.read(session.posargs))
    name = options.pop("name")
    request = recording.Request(**{**options, "keep": tuple(options["keep"]), "hide": tuple(options["hide"])})
    recording.record(REPOSITORY, name, request)


@nox.session
@reports_errors
def lint(session: nox.Session) -> None:
    """[NAME ...]: ruff's rules and format, over everything or these alone; `-- --fix` fixes what can be fixed."""
    arguments = Arguments("lint")
    arguments.add_argument("names", **SUBJECTS_OR_ALL)
    arguments.add_argument("--fix", action="store_true", help="fix and format instead of only showing")
    options = arguments.read(session.posargs)
    testing.lint(REPOSITORY, options.names, fix=options.fix)


@nox.session
@reports_errors
def types(session: nox.Session) -> None:
    """[NAME ...]: mypy --strict over the tools and each connector and package, in its own environment."""
    arguments = Arguments("types")
    arguments.add_argument("names", **SUBJECTS_OR_ALL)
    testing.check_types(REPOSITORY, testing.chosen(REPOSITORY, arguments.read(session.posargs).names)[0])


@nox.session
@nox.parametrize("subject", TESTED, ids=TESTED)
@reports_errors
def tests(session: nox.Session, subject: str) -> None:
    """[NAME ...] [pytest's options]: each connector, each package and the tools, in its own environment."""
    testing.run_tests(REPOSITORY, subject, testing.chosen(REPOSITORY, session.posargs)[1])


@nox.session(name="connector_sdk")
@reports_errors
def on_connector_sdk(session: nox.Session) -> None:
    """[NAME ...] [pytest's options]: the contract and kills on Fivetran's Connector SDK; --whole for longer histories."""
    arguments = Arguments("connector_sdk", "Other options go to pytest.")
    arguments.add_argument(
        "names", metavar="NAME", nargs="*", help="connectors; all with a Connector if none"
    )
    options, others = arguments.read_known(session.posargs)
    connector_sdk.run_host_tests(REPOSITORY, options.names, others)


@nox.session(default=False)
@reports_errors
def examples(session: nox.Session) -> None:
    """[CASE ...]: the examples, one for each kind of source, against the whole contract; a table of them."""
    arguments = Arguments("examples")
    arguments.add_argument("cases", metavar="CASE", nargs="*", help="folders of examples/; all if none")
    testing.run_examples(REPOSITORY, arguments.read(session.posargs).cases)


@nox.session(default=False)
@reports_errors
def mutants(session: nox.Session) -> None:
    """Faults in connectors against the contract's checks, and in the runtime against its histories and tests."""
    arguments = Arguments("mutants")
    arguments.add_argument("processes", metavar="PROCESSES", nargs="?", type=int, help="one a core if none")
    processes = arguments.read(session.posargs).processes
    testing.run_mutants(REPOSITORY, [str(processes)] if processes else [])


@nox.session(default=False)
@reports_errors
def histories(session: nox.Session) -> None:
    """Generated connectors over many bad syncs, against a model; --count N --seed S, and the seeds that fail."""
    testing.run_histories(REPOSITORY, session.posargs)


@nox.session(default=False)
@reports_errors
def bench(session: nox.Session) -> None:
    """[CONTESTANT ...]: speed against the peers and the ceiling, half an hour; --quick under 5 minutes, --json FILE."""
    arguments = Arguments("bench")
    arguments.add_argument(
        "contestants", metavar="CONTESTANT", nargs="*", help="these and the ceiling; all if none"
    )
    arguments.add_argument("--quick", action="store_true", help="few rounds, and no more than 200,000 rows")
    arguments.add_argument("--json", metavar="FILE", help="also write each run there")
    arguments.add_argument(
        "--from", metavar="FILE", help="measure nothing; show what an earlier run wrote there"
    )
    arguments.add_argument("--write", action="store_true", help="write docs/benchmarks.md and its picture")
    arguments.read(session.posargs)
    run_tool(
        "tools.locked.benchmarks.bench",
        *session.posargs,
        failing="nothing was measured, or a run of ours is wrong; see above",
    )


@nox.session
@reports_errors
def check(session: nox.Session) -> None:
    """[CHECK ...]: everything generated is current, everything declared valid; `-- --list` names the checks."""
    run_tool("tools.locked.checks.checks", *session.posargs, failing="not everything is as it should be")


@nox.session(default=False)
@reports_errors
def lock(session: nox.Session) -> None:
    """[NAME ...]: pin and hash dependencies; --upgrade for newer ones, --check only tells."""
    arguments = Arguments("lock")
    arguments.add_argument("names", **SUBJECTS_OR_ALL)
    arguments.add_argument("--upgrade", action="store_true", help="take newer versions than those pinned now")
    arguments.add_argument("--check", action="store_true", help="write nothing; fail if a lock would change")
    options = arguments.read(session.posargs)
    tools = virtual_environments.tools_environment(REPOSITORY)
    if all(file.is_file() for file in tools.locks):
        tools.prepare()  # for its uv: locks don't depend on the one this machine has
    locks.lock(REPOSITORY, options.names, upgrade=options.upgrade, check=options.check)


GENERATORS = {
    "tools.locked.ci.config": ".circleci/",
    "tools.locked.declared.schema": "deploy.yaml's schema",
    "tools.locked.house.architecture": "docs/architecture.md",
    "tools.locked.house.api_page": "docs/api.md or docs/practice.md",
    "tools.locked.house.examples_page": "docs/examples.md",
    "tools.locked.checks.shared_facts": "what the emulator shares with the runtime",
}
"""The tools that make files from others, and what each makes."""


@nox.session(default=False)
@reports_errors
def update(session: nox.Session) -> None:
    """[NAME ...]: every generated file made current: locks, READMEs, CI, schema, pictures; --check only tells."""
    arguments = Arguments("update")
    arguments.add_argument("names", metavar="NAME", nargs="*", help="connectors or packages; all if none")
    arguments.add_argument(
        "--check", action="store_true", help="write nothing; show the differences and fail"
    )
    options = arguments.read(session.posargs)
    locks.lock(REPOSITORY, options.names, upgrade=False, check=options.check)
    with_readmes = [name for name in options.names if REPOSITORY.project(name).kind == "connector"]
    if with_readmes or not options.names:
        readmes.update(REPOSITORY, with_readmes, check=options.check)
    for module, made in GENERATORS.items():
        run_tool(
            module, *(["--check"] if options.check else []), failing=f"{made} can't be made, or isn't current"
        )


@nox.session(default=False)
@reports_errors
def ci_config(session: nox.Session) -> None:
    """Render .circleci/ from the connectors and deploy.yaml; --check only tells."""
    arguments = Arguments("ci_config")
    arguments.add_argument("--check", action="store_true", help="write nothing; show the difference and fail")
    check = ["--check"] if arguments.read(session.posargs).check else []
    run_tool("tools.locked.ci.config", *check, failing=".circleci/ isn't current; run `nox -s ci_config`")


@nox.session(default=False)
@reports_errors
def affected(session: nox.Session) -> None:
    """What your change touches, with reasons: CI runs nothing else; --base REV, --json."""
    module = "selection" if "--select" in session.posargs else "affected"  # a set-up job's, or a person's
    run_tool(
        f"tools.locked.ci.{module}", *session.posargs, failing="what the change touches can't be found out"
    )


@nox.session(default=False)
@reports_errors
def ci_run(session: nox.Session) -> None:
    """JOB: run a job of CircleCI's configuration here, on HEAD, in a clean clone with a clean HOME."""
    run_tool("tools.locked.ci.local_job", *session.posargs, failing="the job isn't green")


@nox.session(default=False)
@reports_errors
def bundle(session: nox.Session) -> None:
    """FUNCTION: exactly what Google receives, in build/FUNCTION."""
    arguments = Arguments("bundle")
    arguments.add_argument("function", **FUNCTION)
    run_tool(
        "tools.locked.deploying.bundle",
        arguments.read(session.posargs).function,
        failing="there is no bundle",
    )


@nox.session(default=False)
@reports_errors
def rehearse(session: nox.Session) -> None:
    """FUNCTION: deploy it to a fake of Google, build and serve what arrived, and sync it in full."""
    arguments = Arguments("rehearse")
    arguments.add_argument("function", **FUNCTION)
    function = arguments.read(session.posargs).function
    run_tool("tools.locked.rehearsal.rehearse", function, failing=f"{function} would not run at Google")


@nox.session(default=False)
@reports_errors
def deploy(session: nox.Session) -> None:
    """FUNCTION, or --stale: deploy what differs, then a smoke test; --dry-run prints gcloud's command."""
    arguments = Arguments("deploy")
    arguments.add_argument("function", nargs="?", **FUNCTION)
    arguments.add_argument("--stale", action="store_true", help="all functions that lag behind, one by one")
    arguments.add_argument(
        "--environment", metavar="NAME", help="with --stale: only those of one environment"
    )
    arguments.add_argument(
        "--before", metavar="COMMIT", help="with --stale: only those that lagged at COMMIT already"
    )
    arguments.add_argument("--dry-run", action="store_true", help="stage the bundle and print the command")
    arguments.add_argument("--yes", action="store_true", help="agree to changed settings without being asked")
    arguments.add_argument(
        "--force",
        action="store_true",
        help="from a dirty tree, a stale lock, another branch or line of history",
    )
    arguments.read(session.posargs)
    run_tool("tools.locked.deploying.deploy", *session.posargs, failing="not deployed")


@nox.session(default=False)
@reports_errors
def connect(session: nox.Session) -> None:
    """FUNCTION: its connection at Fivetran, made and tested; --secrets FILE; --status --pause --sync --resync --state."""
    asked = connecting.asked(session.posargs)
    failing = f"{asked.function}: {connecting.failing(asked.action)}"
    run_tool("tools.locked.connecting.connect", *session.posargs, failing=failing)


@nox.session(default=False)
@reports_errors
def rollback(session: nox.Session) -> None:
    """FUNCTION: the release before the live one again, or --to COMMIT's; the only way backwards."""
    arguments = Arguments("rollback")
    arguments.add_argument("function", **FUNCTION)
    arguments.add_argument("--to", metavar="COMMIT", help="go back to what this commit gives")
    arguments.add_argument("--yes", action="store_true", help="don't ask")
    arguments.read(session.posargs)
    run_tool("tools.locked.deploying.rollback", *session.posargs, failing="not rolled back, or not well")


@nox.session(default=False)
@reports_errors
def status(session: nox.Session) -> None:
    """[ENVIRONMENT]: what is live, against what main would deploy; what is left over, and how to retire it."""
    arguments = Arguments("status")
    arguments.add_argument("environment", metavar="ENVIRONMENT", nargs="?", help="all unless named")
    arguments.read(session.posargs)
    run_tool("tools.locked.deploying.status", *session.posargs, failing="Google couldn't be asked everything")


@nox.session(default=False)
@reports_errors
def bump(session: nox.Session) -> None:
    """NAME major|minor|patch: raise its version, and date what CHANGELOG.md has under Unreleased."""
    arguments = Arguments("bump")
    arguments.add_argument("name", metavar="NAME", help="a connector or a package")
    arguments.add_argument("part", choices=["major", "minor", "patch"], help="what changed, as in semver.org")
    arguments.read(session.posargs)
    run_tool("tools.locked.deploying.bump", *session.posargs, failing="not bumped")


@nox.session(default=False)
@reports_errors
def airflow(session: nox.Session) -> None:
    """Run docs/airflow's example DAGs on Airflow 2 and 3, against a Fivetran API on this machine."""
    Arguments("airflow").read(session.posargs)
    example_dags.run(REPOSITORY)


@nox.session(default=False)
@reports_errors
def bootstrap(session: nox.Session) -> None:
    """The development environment, .venv, once; and what this machine lacks."""
    Arguments("bootstrap").read(session.posargs)
    for finding in machine.findings():
        print(finding)
    virtual_environments.development_environment(REPOSITORY).prepare()
    print(machine.next_steps(REPOSITORY.connectors))


try:
    names.require_known_sessions(names.sessions_asked_for(sys.argv[1:]), nox.registry.get(), SUBJECTS)
except RepositoryError as error:
    sys.exit(str(error))
