"""Tests and types of one subject, in the environment it runs in: a connector, a package, or the tools.

Types are checked against what a subject really has installed, so two connectors may pin different versions of the
same library and both be right.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools.environments.virtual_environments import (
    BENCHMARKS,
    VirtualEnvironment,
    project_environment,
    tools_environment,
)
from tools.local import faults, readmes, shipped_imports
from tools.local.processes import foreground
from tools.local.tested_pythons import Pythons, environments_of, failing, not_run, pythons_to_test
from tools.repository.errors import RepositoryError, StaleError, at
from tools.repository.examples import EXAMPLES, examples_of
from tools.repository.model import TOOLS, Repository, group, python_files, requirement_name
from tools.repository.names import normalized, sessions_asked_for, unknown

EMULATOR = "fivetran-emulator"
MUTANTS = "tests/mutants/matrix.py"
RUNTIME = "fivetran-runtime"
HOST_TESTS = "host_tests"
"""The runtime's tests that need the Connector SDK, which its own environment does not have."""
WRITES_RELEASE = "--write-released"
HERE = Path(__file__).resolve().parents[2]
"""Where these very tools are, whatever repository they look after."""
PLAIN = (BENCHMARKS, "docs", EXAMPLES, "noxfile.py", "packages", "tools")
"""Where words that this project doesn't use are looked for."""
HISTORIES = "tests/histories/__main__.py"
RUNTIME_MUTANTS = "tests/mutants/__main__.py"


def environment_of(repository: Repository, subject: str) -> VirtualEnvironment:
    """An environment a subject is tested in, made if need be: on the oldest Python it is deployed on, if it is."""
    return environments_of(repository, subject, pythons_to_test(repository, subject))[0].prepare()


def chosen(repository: Repository, arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The subjects that arguments begin with, and what follows for pytest. RepositoryError for an unknown subject."""
    first_option = next((i for i, word in enumerate(arguments) if word.startswith("-")), len(arguments))
    subjects = list(arguments[:first_option])
    for name in subjects:
        if name not in repository.subjects:
            raise unknown("connector or package", name, repository.subjects)
    return subjects, list(arguments[first_option:])


def asked_for(repository: Repository, command_line: Sequence[str]) -> list[str]:
    """The subjects that nox's own arguments ask to be tested: `["-s", "tests", "--", "acme", "-x"]` -> acme.

    Empty where they name none. RepositoryError for an unknown subject.
    """
    if "tests" not in sessions_asked_for(command_line) or "--" not in command_line:
        return []
    return chosen(repository, command_line[list(command_line).index("--") + 1 :])[0]


def run_tests(repository: Repository, subject: str, options: Sequence[str] = ()) -> None:
    """Run a subject's tests on each Python it is deployed on, whole suites on both cores where they may.

    RepositoryError if one fails, if there are none, or under CI if a Python is missing; last, if a connector's README is not
    what its code says. A release is recorded of what is right in every respect: with --write-released lint, types and the README
    come first.
    """
    if WRITES_RELEASE in options:
        lint(repository, [subject])
        check_types(repository, [subject])
    pythons = pythons_to_test(repository, subject)
    environments = [one.prepare() for one in environments_of(repository, subject, pythons)]
    if subject in repository.connectors:
        shipped_imports.require_declared(repository, repository.connector(subject), environments[0])
    if WRITES_RELEASE in options:
        _require_current_readme(repository, subject, environments[0])
    with ThreadPoolExecutor(1) as beside:  # the connector is asked while its tests run: 0.6 s less
        readme = beside.submit(_require_current_readme, repository, subject, environments[0])
        wrong = _run_on(repository, subject, pythons, environments, options)
    try:
        readme.result()
    except RepositoryError as error:
        if not wrong:
            raise
        # A connector that can't even be asked has failed its tests, which have shown why.
        wrong += [str(error)] if isinstance(error, StaleError) else []
    if wrong:
        raise RepositoryError("\n".join(wrong))


def _run_on(
    repository: Repository,
    subject: str,
    pythons: Pythons,
    environments: Sequence[VirtualEnvironment],
    options: Sequence[str],
) -> list[str]:
    """Run the tests in each environment; what is wrong, a Python among it that has to be here and isn't."""
    wrong = []
    for environment in environments:
        if pythons.here:
            version = environment.interpreter.version
            print(f"{subject} on Python {version}, which it is deployed on", flush=True)
        wrong += _run_in(repository, subject, environment, options)
    if pythons.missing:
        print("\n".join(not_run(repository.project(subject), pythons)), file=sys.stderr, flush=True)
    return wrong + [
        f"{subject} isn't tested on Python {version}, which it is deployed on"
        for version in failing(pythons.missing)
    ]


def _require_current_readme(repository: Repository, subject: str, environment: VirtualEnvironment) -> None:
    """StaleError for a connector whose README is not what its code says."""
    if subject in repository.connectors:
        readmes.update(repository, [subject], check=True, environment=environment)


def run_examples(repository: Repository, names: Sequence[str]) -> None:
    """Run the examples named, or all, on both cores. RepositoryError for an unknown one, or if one fails."""
    found = examples_of(repository.root, list(names))
    run_tests(repository, EXAMPLES, [*_both_cores(repository, EXAMPLES), *(one.name for one in found)])


def _run_in(
    repository: Repository, subject: str, environment: VirtualEnvironment, options: Sequence[str]
) -> list[str]:
    """Run a subject's tests in one environment; what is wrong. A Ctrl-C is a KeyboardInterrupt."""
    results = repository.root / ".nox" / "results" / f"{environment.path.name}.xml"
    report = [f"--junit-xml={results}"] if os.environ.get("CI") else []
    code = foreground(
        [str(environment.python), "-m", "pytest", *report, *(options or _both_cores(repository, subject))],
        cwd=folder_of(repository, subject),
    )
    if code == 130:
        raise KeyboardInterrupt
    if code == 5 and options:
        return [f"no test of {subject} is chosen by {' '.join(options)}"]
    if code == 5:
        return [f"{subject} has no tests; an untested {subject} looks the same as a broken one"]
    version = environment.interpreter.version
    return [f"tests of {subject} failed on Python {version} (exit {code})"] if code else []


def _both_cores(repository: Repository, subject: str) -> list[str]:
    """Pytest's options for a whole suite: two processes if the subject declares pytest-xdist.

    Two and not `auto`: a container sees its host's cores, which aren't its own.
    """
    parallel = "pytest-xdist" in {normalized(requirement_name(text)) for text in _asked(repository, subject)}
    return ["--numprocesses=2", "--dist=worksteal"] if parallel else []


def _asked(repository: Repository, subject: str) -> list[str]:
    """What a subject's tests require, as written; the examples' what the packages' do."""
    if subject == TOOLS:
        return group(repository.pyproject, TOOLS)
    if subject == EXAMPLES:
        return [text for one in repository.packages.values() for text in one.requirements(test=True)]
    return repository.project(subject).requirements(test=True)


def folder_of(repository: Repository, subject: str) -> Path:
    """Where a subject's tests are run."""
    if subject == TOOLS:
        return repository.root
    return repository.root / EXAMPLES if subject == EXAMPLES else repository.project(subject).path


def lint(repository: Repository, subjects: Sequence[str] = (), *, fix: bool = False) -> None:
    """Run ruff over the subjects named, or everything, and look for words that this repository doesn't use.

    RepositoryError, with what was found shown. The words are looked for in the packages, the tools and the pages: a connector is
    its author's.
    """
    python = str(tools_environment(repository).prepare().python)
    ruff = [python, "-m", "ruff"]
    paths = [path for name in subjects for path in _own_paths(repository, name)]
    names = "".join(f" {name}" for name in subjects)
    rules = [*ruff, "check", "--quiet", *(["--fix"] if fix else []), *paths]
    refuse(foreground(rules, cwd=repository.root), "ruff check found something")
    layout = [*ruff, "format", "--quiet", *([] if fix else ["--diff"]), *paths]
    again = f"not formatted; run `nox -s lint --{names} --fix`"
    refuse(foreground(layout, cwd=repository.root), again)
    if plain := [path for path in paths or PLAIN if path.split("/")[0] in PLAIN]:
        words = [python, "-m", "tools.locked.house.words", *plain]
        refuse(foreground(words, cwd=repository.root, env={"PYTHONPATH": str(HERE)}), "not in plain words")


def _own_paths(repository: Repository, subject: str) -> list[str]:
    """Where a subject's files are, from the root. RepositoryError for an unknown one."""
    if subject == TOOLS:
        return _tools_paths(repository)
    if subject not in repository.subjects:
        raise unknown("connector or package", subject, repository.subjects)
    return [at(folder_of(repository, subject), repository.root)]


def _tools_paths(repository: Repository) -> list[str]:
    """What is looked at with the tools; an adopted repository may do without benchmarks."""
    return ["noxfile.py", "tools", *([BENCHMARKS] if (repository.root / BENCHMARKS).is_dir() else [])]


def run_mutants(repository: Repository, options: Sequence[str] = ()) -> None:
    """Print the contract suite's kill matrix. RepositoryError if a mutant survives, or if there are no mutants here."""
    package = repository.project(EMULATOR)
    if not (package.path / MUTANTS).is_file():
        raise RepositoryError(f"packages/{EMULATOR} has no {MUTANTS}: there are no mutants to run")
    environment = project_environment(repository, package).prepare()
    refuse(
        foreground([str(environment.python), MUTANTS, *options], cwd=package.path),
        "a mutant survives, or a check fails without one",
    )
    _run_runtime_mutants(repository)
    _put_faults_back(repository)


def _put_faults_back(repository: Repository) -> None:
    """The faults that projects list, each against its own tests."""
    unnoticed = []
    for project in repository.projects.values():
        listed = faults.read_faults(project.path)
        python = project_environment(repository, project).prepare().python if listed else None
        found = faults.put_back(project.path, python, listed) if python else []
        if listed:
            print(f"{project.name}: {len(listed)} faults, {len(listed) - len(found)} found", flush=True)
        unnoticed += found
    if unnoticed:
        raise RepositoryError("\n".join(unnoticed))


def _run_runtime_mutants(repository: Repository) -> None:
    """Faults put into the runtime, against its histories and tests; nothing where it has none."""
    package = repository.project(RUNTIME)
    if not (package.path / RUNTIME_MUTANTS).is_file():
        return
    environment = project_environment(repository, package).prepare()
    refuse(
        foreground([str(environment.python), "-m", "mutants"], cwd=package.path / "tests"),
        "a fault put into the runtime is not found",
    )


def run_histories(repository: Repository, options: Sequence[str] = ()) -> None:
    """Run the runtime through histories of bad syncs. RepositoryError if one loses a row, or if there are none here."""
    package = repository.project(RUNTIME)
    if not (package.path / HISTORIES).is_file():
        raise RepositoryError(f"packages/{RUNTIME} has no {HISTORIES}: there are no histories to run")
    environment = project_environment(repository, package).prepare()
    refuse(
        foreground([str(environment.python), "-m", "histories", *options], cwd=package.path / "tests"),
        "a history does not end as its source is",
    )


def check_types(repository: Repository, subjects: Sequence[str] = ()) -> None:
    """Run mypy over the subjects named, or all. RepositoryError naming every subject with an error."""
    mypy = str(tools_environment(repository).prepare().python)
    wrong = []
    for subject in subjects or repository.subjects:
        python = str(environment_of(repository, subject).python)
        for name, folder, wanted, found_in in _typed(repository, subject):
            paths = [path for path in wanted if python_files(folder / path)]
            command = [
                mypy, "-m", "mypy",
                f"--config-file={repository.root / 'pyproject.toml'}",
                f"--cache-dir={repository.root / '.nox' / 'mypy' / name}",
                f"--python-executable={python}",
            ]  # fmt: skip
            print(f"{name}: ", end="", flush=True)
            code = foreground([*command, *paths], cwd=folder, env={"MYPYPATH": found_in})
            wrong += [name] if code else []
    if wrong:
        raise RepositoryError(f"types are wrong in {', '.join(wrong)}")


def _typed(repository: Repository, subject: str) -> Iterator[tuple[str, Path, list[str], str]]:
    """Each run of mypy for a subject: what it is called, where it runs, over what, and where it finds modules."""
    if subject == TOOLS:
        yield subject, repository.root, _tools_paths(repository), ".:tools/tests"
    elif subject == EXAMPLES:  # modules such as examples.delta_token.connector
        yield subject, repository.root, [EXAMPLES], "."
    else:
        folder = repository.project(subject).path
        yield subject, folder, ["src", "tests", "practice.py"], "src:tests"
        if (folder / HOST_TESTS).is_dir():  # apart: it has a conftest of its own, as tests/ has
            emulator = repository.root / "packages" / EMULATOR / "src"
            yield f"{subject}-{HOST_TESTS}", folder, [HOST_TESTS], f"src:{HOST_TESTS}:{emulator}"


def refuse(code: int, what: str) -> None:
    """Raise for an exit status that isn't 0: KeyboardInterrupt for a Ctrl-C, else RepositoryError with `what`."""
    if code == 130:
        raise KeyboardInterrupt
    if code:
        raise RepositoryError(f"{what} (exit {code})")
