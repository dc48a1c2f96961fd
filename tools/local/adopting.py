"""Makes a clone of this repository a team's own: none of our connectors, their project; and later takes what is new.

Adopting removes connectors that upstream goes on changing, and git calls each such file a conflict. So upstream is
merged through a vendor branch: a commit that is upstream with the same taken away, whose parents are the adoption
before and upstream's commit. Its base is an adopted tree too, and only what upstream really changed is left to merge.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.repository.arguments import Arguments
from tools.repository.errors import RepositoryError

TRAILER = "Adopted-From"
"""Marks the commits of the vendor branch, wherever they are in the history."""

THEIRS = ("README.md", "connectors/README.md", "deploy.yaml", ".circleci")
"""The team's from the day of adoption on: upstream's changes of them don't come along. .circleci is rendered again."""

ENVIRONMENTS = re.compile(
    r"^\[tool\.fivetran-connectors\.environments\..*?(?=^\[(?!tool\.fivetran-connectors\.environments\.))",
    re.MULTILINE | re.DOTALL,
)
PROJECT = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")
REGION = re.compile(r"[a-z]+-[a-z]+\d+")

README = """\
# {name}

Our Fivetran connectors: each is a folder of [connectors/](docs/adding-a-connector.md) with its own version, dependencies and tests.

    pip install "nox[uv]"
    nox -s create -- acme          a new connector; --from FOLDER takes over an old one
    nox -s sync -- acme            run it as Fivetran would, into warehouse.duckdb
    nox                            lint, types, tests on both hosts, check: what CI asks of a change
    nox -l                         everything else

[Adding a connector](docs/adding-a-connector.md), [setting up](docs/setting-up.md), [deploying](docs/deploying.md),
[when a sync fails](docs/when-a-sync-fails.md), [the contract](docs/contract.md).

Made from fivetran-connectors, which goes on; to take what is new there:

    git remote add upstream ADDRESS && git fetch upstream
    nox -s adopt -- --merge upstream/main
"""

CONNECTORS = "# Connectors\n\nOne folder per source; `nox -s create -- NAME` makes one.\n"
"""So that the folder is there before the first connector is."""


@dataclass(frozen=True)
class Team:
    """Whose repository it becomes: its name for people, and the environment it deploys to."""

    name: str
    project: str
    region: str
    context: str
    environment: str = "dev"

    def problems(self) -> list[str]:
        """What Google or CircleCI would refuse."""
        found = []
        if not PROJECT.fullmatch(self.project):
            found.append(f'--project "{self.project}" is no project id of Google\'s, such as acme-data-dev')
        if not REGION.fullmatch(self.region):
            found.append(f'--region "{self.region}" is no region of Google\'s, such as europe-west1')
        if not self.context.strip() or not self.context.isprintable():
            found.append("--context is the name of a CircleCI context, such as connectors-dev")
        if not self.name.strip() or not self.name.isprintable():
            found.append("--name is what the repository is called, such as Acme's connectors")
        return found

    def section(self) -> str:
        """Its section of pyproject.toml."""
        values = {"project": self.project, "region": self.region, "context": self.context, "auth": "oidc"}
        lines = "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items())
        return f"[tool.fivetran-connectors.environments.{self.environment}]\n{lines}\n"


def asked(arguments: Sequence[str]) -> argparse.Namespace:
    """What `adopt` was called with; what is missing is asked on a terminal, else it is an error."""
    parser = Arguments("adopt")
    parser.add_argument("--merge", metavar="REV", help="take what is new upstream, for example upstream/main")
    parser.add_argument("--name", help="what your repository is called, for people")
    parser.add_argument("--project", help="the Google Cloud project that functions are deployed to")
    parser.add_argument("--region", default="us-central1", help="where they run")
    parser.add_argument("--context", help="the CircleCI context that holds the deployer's identity")
    options = parser.read(arguments)
    if options.merge is None and (
        missing := [key for key in ("name", "project", "context") if not getattr(options, key)]
    ):
        parser.error("adopt needs " + ", ".join(f"--{key}" for key in missing))
    return options


def adopt(root: Path, team: Team, render: Callable[[], None]) -> None:
    """Take our connectors away, put the team's project in, and commit. `render` makes the CI configuration again.

    RepositoryError for values that Google would refuse, outside a git clone, for changes that are not committed.
    """
    if problems := team.problems():
        raise RepositoryError("\n".join(problems))
    _require_clean(root)
    if _adoption(root):
        raise RepositoryError(
            "this clone is adopted already; `nox -s adopt -- --merge upstream/main` takes what is new"
        )
    upstream = _git(root, "rev-parse", "HEAD")
    _git(root, "rm", "-r", "-q", "--ignore-unmatch", "connectors")
    (root / "deploy.yaml").write_text(_heading((root / "deploy.yaml").read_text("utf-8")), "utf-8")
    pyproject = root / "pyproject.toml"
    pyproject.write_text(with_environment(pyproject.read_text("utf-8"), team.section()), "utf-8")
    (root / "README.md").write_text(README.format(name=team.name), "utf-8")
    (root / "connectors").mkdir(exist_ok=True)
    (root / "connectors" / "README.md").write_text(CONNECTORS, "utf-8")
    render()
    _git(root, "add", "-A", "--", "pyproject.toml", *THEIRS)
    _git(root, "commit", "-q", "-m", f"Adopt fivetran-connectors as {team.name}\n\n{TRAILER}: {upstream}")


def merge(root: Path, revision: str, render: Callable[[], None]) -> None:
    """Merge what upstream changed since the last time. RepositoryError with the files where both changed the same lines."""
    _require_clean(root)
    before = _adoption(root)
    if before is None:
        raise RepositoryError(
            f"no commit here says `{TRAILER}:`; `nox -s adopt` makes it, with --name, --project, --context"
        )
    upstream = _git(root, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
    vendor = _vendor(root, before, upstream)
    done = _run(root, "merge", "--no-ff", "--no-commit", "-q", vendor)
    if done.returncode:
        files = _git(root, "diff", "--name-only", "--diff-filter=U")
        raise RepositoryError(
            f"you and upstream changed the same lines; put them right, then `git commit`:\n{files or done.stderr}"
        )
    render()
    _git(root, "add", "-A", "--", ".circleci")
    _git(root, "commit", "-q", "--allow-empty", "-m", f"Merge {revision}")


def _vendor(root: Path, before: str, upstream: str) -> str:
    """The commit that is upstream, adopted: made beside the index and the files, which stay as they are."""
    with tempfile.TemporaryDirectory() as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        _git(root, "read-tree", upstream, env=index)
        _git(root, "rm", "-r", "-f", "-q", "--cached", "--ignore-unmatch", "connectors", *THEIRS, env=index)
        _git(
            root,
            "update-index",
            "--index-info",
            env=index,
            stdin=_git(root, "ls-tree", "-r", before, "--", *THEIRS) + "\n",
        )
        section = ENVIRONMENTS.search(_git(root, "show", f"{before}:pyproject.toml") + "\n")
        text = with_environment(
            _git(root, "show", f"{upstream}:pyproject.toml") + "\n", section[0] if section else ""
        )
        blob = _git(root, "hash-object", "-w", "--stdin", stdin=text)
        _git(root, "update-index", "--cacheinfo", f"100644,{blob},pyproject.toml", env=index)
        tree = _git(root, "write-tree", env=index)
    said = f"Adopt upstream's {upstream[:12]}\n\n{TRAILER}: {upstream}"
    return _git(root, "commit-tree", tree, "-p", before, "-p", upstream, "-m", said)


def _adoption(root: Path) -> str | None:
    """The newest commit of the vendor branch in the history; None if the clone is not adopted."""
    return _git(root, "log", "-1", "--topo-order", "--format=%H", f"--grep=^{TRAILER}: ", "HEAD") or None


def _heading(deployments: str) -> str:
    """What stands above the first group of deploy.yaml."""
    lines = deployments.splitlines(True)
    end = next(
        (number for number, line in enumerate(lines) if line.strip() and not line.startswith("#")), len(lines)
    )
    return "".join(lines[:end])


def with_environment(pyproject: str, section: str) -> str:
    """The text of pyproject.toml with this section in the place of its environments. RepositoryError if it has none."""
    if not ENVIRONMENTS.search(pyproject):
        raise RepositoryError(
            "pyproject.toml has no [tool.fivetran-connectors.environments.dev] to put yours into"
        )
    return ENVIRONMENTS.sub(lambda _: section, pyproject, count=1)


def _require_clean(root: Path) -> None:
    if _run(root, "rev-parse", "--verify", "--quiet", "HEAD").returncode:
        raise RepositoryError("adopt works in a clone: `git clone` this repository, then run it there")
    if _git(root, "status", "--porcelain"):
        raise RepositoryError("there are changes that are not committed; commit or stash them first")


def _git(root: Path, *arguments: str, env: dict[str, str] | None = None, stdin: str | None = None) -> str:
    done = _run(root, *arguments, env=env, stdin=stdin)
    if done.returncode:
        raise RepositoryError(f"git {arguments[0]} failed:\n{done.stderr.strip() or done.stdout.strip()}")
    return done.stdout.rstrip("\n")


def _run(
    root: Path, *arguments: str, env: dict[str, str] | None = None, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    everything = {**os.environ, **(env or {})}
    try:
        return subprocess.run(
            ["git", *arguments],
            cwd=root,
            env=everything,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise RepositoryError("git isn't on this machine, and adopting ends in a commit") from error
