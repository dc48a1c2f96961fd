"""What is posted: continue.yml without the workflow entries that a change doesn't touch. Nothing is added or changed.

A configuration that lacks too much doesn't compile at CircleCI, which is red. Parameters with filters, the other way,
would be green with nothing tested.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.locked.ci import continue_config as full
from tools.locked.ci.affected import REHEARSAL, Affected, affected, model_of
from tools.locked.ci.changes import MAIN, Changes, changes_since
from tools.locked.ci.compiler.validity import problems
from tools.locked.ci.setup_config import CONTINUATION
from tools.locked.ci.yaml_text import dumped, loaded
from tools.repository.errors import Problem, RepositoryError, run_as_command
from tools.repository.model import Repository

RUN_TESTS = "[run-tests]"
"""In a commit's message: test everything."""


def selected(config: Mapping[str, Any], found: Affected) -> dict[str, Any]:
    """`config` without the workflow entries of what `found` doesn't name; what was deleted leaves `requires` too."""
    workflows = {
        name: {**workflow, "jobs": _kept(workflow["jobs"], found)}
        for name, workflow in config["workflows"].items()
    }
    return {**config, "workflows": workflows}


def _kept(entries: list[dict[str, Any]], found: Affected) -> list[dict[str, Any]]:
    wanted = {full.CHECK, *([REHEARSAL] if found.rehearsal else [])}
    wanted |= {full.TEST + name for name in found.subjects}
    if (
        found.everything
    ):  # all tests run, so one job may deploy whatever lags behind; else each function has its own
        wanted |= {name for name in map(_name, entries) if name.startswith(full.STALE)}
    else:
        wanted |= {full.DEPLOY + name for name in found.functions}
    for entry in entries:  # an approval with nothing behind it would wait for ever
        if _name(entry) in wanted:
            wanted |= {name for name in _options(entry).get("requires", ()) if name.startswith(full.APPROVE)}
    return [_without(entry, wanted) for entry in entries if _name(entry) in wanted]


def _without(entry: dict[str, Any], wanted: set[str]) -> dict[str, Any]:
    job, options = next(iter(entry.items()))
    kept = {key: value for key, value in options.items() if key != "requires"}
    if requires := [name for name in options.get("requires", ()) if name in wanted]:
        kept = {key: requires if key == "requires" else value for key, value in options.items()}
    return {job: kept}


def _name(entry: dict[str, Any]) -> str:
    job, options = next(iter(entry.items()))
    return str(options.get("name", job))


def _options(entry: dict[str, Any]) -> dict[str, Any]:
    return dict(next(iter(entry.values())))


def touched(root: Path, *, branch: str, base_revision: str, everything: bool) -> Affected:
    """What the pipeline of `branch` has to run. `base_revision` is the commit of the branch's last pipeline, if any."""
    reason = "it was asked for by the pipeline's parameter" if everything else None
    if RUN_TESTS in _message(root):
        reason = reason or f"{RUN_TESTS} is in the commit's message"
    if branch == MAIN and base_revision:
        changes = changes_since(root, base_revision, ancestor=True)
    elif branch == MAIN:
        changes = Changes("a first pipeline, or one started by the API, has nothing to compare with")
    elif branch:
        changes = changes_since(root, f"origin/{MAIN}")
    else:
        changes = Changes("this is no branch's pipeline")
    return affected(changes, model_of(Repository(root)), everything=reason)


def _message(root: Path) -> str:
    command = ["git", "log", "--max-count=1", "--format=%B"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False).stdout


def main(arguments: list[str]) -> int:
    """Write what to continue with, and why, into a folder. RepositoryError if what is left wouldn't compile."""
    parser = argparse.ArgumentParser(prog="python -m tools.locked.ci.selection")
    parser.add_argument("--select", required=True, type=Path, metavar="FOLDER")
    parser.add_argument("--branch", default="")
    parser.add_argument("--base-revision", default="")
    parser.add_argument("--everything", default="false")
    options = parser.parse_args(arguments)
    root, folder = Path.cwd(), options.select
    found = touched(
        root,
        branch=options.branch,
        base_revision=options.base_revision,
        everything=options.everything == "true",
    )
    text = (root / CONTINUATION).read_text("utf-8")
    chosen = dumped(selected(loaded(text, CONTINUATION), found))
    if wrong := list(problems(chosen, "what is left", whole=False)):
        raise RepositoryError([Problem(CONTINUATION, what) for what in wrong])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "affected.txt").write_text("\n".join(found.lines()) + "\n", "utf-8")
    (folder / "affected.json").write_text(json.dumps(vars(found), indent=2) + "\n", "utf-8")
    (folder / "continue.yml").write_text(chosen, "utf-8")
    print("\n".join(found.lines()))
    return 0


if __name__ == "__main__":
    run_as_command(main)
