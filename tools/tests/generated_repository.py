"""Repositories of as many connectors as a test asks for, written in a second: no index, no uv, no template.

    python -m tools.tests.generated_repository FOLDER 1000      one to measure on, with locks of usual size

Each connector has a right pyproject.toml, locks whose digests are those of today's inputs, and a group in deploy.yaml.
Its pins are made up (`sha256:` of the name), so nothing of it can be installed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from tools.environments.locks import Lock, locks_of
from tools.local.adopting import Team, with_environment
from tools.repository.model import Repository, requirement_name
from tools.repository.names import dataset, distribution, import_name, normalized

ROOT = Path(__file__).parents[2]
"""This very repository."""

LEFT_OUT = [
    ".git",
    ".nox",
    ".venv",
    ".circleci",
    "build",
    "connectors",
    "deploy.yaml",
    "*.duckdb*",
    ".*_cache",
    "__pycache__",
    ".hypothesis",
]
"""What a copy of this repository goes without: what runs leave behind, and all that is of its connectors."""

ENVIRONMENT = Team("", project="dev-fivetran", region="us-central1", context="fivetran-connectors-dev")
"""What a generated repository deploys to, whichever team's this one is."""

DEPLOY = "{name}:\n  connector: {name}\n  environment: {environment}\n"

PYPROJECT = """\
[build-system]
requires = ["hatchling>=1.26"]
build-backend = "hatchling.build"

[project]
name = "{distribution}"
description = "{name}, for Fivetran."
readme = "README.md"
license = "Apache-2.0"
requires-python = ">=3.11"
dynamic = ["version"]
dependencies = [
    "fivetran-runtime",
    "functions-framework",
]

[dependency-groups]
test = [
    "fivetran-emulator",
    "pytest",
    "pytest-socket",
]

[tool.hatch.version]
path = "src/{module}/__init__.py"

[tool.hatch.build.targets.wheel]
packages = ["src/{module}"]

[tool.uv.sources]
fivetran-runtime = {{ path = "../../packages/fivetran-runtime", editable = true }}
fivetran-emulator = {{ path = "../../packages/fivetran-emulator", editable = true }}

[tool.pytest.ini_options]
addopts = "--strict-config --strict-markers --disable-socket --allow-unix-socket --allow-hosts=127.0.0.1,::1,localhost"
testpaths = ["tests"]
filterwarnings = ["error"]
xfail_strict = true
"""

SOURCE = '''\
"""{name}: its tickets, those changed since the last sync."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from fivetran_runtime import Bearer, Client, Config, Connector, PageToken, Secret

__version__ = "1.2.0"


class Secrets(Config):
    """What Fivetran sends as secrets."""

    token: Secret
    url: str = "https://api.{name}.example"


def connect(secrets: Secrets) -> Client:
    """The source's API, as the owner of the token."""
    return Client(secrets.url, auth=Bearer(secrets.token))


app = Connector("{name}", version=__version__, config=Secrets, client=connect)


@app.table(key="id", cursor="updated_at", lookback=timedelta(hours=6))
def tickets(source: Client, since: datetime | None, bookmark: str | None = None) -> Iterator[Any]:
    """The tickets changed at or after `since`; all of them on the first sync, when it is None."""
    pages = PageToken(bookmark, param="bookmark", next="next")
    yield from source.pages("/tickets", pages, rows="data", updated_since=since)


@app.check
def can_list_tickets(source: Client) -> None:
    """Fivetran's setup test: one ticket is enough to tell a wrong token."""
    source.get("/tickets", limit=1)


main = app.handler
'''

PRACTICE = '''\
"""The ticket system's API, with rows made up."""

from __future__ import annotations

from fivetran_emulator.practice import Bearer, PageToken, Source

TICKETS = [{"id": number, "updated_at": f"2026-01-{number % 28 + 1:02}T12:00:00Z"} for number in range(1, 251)]

source = Source(access=Bearer("practice-token"))
source.listing("/tickets", TICKETS, pages=PageToken(param="bookmark"), cursor="updated_at", since="updated_since")

secrets = {"token": "practice-token", "url": "{url}"}
'''

CONTRACT = """\
from __future__ import annotations

from pathlib import Path

from {module} import main
from fivetran_emulator.contract import contract_tests

test_contract = contract_tests(
    main,
    practice=Path(__file__).parents[1] / "practice.py",
    keeps_deleted={{"tickets": "the API does not tell of deletes"}},
)
"""

README = "# {name}\n\nTickets of the team that uses {name}. They land in the dataset `{dataset}`.\n"

CHANGELOG = "# Changelog\n\n## 1.2.0 - 2026-03-02\n\n### Added\n\n- `tickets`, by `updated_at`.\n"

SHIPPED = [
    "blinker",
    "certifi",
    "charset-normalizer",
    "click",
    "cloudevents",
    "flask",
    "functions-framework",
    "gunicorn",
    "h11",
    "idna",
    "itsdangerous",
    "jinja2",
    "markupsafe",
    "msgspec",
    "packaging",
    "requests",
    "starlette",
    "urllib3",
    "uvicorn",
    "watchdog",
    "werkzeug",
]
"""What a usual connector's lock pins; the pins of its test lock come on top."""

TESTED = [
    "editables",
    "hatchling",
    "hypothesis",
    "iniconfig",
    "pathspec",
    "pluggy",
    "pygments",
    "pytest",
    "pytest-socket",
]


def generate(
    root: Path,
    connectors: Iterable[str] | int,
    *,
    hashes: int = 2,
    environment: str = "dev",
    git: bool = False,
) -> Repository:
    """Write a repository at `root`: this one's packages, tools and settings, and connectors of its own alone.

    `connectors` are their names, or how many: `source-0001` and on. None at all makes what `adopt` leaves. With
    `git` everything is the one commit of the branch main. `hashes` is their number a pin; 20 makes locks of usual size.
    """
    shutil.copytree(ROOT, root, ignore=shutil.ignore_patterns(*LEFT_OUT), dirs_exist_ok=True)
    pyproject = root / "pyproject.toml"
    pyproject.write_text(with_environment(pyproject.read_text("utf-8"), ENVIRONMENT.section()), "utf-8")
    names = numbered(connectors) if isinstance(connectors, int) else list(connectors)
    for name in names:
        add_connector(root, name)
    (root / "connectors").mkdir(exist_ok=True)
    (root / "deploy.yaml").write_text(
        "".join(DEPLOY.format(name=name, environment=environment) for name in names), "utf-8"
    )
    repository = Repository(root)
    write_locks(repository, names, hashes=hashes)
    if git:
        commit_all(root, "start")
    return Repository(root)


def numbered(count: int) -> list[str]:
    """So many connectors' names, in order: `["source-0001", ...]`."""
    return [f"source-{number:04}" for number in range(1, count + 1)]


def add_connector(root: Path, name: str) -> Path:
    """Write a connector as its author leaves it, without locks; its folder."""
    module, folder = import_name(name), root / "connectors" / name
    words = {
        "name": name, "module": module, "distribution": distribution(name), "dataset": dataset(name)
    }  # fmt: skip
    files = {
        "pyproject.toml": PYPROJECT.format(**words),
        f"src/{module}/__init__.py": SOURCE.format(**words),
        "practice.py": PRACTICE,
        "tests/test_contract.py": CONTRACT.format(**words),
        "README.md": README.format(**words),
        "CHANGELOG.md": CHANGELOG,
    }
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8")
    return folder


def write_locks(repository: Repository, names: Iterable[str], *, hashes: int = 2) -> None:
    """Write locks that today's inputs could have been resolved to, in the order in which they depend on one another."""
    shipped, tested = pins(SHIPPED, hashes), pins([*SHIPPED, *TESTED], hashes)
    ours = {package.distribution for package in repository.packages.values()}
    for name in names:
        ships, tests = locks_of(repository, name)
        _write_lock(repository, ships, shipped, SHIPPED, ours)
        _write_lock(repository, tests, tested, [*SHIPPED, *TESTED], ours)


def pins(names: Iterable[str], hashes: int) -> str:
    """Lines of a lock, each distribution at version 99.0 with made-up hashes."""
    return "".join(
        f"{name}==99.0 \\\n" + " \\\n".join(_hash(f"{name}-{index}") for index in range(hashes)) + "\n"
        for name in sorted(names)
    )


def commit_all(root: Path, message: str) -> str:
    """Commit everything that isn't ignored, in a new repository on the branch main if there is none; the commit."""
    if not (root / ".git").exists():
        git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--allow-empty", f"--message={message}")
    return git(root, "rev-parse", "HEAD")


def git(root: Path, *arguments: str) -> str:
    """Run git in `root`, deaf to this machine's settings; what it printed."""
    person = {"NAME": "A Person", "EMAIL": "person@example.org", "DATE": "2026-03-02T12:00:00Z"}
    own = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in person.items()}
    clean = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    env = {**clean, **own, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    done = subprocess.run(["git", *arguments], cwd=root, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def _write_lock(repository: Repository, lock: Lock, body: str, pinned: Iterable[str], ours: set[str]) -> None:
    asked = {normalized(requirement_name(text)) for text in lock.inputs["requires"]}
    assert asked - ours <= set(pinned), f"{lock.file} needs pins for {asked - ours - set(pinned)}"
    lock.file.write_text(lock.header(repository.root) + body, "utf-8")


def _hash(text: str) -> str:
    return f"    --hash=sha256:{hashlib.sha256(text.encode()).hexdigest()}"


if __name__ == "__main__":
    generate(Path(sys.argv[1]), int(sys.argv[2]), hashes=20, git=True)
