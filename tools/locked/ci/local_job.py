"""Runs a job of CircleCI's configuration on this machine: its steps, in a clean clone, with a clean HOME.

What a job says is what runs: the commands with everything filled in, each in `bash -eo pipefail`, with BASH_ENV between
them. What is CircleCI's isn't there: its image, contexts, caches (nothing is restored or kept) and identity tokens.
Artifacts and test results are copied beside the clone.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.locked.ci.changes import MAIN
from tools.locked.ci.compiler.compiling import Compilation, compiled
from tools.locked.ci.compiler.expansion import ExpandedJob
from tools.locked.ci.config import FILES
from tools.locked.ci.yaml_text import loaded
from tools.repository.errors import RepositoryError, run_as_command
from tools.repository.names import unknown

KEPT = (
    "PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "USER", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy",
    "no_proxy",
)  # fmt: skip
"""Of this machine's environment: how programs are found, and how package indexes are reached."""

KEPT_PREFIXES = ("PIP_", "UV_")
USERS_FILES = {"PIP_CONFIG_FILE": ".config/pip/pip.conf", "UV_CONFIG_FILE": ".config/uv/uv.toml"}
NOT_RUN = {"save_cache", "restore_cache"}


@dataclass
class LocalJob:
    """A job to run on the commit that `source` has checked out, as if `branch` had been pushed; `folder` is its machine.

    `variables` are what a context or CircleCI would set.
    """

    name: str
    job: ExpandedJob
    source: Path
    folder: Path
    branch: str
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def clone(self) -> Path:
        """Where the steps run."""
        return self.folder / "home" / "project"

    @property
    def kept(self) -> Path:
        """Where artifacts and test results are copied to."""
        return self.folder / "kept"

    def run(self) -> bool:
        """Run the steps; whether all of them went well. Those after a failure run if they say so, as at CircleCI."""
        self.clone.mkdir(parents=True)
        green = True
        for step in self.job.steps:
            [(kind, options)] = step.items()
            if options.get("when", "on_success") in (
                {"on_success", "always"} if green else {"on_fail", "always"}
            ):
                green = self._step(kind, options) and green
        return green

    def environment(self) -> dict[str, str]:
        """What a step sees: of this machine what it takes to install, of CircleCI's variables those it may ask for."""
        kept = {
            key: value for key, value in os.environ.items() if key in KEPT or key.startswith(KEPT_PREFIXES)
        }
        for key, file in USERS_FILES.items():
            if key not in kept and (Path.home() / file).is_file():
                kept[key] = str(Path.home() / file)
        return {
            **kept,
            "HOME": str(self.folder / "home"),
            "BASH_ENV": str(self.folder / "bash_env"),
            "CI": "true",
            "CIRCLECI": "true",
            "CIRCLE_BRANCH": self.branch,
            "CIRCLE_JOB": self.name,
            "CIRCLE_SHA1": _git(self.source, "rev-parse", "HEAD"),
            "CIRCLE_WORKING_DIRECTORY": "~/project",
            **{key: str(value) for key, value in self.job.environment.items()},
            **self.variables,
        }

    def _step(self, kind: str, options: Mapping[str, Any]) -> bool:
        print(f"--- {options.get('name', kind)}", flush=True)
        if kind == "run":
            return self._run(options)
        if kind == "checkout":
            self._check_out()
        elif kind in {"store_artifacts", "store_test_results"}:
            self._keep(options)
        elif kind in NOT_RUN:
            print("(no caches here)")
        else:
            raise RepositoryError(f"{self.name}: {kind} can't be run on this machine")
        return True

    def _run(self, options: Mapping[str, Any]) -> bool:
        (self.folder / "bash_env").touch()
        script = self.folder / "step.sh"
        script.write_text(options["command"], "utf-8")
        given = {key: str(value) for key, value in (options.get("environment") or {}).items()}
        where = self.clone / str(options.get("working_directory", "."))
        command = ["bash", "-eo", "pipefail", str(script)]
        code = subprocess.run(command, cwd=where, env={**self.environment(), **given}, check=False).returncode
        if code:
            print(f"--- {options.get('name', 'run')}: exit {code}", flush=True)
        return code == 0

    def _check_out(self) -> None:
        _git(self.folder, "clone", "--quiet", str(self.source), str(self.clone))
        _git(self.clone, "checkout", "--quiet", "-B", self.branch, _git(self.source, "rev-parse", "HEAD"))

    def _keep(self, options: Mapping[str, Any]) -> None:
        path = self.clone / options["path"]
        target = self.kept / str(options.get("destination", path.name))
        if path.is_dir():
            shutil.copytree(path, target, dirs_exist_ok=True)
        elif path.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)


def local_job(
    name: str,
    source: Path,
    folder: Path,
    *,
    branch: str,
    values: Mapping[str, Any] | None = None,
    variables: Mapping[str, str] | None = None,
) -> LocalJob:
    """The job of that name in the committed configuration. RepositoryError if there is none, or if it doesn't compile."""
    given = {"pipeline.git.branch": branch, "pipeline.git.revision": _git(source, "rev-parse", "HEAD")}
    names: list[str] = []
    for file in FILES:
        text = _git(source, "show", f"HEAD:{file}")
        found = compiled(loaded(text, file), {**given, **(values or {})})
        if found.problems:
            raise RepositoryError("\n".join(f"{file}: {problem}" for problem in found.problems))
        if job := _runnable(found, name):
            return LocalJob(name, job, source, folder, branch, variables or {})
        names += found.started()
    raise unknown("job", name, names)


def _runnable(found: Compilation, name: str) -> ExpandedJob | None:
    one = found.job(name)
    return one.job if one else None


def _git(where: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=where, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise RepositoryError("git isn't on this machine, and a job runs in a clone") from error
    if done.returncode:
        raise RepositoryError(f"git {arguments[0]}: {done.stderr.strip()}")
    return done.stdout.rstrip("\n")


def main(arguments: list[str]) -> int:
    """Run the job named on HEAD; 1 if a step fails. Its machine is a temporary folder."""
    parser = argparse.ArgumentParser(prog="nox -s ci_run --")
    parser.add_argument("job", metavar="JOB", help="as CircleCI names it, such as test-casa or set-up")
    parser.add_argument("--branch", help=f"as if it had been pushed to this one; such as {MAIN}")
    parser.add_argument("--base-revision", default="", metavar="REV", help="the last pipeline's commit")
    parser.add_argument("--variable", action="append", default=[], metavar="NAME", help="hand on; repeatable")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="copy artifacts and test results to it")
    options = parser.parse_args(arguments)
    if missing := [name for name in options.variable if name not in os.environ]:
        raise RepositoryError(f"these aren't set here: {', '.join(missing)}")
    root = Path.cwd()
    with tempfile.TemporaryDirectory(prefix="ci-run-") as folder:
        job = local_job(
            options.job,
            root,
            Path(folder),
            branch=options.branch or _git(root, "rev-parse", "--abbrev-ref", "HEAD"),
            values={"pipeline.git.base_revision": options.base_revision},
            variables={name: os.environ[name] for name in options.variable},
        )
        green = job.run()
        if options.keep and job.kept.is_dir():
            shutil.copytree(job.kept, options.keep, dirs_exist_ok=True)
    print(f"{options.job}: {'green' if green else 'red'}", file=sys.stderr)
    return 0 if green else 1


if __name__ == "__main__":
    run_as_command(main)
