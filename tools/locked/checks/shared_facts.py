"""What the emulator must know of the runtime and of Google is generated from where it is decided, into one module.

The emulator does not import the runtime: it drives functions that were built on any version of it, or on none. So what they
share is copied by this tool, which reads source and imports none of it, and `nox -s check` finds a copy that is not current.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tools.repository import generated
from tools.repository.errors import Problem, RepositoryError, StaleError, at, run_as_command
from tools.repository.generated import write_or_check
from tools.repository.limits import MAX_ANSWER_BYTES, MAX_TIMEOUT
from tools.repository.model import Repository, python_files

FILE = "packages/fivetran-emulator/src/fivetran_emulator/protocol/shared_facts.py"
COMMAND = "nox -s update"
RUNTIME, EMULATOR = "fivetran-runtime", "fivetran-emulator"
SMOKE_TEST = "tools/locked/deploying/smoke_test.py"
HEADER = "REPORT_HEADER"
PARTS = {"STATE_MEMBERS": "State", "TABLE_MEMBERS": "TableState"}
"""Each part of a state, and the runtime's class that reads it."""

JSON_TYPES = {"int": "number", "str": "text", "bool": "boolean", "dict": "object", "list": "list"}

TEXT = '''"""What the emulator shares with the runtime and the tools. Made by `{command}`; don't edit."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["MAX_ANSWER_BYTES", "MAX_SECONDS", "{header}", "STATE_MEMBERS", "TABLE_MEMBERS"]

{header} = {header_value}
"""The header in which functions built on fivetran-runtime report an invocation."""

MAX_ANSWER_BYTES: Mapping[int, int] = {answer_bytes}
MAX_SECONDS: Mapping[int, int] = {seconds}
"""What Google grants one invocation, by generation of Cloud Functions; a megabyte is 10**6 bytes."""
'''


def render(repository: Repository) -> str:
    """The module's text. RepositoryError if the runtime has not what is looked for."""
    text = TEXT.format(
        command=COMMAND,
        header=HEADER,
        header_value=_quoted(_assigned(_runtime_files(repository), HEADER)),
        answer_bytes=_with_separators(MAX_ANSWER_BYTES),
        seconds=_with_separators(MAX_TIMEOUT),
    )
    for name, owner in PARTS.items():
        members = "".join(
            f"    {_quoted(member)}: {_tuple(types)},\n"
            for member, types in _members(repository, owner).items()
        )
        text += f"\n{name}: Mapping[str, tuple[str, ...]] = {{\n{members}}}\n"
    return text + '"""The JSON types of each member of the runtime\'s state, and of a table in it."""\n'


def stale(repository: Repository) -> StaleError | None:
    """That the committed module isn't what its sources give; None if it is."""
    return generated.stale(repository, FILE, render, COMMAND)


def problems(repository: Repository) -> Iterator[Problem]:
    """A generated module that isn't current, and what is written elsewhere with another value."""
    if not {RUNTIME, EMULATOR} <= repository.packages.keys():
        return
    if stale(repository):
        yield Problem(FILE, "it isn't current", f"run `{COMMAND}`")
    files = _runtime_files(repository)
    smoke_test = repository.root / SMOKE_TEST
    if smoke_test.is_file() and _assigned([smoke_test], HEADER) != _assigned(files, HEADER):
        yield Problem(SMOKE_TEST, f"{HEADER} is not the runtime's", "make them equal")
    if _assigned(files, "ANSWER_BYTES") != MAX_ANSWER_BYTES:
        where = at(repository.packages[RUNTIME].path, repository.root)
        yield Problem(
            where, "ANSWER_BYTES is not MAX_ANSWER_BYTES of tools/repository/limits.py", "make them equal"
        )


def _runtime_files(repository: Repository) -> list[Path]:
    return python_files(repository.packages[RUNTIME].path / "src")


def _assigned(files: list[Path], name: str) -> object:
    """The value of a constant, which stands in one of these files; arithmetic with numbers and constants of that file is done."""
    for file in files:
        constants: dict[str, object] = {}
        for node in ast.parse(file.read_text("utf-8")).body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                constants[node.targets[0].id] = _value(node.value, constants)
        if constants.get(name) is not None:
            return constants[name]
    raise RepositoryError(f"no file of {', '.join(sorted({str(file.parent) for file in files}))} has {name}")


def _value(node: ast.expr, constants: dict[str, object]) -> object:
    """A literal's value; None for what is none."""
    if isinstance(node, ast.Name):
        return constants.get(node.id)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        left, right = _value(node.left, constants), _value(node.right, constants)
        return left * right if isinstance(left, int) and isinstance(right, int) else None
    if isinstance(node, ast.Dict):
        return {
            _value(key, constants): _value(value, constants)
            for key, value in zip(node.keys, node.values, strict=True)
            if key is not None
        }
    return node.value if isinstance(node, ast.Constant) else None


def _members(repository: Repository, owner: str) -> dict[str, list[str]]:
    """The members of a class of the runtime's, and their JSON types; empty for one that has a class of its own."""
    for file in _runtime_files(repository):
        for node in ast.parse(file.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef) and node.name == owner:
                found = {
                    one.target.id: _types(ast.unparse(one.annotation))
                    for one in node.body
                    if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
                }
                found.pop("unknown", None)  # where members of other releases are kept
                return found
    raise RepositoryError(f"{RUNTIME} has no class {owner}, which reads a part of the state")


def _types(annotation: str) -> list[str]:
    """The JSON types of an annotation: `int | str | None` gives number and text."""
    outer = re.sub(r"\[.*\]", "", annotation).split(" | ")
    return [JSON_TYPES[name] for name in outer if name in JSON_TYPES]


def _quoted(value: object) -> str:
    return '"' + str(value) + '"'


def _tuple(values: list[str]) -> str:
    return "(" + ", ".join(map(_quoted, values)) + ("," if len(values) == 1 else "") + ")"


def _with_separators(numbers: dict[int, int]) -> str:
    return "{" + ", ".join(f"{key}: {value:_}" for key, value in numbers.items()) + "}"


def main(arguments: list[str]) -> int:
    """Write the module, or with `--check` say whether it is current."""
    return write_or_check(
        arguments, module="tools.locked.checks.shared_facts", file=FILE, text=render, problem=stale
    )


if __name__ == "__main__":
    run_as_command(main)
