"""The template's own sentences, which a new connector may have and one that runs must not."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tools.locked.declared.deployments import deployments
from tools.repository.errors import Problem, at
from tools.repository.model import Project, Repository

PLACEHOLDERS = {
    "README.md": (
        re.compile(r"^What this source is, who owns it, and where its API is documented\.$", re.MULTILINE),
        re.compile(
            r"^What the source does not tell, what takes long, and what does not arrive\.", re.MULTILINE
        ),
        re.compile(r"https://api\.[a-z0-9-]+\.example\b"),
    ),
    "CHANGELOG.md": (re.compile(r"^- `items`(, all of them|, by `updated_at`)?\.$", re.MULTILINE),),
}
"""What tools/template writes for its author to replace, by file."""

ITEMS = re.compile(r"^\| `items` \|", re.MULTILINE)
"""A README's row for a table of that name: then its changelog may well speak of it."""


def prose_problems(repository: Repository) -> Iterator[Problem]:
    """Every sentence of the template's left in a README or CHANGELOG of a connector that is deployed."""
    deployed = {one.connector for one in deployments(repository).values()}
    for name in sorted(deployed & set(repository.connectors)):
        yield from _left(repository, repository.connectors[name])


def _left(repository: Repository, project: Project) -> Iterator[Problem]:
    texts = {name: _read(project, name) for name in PLACEHOLDERS}
    for name, placeholders in PLACEHOLDERS.items():
        for placeholder in placeholders:
            found = placeholder.search(texts[name])
            if found and not (name == "CHANGELOG.md" and ITEMS.search(texts["README.md"])):
                line = texts[name].count("\n", 0, found.start()) + 1
                yield Problem(
                    at(project.path / name, repository.root, line),
                    f"`{found[0]}` is the template's, and {project.name} is deployed",
                    "say what holds for this source",
                )


def _read(project: Project, name: str) -> str:
    file = project.path / name
    return file.read_text("utf-8") if file.is_file() else ""
