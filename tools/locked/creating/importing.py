"""Takes over a connector written elsewhere: a folder with main.py, requirements.txt, tests and a README.

Its code stays as it is but for the names of modules, which are found by parsing. Everything that keeps it from being
taken over is reported at once, in a sentence each.
"""

from __future__ import annotations

import ast
import io
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from tools.locked.creating.choices import Choices
from tools.locked.creating.template_rendering import render
from tools.repository.errors import Problem, RepositoryError
from tools.repository.names import import_name

UNTYPED = "# mypy: ignore-errors\n"
LEFT_BEHIND = {"tests", "main.py", "practice.py", "__pycache__", "setup.py", "conftest.py"}
KNOWN = {"README.md", "requirements.txt", "requirements.in", "CHANGELOG.md"}
TEST_ONLY = ("types-", "pytest")
STRICT = 'filterwarnings = ["error"]\n'
"""What code written elsewhere can't keep: on another Python, `datetime.utcnow()` alone would break all its tests."""
UNSAID, SAID = "--strict-config", "-rs"
"""Pytest names no reason of what it skips unless it is asked to, and here that may be the whole contract."""
RULES = """
# Taken over as it was: only what breaks is looked for. Without these lines every rule of the repository holds.
[tool.ruff]
extend = "../../pyproject.toml"
[tool.ruff.lint]
select = ["E9", "F63", "F7", "F82"]
"""
STARTER = """import pytest

pytestmark = pytest.mark.skip("practice.py does not serve this source yet: write it, then take this line away")

"""


@dataclass(frozen=True)
class Imported:
    """A folder that can be taken over: its modules and tests by path, its requirements, what code may read beside it.

    `left` isn't taken over, and a person has to know: files beside main.py, links, what git ignores there.
    """

    folder: Path
    modules: tuple[Path, ...]
    tests: tuple[Path, ...]
    requirements: tuple[str, ...]
    data: tuple[Path, ...] = ()
    left: tuple[Path, ...] = ()

    @property
    def has_practice(self) -> bool:
        """Whether it brings a practice source of its own."""
        return (self.folder / "practice.py").is_file()

    def local(self) -> set[str]:
        """The names its own modules are imported by."""
        return {path.relative_to(self.folder).parts[0].removesuffix(".py") for path in self.modules}


def read(folder: Path) -> Imported:
    """What is in the folder. RepositoryError with everything that keeps it from being taken over."""
    if not (folder / "main.py").is_file():
        what = "there is no such folder" if not folder.is_dir() else "there is no main.py in it"
        raise RepositoryError(
            f"{folder}: {what}; --from takes a folder with main.py, requirements.txt and tests"
        )
    inside = _inside(folder)
    ignored = _ignored(folder)
    files = [path for path in inside if path.suffix == ".py" and path.is_file() and path not in ignored]
    tests = tuple(path for path in files if path.relative_to(folder).parts[0] == "tests")
    modules = tuple(path for path in files if path.relative_to(folder).parts[0] not in LEFT_BEHIND)
    texts = [folder / "requirements.txt", *(path for path in inside if path.suffix == ".md"), *files]
    if unreadable := [problem for path in texts if path.is_file() and (problem := _encoding_problem(path))]:
        raise RepositoryError(unreadable)
    lines = _requirement_lines(folder / "requirements.txt")
    problems = [problem for path in files if (problem := _syntax_problem(path))]
    problems += [] if problems else _without_main(folder / "main.py")
    problems += [problem for number, line in lines if (problem := _requirement_problem(folder, number, line))]
    if problems:
        raise RepositoryError(problems)
    others = [path for path in inside if path.suffix != ".py" and path.name not in KNOWN]
    data = tuple(
        path for path in others if path.parent != folder and not (path.is_symlink() or path in ignored)
    )
    taken = {*modules, *tests, *data, folder / "main.py", folder / "practice.py"}
    left = tuple(path for path in inside if path not in taken and path.name not in KNOWN)
    return Imported(folder, modules, tests, tuple(line for _, line in lines), data, left)


def take_over(found: Imported, name: str, to: Path) -> None:
    """Make `to`, which must not exist, a plain connector called `name` of what was found, without its locks."""
    render(name, Choices(plain=True), to)
    package = to / "src" / import_name(name)
    (package / "__init__.py").write_text(
        _versioned(rewritten(found, name, found.folder / "main.py")), "utf-8"
    )
    for path in found.modules:
        _put(package / path.relative_to(found.folder), UNTYPED + rewritten(found, name, path))
    for path in found.tests:
        if path.name != "__init__.py":
            _put(to / path.relative_to(found.folder), UNTYPED + _rewritten_test(found, name, path))
    for path in found.data:
        target = package if path.relative_to(found.folder).parts[0] != "tests" else to
        (target / path.relative_to(found.folder)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target / path.relative_to(found.folder))
    if (readme := found.folder / "README.md").is_file():
        shutil.copy(readme, to / "README.md")
    (to / "CHANGELOG.md").write_text(_changelog(to / "CHANGELOG.md"), "utf-8")
    _practise(found, to)
    require(to, found.requirements)


def require(to: Path, requirements: tuple[str, ...]) -> None:
    """Write the requirements into the connector's pyproject.toml; those of types and tests into its test group."""
    file = to / "pyproject.toml"
    text = file.read_text("utf-8")
    ships = [line for line in requirements if not line.lower().startswith(TEST_ONLY)]
    if not any(Requirement(line).name.lower() == "functions-framework" for line in ships):
        ships.append("functions-framework")
    tests = ["fivetran-emulator", "pytest", "pytest-socket", *(set(requirements) - set(ships))]
    tests = list({Requirement(line).name: line for line in tests}.values())
    text = re.sub(
        r"^dependencies = \[.*?^\]",
        lambda _: f"dependencies = {_listed(ships)}",
        text,
        flags=re.MULTILINE | re.DOTALL,
    )
    text = re.sub(
        r"^test = \[.*?^\]", lambda _: f"test = {_listed(tests)}", text, flags=re.MULTILINE | re.DOTALL
    )
    text = text.replace(STRICT, "").replace(RULES, "") + RULES
    file.write_text(text.replace(f'addopts = "{UNSAID}', f'addopts = "{SAID} {UNSAID}'), "utf-8")


def loosened(requirements: tuple[str, ...]) -> tuple[str, ...]:
    """Exact versions made the oldest that will do: `requests==2.26.0` -> `requests>=2.26.0`."""
    return tuple(re.sub(r"===?(?=[^,*]+$)", ">=", line) for line in requirements)


def _listed(requirements: list[str]) -> str:
    return "[\n" + "".join(f"    {json.dumps(line)},\n" for line in sorted(requirements, key=str.lower)) + "]"


def _inside(folder: Path) -> list[Path]:
    """The files of the folder but for hidden ones, caches and virtual environments."""
    environments = {file.parent for file in folder.rglob("pyvenv.cfg")}
    return [
        path
        for path in sorted(folder.rglob("*"))
        if (path.is_file() or path.is_symlink())
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and not {"__pycache__", "node_modules"}.intersection(path.relative_to(folder).parts)
        and not environments.intersection(path.parents)
    ]


def _ignored(folder: Path) -> set[Path]:
    """What git ignores there, such as real secrets; nothing where the folder is in no git repository."""
    command = ["git", "ls-files", "-z", "--others", "--ignored", "--exclude-standard"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return set()
    return {folder / name for name in done.stdout.split("\0") if name}


def _text(path: Path) -> str:
    """The file's text, with line feeds only, and without the mark that Windows' editors begin files with."""
    return path.read_text("utf-8-sig")


def _encoding_problem(path: Path) -> Problem | None:
    try:
        _text(path)
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        return Problem(f"{path}:{line}", "this isn't UTF-8", "save the file as UTF-8")
    return None


def _requirement_lines(file: Path) -> list[tuple[int, str]]:
    if not file.is_file():
        return []
    text = re.sub(r"\\\n\s*", " ", _text(file))
    lines = [
        (number, re.sub(r"(^|\s)#.*|\s+--hash=\S+", "", line).strip())
        for number, line in enumerate(text.splitlines(), 1)
    ]
    return [(number, line) for number, line in lines if line]


def _requirement_problem(folder: Path, number: int, line: str) -> Problem | None:
    where = f"{folder / 'requirements.txt'}:{number}"
    try:
        requirement = Requirement(line)
    except InvalidRequirement:
        return Problem(
            where,
            f"`{line}` is no requirement such as `requests==2.31.0`",
            "write it as one, or remove the line",
        )
    if requirement.url:
        return Problem(
            where, f"`{line}` comes from an address, which no lock can hash", "require a released version"
        )
    return None


def _syntax_problem(path: Path) -> Problem | None:
    try:
        ast.parse(path.read_bytes())
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        said = str(getattr(error, "msg", error))
        if re.search(
            r"Missing parentheses in call to '(print|exec)'|leading zeros|multiple exception types", said
        ):
            return Problem(f"{path}:{line}", f"this is Python 2 ({said})", "port it to Python 3.11 first")
        return Problem(f"{path}:{line}", f"this is not Python: {said}", "Python 3.11 has to read it")
    return None


def _without_main(path: Path) -> list[Problem]:
    body = ast.parse(path.read_bytes()).body
    if any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in body):
        return []
    return [Problem(str(path), "it has no function `main`", "Google calls `def main(request)`")]


def rewritten(found: Imported, name: str, path: Path) -> str:
    """The module's text, with the folder's own modules imported from the connector's package."""
    text = _text(path)
    local = found.local()
    module = import_name(name)
    lines = _lines(text)
    for node in _imports(text):
        source = _absolute_source(node)
        if source.split(".")[0] in local:
            _replace(lines, node, rf"from(\s+){re.escape(source)}\b", rf"from\g<1>{module}.{source}")
        elif isinstance(node, ast.Import) and any(one.name.split(".")[0] in local for one in node.names):
            _put_instead(lines, node, "; ".join(_import_of(one, module, local) for one in node.names))
    return "".join(lines)


def _rewritten_test(found: Imported, name: str, path: Path) -> str:
    """A test's text: what it imports from main, and patches there, is in the connector's package now."""
    text = rewritten(found, name, path)
    module = import_name(name)
    lines = _lines(text)
    for node in _imports(text):
        source = _absolute_source(node)
        if re.fullmatch(r"([\w.]+\.)?main", source):
            _replace(lines, node, rf"from(\s+){re.escape(source)}\b", rf"from\g<1>{module}")
        elif isinstance(node, ast.Import) and [one.name for one in node.names] == ["main"]:
            _replace(
                lines,
                node,
                r"\bimport\s+main(\s+as\s+(\w+))?",
                lambda seen: f"import {module} as {seen[2] or 'main'}",
            )
    return re.sub(r"""(?<=["'])(?:\w+\.)*main\.(?=\w)""", f"{module}.", "".join(lines))


def _imports(text: str) -> Iterator[ast.Import | ast.ImportFrom]:
    return (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import | ast.ImportFrom))


def _absolute_source(node: ast.Import | ast.ImportFrom) -> str:
    """The module of a `from MODULE import ...` without dots before it; empty for any other import."""
    return node.module or "" if isinstance(node, ast.ImportFrom) and not node.level else ""


def _import_of(one: ast.alias, module: str, local: set[str]) -> str:
    """The import of one name: of the connector's package, if it is one of the folder's own modules."""
    renamed = f" as {one.asname}" if one.asname else ""
    top, *below = one.name.split(".")
    if top not in local:
        return f"import {one.name}{renamed}"
    if not below:
        return f"from {module} import {one.name}{renamed}"
    if renamed:
        return f"from {module}.{'.'.join([top, *below[:-1]])} import {below[-1]}{renamed}"
    return f"import {module}.{one.name}; from {module} import {top}"


def _put_instead(lines: list[str], node: ast.stmt, statement: str) -> None:
    """Replace a statement by one on its first line; what follows keeps its line's number."""
    first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
    before = lines[first].encode()[: node.col_offset].decode()  # columns are counted in bytes
    after = lines[last].encode()[node.end_col_offset :].decode()
    lines[first : last + 1] = [before + statement + after, *[""] * (last - first)]


def _lines(text: str) -> list[str]:
    """Lines as Python counts them: a form feed or another of Unicode's line ends begins none."""
    return list(io.StringIO(text))


def _replace(lines: list[str], node: ast.stmt, pattern: str, by: object) -> None:
    line = node.lineno - 1
    lines[line] = re.sub(pattern, by, lines[line], count=1)  # type: ignore[call-overload]


def _versioned(text: str) -> str:
    """With a version, which every connector has, behind what has to come first in a module."""
    if re.search(r"^__version__ = ", text, re.MULTILINE):
        return UNTYPED + text
    body = ast.parse(text).body
    first = 0
    for node in body:
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
        if not (docstring or future):
            break
        first = node.end_lineno or first
    lines = _lines(text)
    return UNTYPED + "".join([*lines[:first], '\n__version__ = "0.1.0"\n\n', *lines[first:]])


def _practise(found: Imported, to: Path) -> None:
    """Its own practice source, or the template's with the contract's tests put off until it is written."""
    if found.has_practice:
        shutil.copy(found.folder / "practice.py", to / "practice.py")
        return
    contract = to / "tests" / "test_contract.py"
    text = contract.read_text("utf-8")
    contract.write_text(
        text.replace("from pathlib import Path\n\n", "from pathlib import Path\n\n" + STARTER, 1), "utf-8"
    )


def _changelog(template: Path) -> str:
    return re.sub(
        r"^- `items`.*$", "- Taken over as it was.", template.read_text("utf-8"), flags=re.MULTILINE
    )


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
