"""docs/api.md: what authors of connectors import from the runtime, with its signatures and docstrings.

The page is made from the sources, so that no second text can say something else. A public name is one of the package's
`__all__`; a public method is one without an underscore.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path

from tools.repository import generated
from tools.repository.errors import RepositoryError, StaleError, run_as_command
from tools.repository.generated import write_or_check
from tools.repository.model import Repository

PAGE = "docs/api.md"
COMMAND = "nox -s update"
PACKAGE = "fivetran_runtime"
HEAD = f"""\
<!-- Made by `{COMMAND}` from the docstrings of {PACKAGE}: edit those. -->

# What a connector imports

Everything here is in `{PACKAGE}`, and is kept from version to version. What is not here may change in any release.
"""
SECTION = re.compile(r"^(Args|Attributes|Raises|Returns|Types):(.*)$")
ITEM = re.compile(r"^    (\S[^:]*): (.*)$")


def rendered(repository: Repository) -> str:
    """The page as it has to be."""
    package = repository.packages["fivetran-runtime"].path / "src" / PACKAGE
    front = ast.parse((package / "__init__.py").read_text("utf-8"))
    return "\n".join(
        [HEAD, *(line for name in _public(front) for line in _entry(_definition(package, front, name)))]
    )


def stale(repository: Repository) -> StaleError | None:
    """That the committed page doesn't say what the docstrings say; None if it does."""
    return generated.stale(repository, PAGE, rendered, COMMAND)


def _public(front: ast.Module) -> list[str]:
    for node in front.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return list(ast.literal_eval(node.value))
    raise RepositoryError(f"{PACKAGE} has no __all__")


def _definition(package: Path, front: ast.Module, name: str) -> ast.ClassDef | ast.FunctionDef:
    """Where a public name is made."""
    for node in front.body:
        if isinstance(node, ast.ImportFrom) and name in {alias.name for alias in node.names}:
            file = package.parent / f"{str(node.module).replace('.', '/')}.py"
            for found in ast.parse(file.read_text("utf-8")).body:
                if isinstance(found, ast.ClassDef | ast.FunctionDef) and found.name == name:
                    return found
    raise RepositoryError(f"{PACKAGE}.{name} is no class or function that the package imports by name")


def _entry(node: ast.ClassDef | ast.FunctionDef) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef):
        yield f"## {node.name}\n"
        yield f"    {node.name}({_without_self(node.args)})\n"
        yield from _prose(node)
        return
    bases = [base for base in map(ast.unparse, node.bases) if base.endswith("Error")]
    yield f"## {node.name}\n"
    yield f"    {node.name}({_parameters(node)})\n" if not bases else f"A `{bases[0]}`.\n"
    yield from _prose(node)
    for method in _methods(node):
        arguments = "" if _is_property(method) else f"({_without_self(method.args)})"
        yield f"### {node.name}.{method.name}\n"
        yield f"    {method.name}{arguments}\n"
        yield from _prose(method)


def _methods(node: ast.ClassDef) -> Iterator[ast.FunctionDef]:
    for member in node.body:
        if (
            isinstance(member, ast.FunctionDef)
            and not member.name.startswith("_")
            and ast.get_docstring(member)
        ):
            yield member


def _is_property(method: ast.FunctionDef) -> bool:
    return any("property" in ast.unparse(decorator) for decorator in method.decorator_list)


def _parameters(node: ast.ClassDef) -> str:
    """What making one takes: the arguments of __init__, or the fields of a dataclass or msgspec.Struct."""
    for member in node.body:
        if isinstance(member, ast.FunctionDef) and member.name == "__init__":
            return _without_self(member.args)
    return ", ".join(_field(member) for member in node.body if isinstance(member, ast.AnnAssign)) or "..."


def _field(member: ast.AnnAssign) -> str:
    name = ast.unparse(member.target)
    if name == "_":  # dataclasses.KW_ONLY
        return "*"
    return f"{name}={ast.unparse(member.value)}" if member.value else name


def _without_self(arguments: ast.arguments) -> str:
    """A signature without types, which the text says in words."""
    for argument in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]:
        argument.annotation = None
    for rest in (arguments.vararg, arguments.kwarg):
        if rest is not None:
            rest.annotation = None
    text = ast.unparse(arguments)
    return re.sub(r"^self(, /)?(, )?", "", text)


def _prose(node: ast.ClassDef | ast.FunctionDef) -> Iterator[str]:
    """A docstring as Markdown: its sections become lists."""
    in_section = False
    for line in cleandoc(ast.get_docstring(node) or "").splitlines():
        if section := SECTION.match(line):
            in_section = not section[2]
            yield f"**{section[1]}**\n" if in_section else line
        elif in_section and (item := ITEM.match(line)):
            yield f"- `{item[1]}`: {item[2]}"
        elif in_section and line:
            yield f"  {line.strip()}"
        else:
            in_section = False
            yield line
    yield ""


def main(arguments: list[str]) -> int:
    """Write the page, or with --check say whether it is current."""
    return write_or_check(
        arguments, module="tools.locked.house.api_page", file=PAGE, text=rendered, problem=stale
    )


if __name__ == "__main__":
    run_as_command(main)
