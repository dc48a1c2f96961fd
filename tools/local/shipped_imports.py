"""What a connector imports is what it declares: otherwise it works where its tests run, and fails where it is deployed.

The tests' environment holds more than what ships: pytest, the practice source's libraries, and all that these need.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence

from tools.environments.virtual_environments import VirtualEnvironment
from tools.repository.errors import Problem, RepositoryError, at
from tools.repository.imports import Import, running_imports_of
from tools.repository.model import Project, Repository, python_files, requirement_name
from tools.repository.names import normalized

INSTALLED = "import importlib.metadata as m, json; print(json.dumps(m.packages_distributions()))"


def require_declared(repository: Repository, project: Project, environment: VirtualEnvironment) -> None:
    """Raise RepositoryError naming every import of `src/` that neither the connector nor a package of ours declares."""
    problems = sorted(undeclared(repository, project, installed(environment)))
    if problems:
        raise RepositoryError(problems)


def undeclared(
    repository: Repository, project: Project, distributions: Mapping[str, Sequence[str]]
) -> Iterator[Problem]:
    """Every such import. `distributions` says which of those installed a package is from: `{"yaml": ["PyYAML"]}`."""
    allowed = declared(repository, project)
    # What is installed from a folder is in no list of an environment's packages.
    ours = {one.module for one in (project, *repository.local_dependencies(project, test=False))}
    for file in python_files(project.path / "src"):
        for one in running_imports_of(file):
            origins = {normalized(name) for name in distributions.get(one.top, ())}
            if not (one.top in sys.stdlib_module_names or one.top in ours or origins & allowed):
                yield _problem(at(file, repository.root, one.line), project, one, sorted(origins))


def declared(repository: Repository, project: Project) -> set[str]:
    """The distributions that a connector may import: those it declares, our packages, and what these declare."""
    stands_on = repository.local_dependencies(project, test=False)
    texts = [text for one in (project, *stands_on) for text in one.requirements(test=False)]
    texts += [text for one in stands_on for text in repository.extra_requirements(project, one)]
    return {normalized(requirement_name(text)) for text in texts}


def installed(environment: VirtualEnvironment) -> dict[str, list[str]]:
    """The packages that an environment can import, each with the distributions it is from."""
    command = [str(environment.python), "-I", "-c", INSTALLED]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


def _problem(where: str, project: Project, one: Import, origins: Sequence[str]) -> Problem:
    pyproject = f"connectors/{project.name}/pyproject.toml"
    if not origins:
        return Problem(
            where,
            f"imports {one.module}, which isn't installed",
            f"add what it is from to `dependencies` in {pyproject}, then run `nox -s lock -- {project.name}`",
        )
    return Problem(
        where,
        f"imports {one.module} of {' or '.join(origins)}, which {pyproject} doesn't declare: only here is it installed",
        f'add "{origins[0]}" to its `dependencies`, then run `nox -s lock -- {project.name}`',
    )
