"""docs/api.md and docs/practice.md: what authors of connectors import, with its signatures and docstrings.

The pages are made from the sources, so that no second text can say something else. A public name is one of the package's
`__all__`; a public method is one without an underscore.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from inspect import cleandoc
from pathlib import Path

from tools.repository import generated
from tools.repository.errors import RepositoryError, StaleError, run_as_command
from tools.repository.generated import write_or_check_all
from tools.repository.model import Repository

COMMAND = "nox -s update"


@dataclass(frozen=True)
class Page:
    """A page about one package, in a project's `src`.

    Attributes:
        file: the page.
        project: the project in packages/.
        package: the package whose `__all__` is shown, with dots.
        title: the page's.
        opening: what stands below it.
        borrowed: public names that are somebody else's, to what is said of them.
        called_by_kit: methods that only a protocol shows: its classes are made by authors, and called by others.
    """

    file: str
    project: str
    package: str
    title: str
    opening: str
    borrowed: Mapping[str, str] = field(default_factory=dict)
    called_by_kit: tuple[str, ...] = ()


RUNTIME = Page(
    file="docs/api.md",
    project="fivetran-runtime",
    package="fivetran_runtime",
    title="What a connector imports",
    opening="Everything here is in `fivetran_runtime`, and is kept from version to version. What is not here may change in any release.",
)
PRACTICE = Page(
    file="docs/practice.md",
    project="fivetran-emulator",
    package="fivetran_emulator.practice",
    title="What a practice source imports",
    opening="""\
Everything here is in `fivetran_emulator.practice`. A `practice.py` has a `source`, made of this or any other WSGI or ASGI
application, and `secrets`, a dict of what Fivetran would send for it, in whose texts `{url}` stands for its address; with a function
`sync_source` that gives one, `nox -s sync` and `nox -s try` read a larger source than the tests. What means the same as in
[the runtime](api.md) has the same name: `PageToken(param="after")` there reads the pages that `PageToken(param="after")` here serves.""",
    borrowed={
        "Request": "A request, which is werkzeug's: `request.args` are the query, `request.get_json()` is the body."
    },
    called_by_kit=("answer", "check", "headers", "page"),
)
PAGES = (RUNTIME, PRACTICE)
SECTION = re.compile(r"^(Args|Attributes|Raises|Returns|Types):(.*)$")
ITEM = re.compile(r"^    (\S[^:]*): (.*)$")


def pages(repository: Repository) -> list[Page]:
    """The pages that a repository has the sources of."""
    return [
        page for page in PAGES if page.project in repository.packages and _folder(repository, page).is_dir()
    ]


def rendered(repository: Repository, page: Page = RUNTIME) -> str:
    """A page as it has to be."""
    folder = _folder(repository, page)
    front = ast.parse((folder / "__init__.py").read_text("utf-8"))
    head = f"<!-- Made by `{COMMAND}` from the docstrings of {page.package}: edit those. -->\n\n# {page.title}\n\n{page.opening}\n"
    source = repository.packages[page.project].path / "src"
    return "\n".join(
        [head, *(line for name in _public(front, page) for line in _shown(source, front, page, name))]
    )


def is_stale(repository: Repository, page: Page) -> bool:
    """Whether a committed page doesn't say what the docstrings say."""
    return generated.stale(repository, page.file, partial(rendered, page=page), COMMAND) is not None


def stale(repository: Repository) -> StaleError | None:
    """The pages that are not current; None if all are."""
    found = [page.file for page in pages(repository) if is_stale(repository, page)]
    return StaleError(f"not current: {', '.join(found)}; run `{COMMAND}`") if found else None


def _folder(repository: Repository, page: Page) -> Path:
    return repository.packages[page.project].path / "src" / page.package.replace(".", "/")


def _public(front: ast.Module, page: Page) -> list[str]:
    for node in front.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return list(ast.literal_eval(node.value))
    raise RepositoryError(f"{page.package} has no __all__")


def _shown(source: Path, front: ast.Module, page: Page, name: str) -> Iterator[str]:
    if name in page.borrowed:
        return iter([f"## {name}\n", f"{page.borrowed[name]}\n"])
    return _entry(_definition(source, front, page, name), page)


def _definition(source: Path, front: ast.Module, page: Page, name: str) -> ast.ClassDef | ast.FunctionDef:
    """Where a public name is made."""
    for node in ast.walk(front):  # some imports are below TYPE_CHECKING
        if isinstance(node, ast.ImportFrom) and name in {alias.name for alias in node.names}:
            file = source / f"{str(node.module).replace('.', '/')}.py"
            for found in ast.parse(file.read_text("utf-8")).body:
                if isinstance(found, ast.ClassDef | ast.FunctionDef) and found.name == name:
                    return found
    raise RepositoryError(f"{page.package}.{name} is no class or function that the package imports by name")


def _entry(node: ast.ClassDef | ast.FunctionDef, page: Page) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef):
        yield f"## {node.name}\n"
        yield f"    {node.name}({_without_self(node.args)})\n"
        yield from _prose(node)
        return
    bases = [base for base in map(ast.unparse, node.bases) if base.endswith("Error")]
    hidden = () if "Protocol" in map(ast.unparse, node.bases) else page.called_by_kit
    yield f"## {node.name}\n"
    yield f"    {node.name}({_parameters(node)})\n" if not bases else f"A `{bases[0]}`.\n"
    yield from _prose(node)
    for method in (one for one in _methods(node) if one.name not in hidden):
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
    fields = [member for member in node.body if isinstance(member, ast.AnnAssign)]
    public = [
        member
        for member in fields
        if not ast.unparse(member.target).startswith("_") or ast.unparse(member.target) == "_"
    ]
    return ", ".join(map(_field, public)) or "..."


def _field(member: ast.AnnAssign) -> str:
    name = ast.unparse(member.target)
    if name == "_":  # dataclasses.KW_ONLY
        return "*"
    default = _default(member.value) if member.value else None
    return f"{name}={default}" if default else name


def _default(value: ast.expr) -> str | None:
    """What a field is unless it is given; None where it has to be."""
    if not (isinstance(value, ast.Call) and ast.unparse(value.func) == "field"):
        return ast.unparse(value)
    given = {one.arg: ast.unparse(one.value) for one in value.keywords}
    return f"{given['default_factory']}()" if "default_factory" in given else given.get("default")


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
    """Write the pages, or with --check say whether they are current."""
    return write_or_check_all(
        arguments,
        module="tools.locked.house.api_page",
        files=[page.file for page in PAGES],
        texts=lambda repository: {page.file: rendered(repository, page) for page in pages(repository)},
        problem=stale,
    )


if __name__ == "__main__":
    run_as_command(main)
