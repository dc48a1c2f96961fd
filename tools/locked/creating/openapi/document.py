"""Reads an OpenAPI description, JSON or YAML, and follows its references.

Only the core of it is checked here, version and paths: what else is wrong makes an operation unusable, and not the file.
A validator (openapi-spec-validator) would bring ten packages and refuse many descriptions that are in use: most have
an error somewhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import yaml

from tools.locked.declared.strict_yaml import FALSE, FLOAT, NULL, TRUE, WHOLE, plain
from tools.repository.errors import RepositoryError

MAX_BYTES = 32 * 1024 * 1024
"""GitHub's, one of the largest there are, has 13 MB."""

MAX_HOPS = 50
"""References in a row; more are a circle."""


class CoreLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML 1.2's core schema, which OpenAPI asks for: a date is text, and so are `no` and `1:30`.

    There are no merge keys, with which a short file can ask for any amount of memory.
    """

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own way


for _tag, _pattern in (("null", NULL), ("bool", TRUE), ("bool", FALSE), ("int", WHOLE), ("float", FLOAT)):
    CoreLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", _pattern, None)
    CoreLoader.add_constructor(f"tag:yaml.org,2002:{_tag}", lambda _loader, node: plain(node.value))


def mapping(value: Any) -> Mapping[Any, Any]:
    """The value if it is an object, else an empty one: a description may have anything anywhere."""
    return value if isinstance(value, dict) else {}


def sequence(value: Any) -> list[Any]:
    """The value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def text(value: Any) -> str:
    """The value if it is text, else an empty one."""
    return value if isinstance(value, str) else ""


@dataclass(frozen=True)
class Document:
    """An OpenAPI description. `where` is its file, for messages."""

    root: Mapping[Any, Any]
    where: str

    @property
    def title(self) -> str:
        """The API's name, as its owners write it."""
        return text(mapping(self.root.get("info")).get("title"))

    def resolved(self, node: Any) -> Mapping[Any, Any]:
        """The object that a node is or refers to; an empty one where there is none, or only a circle of references.

        RepositoryError for a reference into another file: nothing but the description itself is read.
        """
        for _ in range(MAX_HOPS):
            found = mapping(node)
            reference = found.get("$ref")
            if not isinstance(reference, str):
                return found
            node = self._at(reference)
        return {}

    def _at(self, reference: str) -> Any:
        if not reference.startswith("#"):
            raise RepositoryError(
                f"{self.where}: it refers to another file, {reference[:100]!r}: bundle it into one first, such as with "
                "`npx @redocly/cli bundle`"
            )
        node: Any = self.root
        for step in unquote(reference[1:]).split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if isinstance(node, list):
                node = (
                    node[int(name)] if name.isascii() and name.isdigit() and int(name) < len(node) else None
                )
            else:
                node = mapping(node).get(name)
        return node

    def paths(self) -> Iterator[tuple[str, Mapping[Any, Any]]]:
        """Each path with what it holds, in the description's order."""
        for path, item in mapping(self.root.get("paths")).items():
            if isinstance(path, str) and path.startswith("/"):
                yield path, self.resolved(item)


def read(file: Path) -> Document:
    """The description in a file. RepositoryError, in a sentence, if it isn't one of OpenAPI 3."""
    if not file.is_file():
        raise RepositoryError(f"{file}: there is no such file; --openapi takes a description in JSON or YAML")
    content = file.read_bytes()
    if len(content) > MAX_BYTES:
        raise RepositoryError(f"{file}: {len(content):,} bytes; a description has {MAX_BYTES:,} at most")
    root = _parsed(content, str(file))
    _require_openapi_3(root, str(file))
    return Document(root, str(file))


def _parsed(content: bytes, where: str) -> Any:
    try:
        words = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise RepositoryError(f"{where}:{line}: this isn't UTF-8; save the file as UTF-8") from error
    try:
        return _json(words, where) if words.lstrip()[:1] in ("{", "[") else _yaml(words, where)
    except RecursionError:
        raise RepositoryError(f"{where}: it is nested too deeply for a description") from None


def _json(words: str, where: str) -> Any:
    try:
        return json.loads(words)
    except json.JSONDecodeError as error:
        try:
            return _yaml(words, where)  # {a: b} is YAML, too
        except RepositoryError:
            raise RepositoryError(f"{where}:{error.lineno}: not JSON: {error.msg}") from error
    except ValueError as error:  # a number of more than 4,300 digits
        raise RepositoryError(f"{where}: not JSON that can be read: {error}") from error


def _yaml(words: str, where: str) -> Any:
    try:
        return yaml.load(words, Loader=CoreLoader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        said = ", ".join(word for word in (error.context, error.problem) if word)
        raise RepositoryError(f"{where}{line}: not YAML: {said}") from error
    except (yaml.YAMLError, ValueError, TypeError, OverflowError) as error:
        raise RepositoryError(f"{where}: not YAML: {str(error).splitlines()[0][:200]}") from error


def _require_openapi_3(root: Any, where: str) -> None:
    version = mapping(root).get("openapi")
    if isinstance(version, str | float) and str(version).startswith("3."):
        if not mapping(mapping(root).get("paths")):
            raise RepositoryError(f"{where}: it has no paths, and so nothing that could be listed")
        return
    if mapping(root).get("swagger") is not None:
        raise RepositoryError(
            f"{where}: this is Swagger {str(mapping(root)['swagger'])[:10]}, and OpenAPI 3 is read; "
            f"`npx swagger2openapi {Path(where).name} -o openapi.json` converts it"
        )
    said = f"`openapi` is {str(version)[:20]!r}" if version is not None else "it has no `openapi: 3...`"
    raise RepositoryError(f"{where}: this is no description of OpenAPI 3: {said}")
