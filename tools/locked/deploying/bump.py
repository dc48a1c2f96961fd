"""Raises a version: `__version__` in the source, and what was under Unreleased in the changelog under its number and date.

https://semver.org, https://keepachangelog.com.
"""

from __future__ import annotations

import argparse
import re
from datetime import UTC, date, datetime
from pathlib import Path

from tools.repository.errors import Problem, RepositoryError, at, run_as_command
from tools.repository.model import Project, Repository

PARTS = ("major", "minor", "patch")
UNRELEASED = re.compile(r"^## (\[Unreleased\]|Unreleased)[ \t]*$", re.MULTILINE | re.IGNORECASE)
SECTION = re.compile(r"^## ", re.MULTILINE)
VERSION = re.compile(r'^(__version__(?:: \w+)? = ")([^"]+)(")', re.MULTILINE)


def bump(repository: Repository, project: Project, part: str, *, today: date) -> str:
    """Raise the project's version and date its changelog; the new version. Both files or none.

    RepositoryError if the version isn't three numbers, or if the changelog has nothing under Unreleased to release.
    """
    version = raised(project, part, repository.root)
    changelog = project.path / "CHANGELOG.md"
    text = changelog.read_text("utf-8") if changelog.is_file() else ""
    dated = released(text, version, today, where=at(changelog, repository.root))
    source = VERSION.sub(rf"\g<1>{version}\g<3>", project.init_file.read_text("utf-8"), count=1)
    changelog.write_text(dated, "utf-8")
    project.init_file.write_text(source, "utf-8")
    return version


def raised(project: Project, part: str, root: Path) -> str:
    """The next version: `0.1.3` -> `1.0.0`, `0.2.0` or `0.1.4`."""
    found = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)", project.version)
    if found is None:
        raise RepositoryError(
            [
                Problem(
                    at(project.init_file, root),
                    f"`{project.version}` isn't three numbers such as `1.2.0`",
                    "write the new version by hand",
                )
            ]
        )
    numbers = [int(number) for number in found.groups()]
    place = PARTS.index(part)
    return ".".join(map(str, [*numbers[:place], numbers[place] + 1, *[0] * (2 - place)]))


def released(text: str, version: str, today: date, *, where: str) -> str:
    """The changelog with what was under Unreleased under the version and date, and an empty Unreleased above it."""
    found = UNRELEASED.search(text)
    if found is None:
        raise RepositoryError(
            [Problem(where, "there is no section `## [Unreleased]`", "write one, and in it what changes")]
        )
    following = SECTION.search(text, found.end())
    body = text[found.end() : following.start() if following else len(text)]
    if not re.search(r"^[ \t]*[^#\s]", body, re.MULTILINE):
        raise RepositoryError(
            [Problem(where, "there is nothing under Unreleased", "write what changes for whoever runs it")]
        )
    shown = f"[{version}]" if found[1].startswith("[") else version
    return f"{text[: found.end()]}\n\n## {shown} - {today.isoformat()}{text[found.end() :]}"


def main(arguments: list[str]) -> int:
    """Raise one project's version and say what comes next."""
    parser = argparse.ArgumentParser(prog="nox -s bump --")
    parser.add_argument("name")
    parser.add_argument("part", choices=PARTS)
    given = parser.parse_args(arguments)
    repository = Repository(Path.cwd())
    project = repository.project(given.name)
    before = project.version
    version = bump(repository, project, given.part, today=datetime.now(UTC).date())
    print(
        f"{project.name}: {before} -> {version}, in {at(project.init_file, repository.root)} and CHANGELOG.md"
    )
    if project.kind == "connector":
        print(
            f"next: nox -s tests -- {project.name} -k C35 --write-released   records what {version} promises"
        )
    return 0


if __name__ == "__main__":
    run_as_command(main)
