"""YAML read as YAML 1.2's core schema has it, and no more of it than configuration needs.

PyYAML's loaders follow YAML 1.1, in which `1:30` is 90, `on` is true and `010` is 8, and stop at the first mistake with
a traceback. So only PyYAML's parser is used: its events know lines, and what a plain word means is decided here.
Aliases, merge keys and tags are refused with their line: a reader shouldn't have to jump about.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from tools.repository.errors import Problem, RepositoryError

MAX_DEPTH = 20
MAX_DIGITS = 18
"""A longer whole number is kept as a float: nothing here is that large, and Python refuses to read 5,000 digits."""

MAX_SHOWN = 60
"""Characters of a value that a message repeats."""

NULL = re.compile(r"|~|null|Null|NULL")
TRUE = re.compile(r"true|True|TRUE")
FALSE = re.compile(r"false|False|FALSE")
WHOLE = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
LEADING_ZERO = re.compile(r"[-+]?0[0-9]+")
FLOAT = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
"""https://yaml.org/spec/1.2.2/#1032-tag-resolution."""


@dataclass(frozen=True)
class Value:
    """A value and the line it is on: `data` is text, a number, a boolean, None, a list or a mapping of Values.

    `source` is a scalar as the file has it, for messages.
    """

    data: Any
    line: int
    source: str = ""

    def __str__(self) -> str:
        """The value with its type, as a message says it: the text '1024', the number 1024, a list."""
        match self.data:
            case str():
                return f"the text {shortened(repr(self.data))}"
            case bool():
                return f"the boolean {self.source or str(self.data).lower()}"
            case int() | float():
                return f"the number {shortened(self.source or str(self.data))}"
            case None:
                return "nothing"
            case list():
                return "a list"
            case Mapping():
                return "a mapping of names to values"
            case _:
                return f"a {type(self.data).__name__}"


def read(content: bytes, where: str) -> Value:
    """The one document in `content`; an empty file is None. RepositoryError lists what is wrong, each with its line."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise RepositoryError(
            [Problem(f"{where}:{line}", "this isn't UTF-8", "save the file as UTF-8")]
        ) from error
    builder = _Builder(where)
    for event in _events(text, where, builder):
        builder.add(event)
    if builder.problems:
        raise RepositoryError(builder.problems)
    return builder.root or Value(None, 1)


def plain(source: str) -> Any:
    """What a plain word means in the core schema: text, a number, a boolean or None."""
    if NULL.fullmatch(source):
        return None
    if TRUE.fullmatch(source) or FALSE.fullmatch(source):
        return bool(TRUE.fullmatch(source))
    if WHOLE.fullmatch(source):
        if len(source) > MAX_DIGITS:
            return float("inf")
        return int(source, 10 if source[:2] not in {"0o", "0x"} else 0)
    if FLOAT.fullmatch(source):
        return float(re.sub(r"\.(inf|nan)", r"\1", source.lower()))
    return source


def _events(text: str, where: str, builder: _Builder) -> Iterator[yaml.Event]:
    """PyYAML's events; what it raises becomes a RepositoryError that knows the line, after the problems so far."""
    line = 1
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            line = _line(event)
            yield event
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        words = ", ".join(word for word in (error.context, error.problem) if word)
        tab = "indent with spaces, not with tabs" if "\\t" in words else ""
        problem = Problem(f"{where}:{mark.line + 1 if mark else line}", f"not YAML: {words}", tab)
        raise RepositoryError([*builder.problems, problem]) from error
    except yaml.reader.ReaderError as error:
        place = f"{where}:{text.count(chr(10), 0, error.position) + 1}"
        raise RepositoryError(
            [Problem(place, f"the character U+{error.character:04X} can't be in YAML")]
        ) from error
    except (yaml.YAMLError, ValueError, OverflowError, IndexError) as error:
        # PyYAML lets through what Python says of "\UFFFFFFFF" or of a version of 5,000 digits.
        problem = Problem(
            f"{where}:{line}", "not YAML: an escape or a version with a number that is too large"
        )
        raise RepositoryError([*builder.problems, problem]) from error


class _Builder:
    """Makes values of events, without recursion; gathers problems instead of stopping at the first."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.problems: list[Problem] = []
        self.root: Value | None = None
        self.open: list[_Open] = []
        self.documents = 0

    def add(self, event: yaml.Event) -> None:
        """Take the next event."""
        line = _line(event)
        match event:
            case yaml.DocumentStartEvent():
                self._document(event, line)
            case yaml.AliasEvent():
                self._problem(
                    line,
                    f"`*{shortened(str(event.anchor))}` is an alias, which isn't read here: write the lines out",
                )
                self._put(Value(None, line))
            case yaml.ScalarEvent():
                self._require_plain(event, line)
                self._put(self._scalar(event, line))
            case yaml.CollectionStartEvent():
                self._require_plain(event, line)
                self._begin(Value({} if isinstance(event, yaml.MappingStartEvent) else [], line))
            case yaml.CollectionEndEvent():
                self._put(self.open.pop().value)
            case _:
                pass

    def _document(self, event: yaml.DocumentStartEvent, line: int) -> None:
        self.documents += 1
        if self.documents > 1:
            self._problem(line, "a second document begins with `---`; one is read")
        if event.version or event.tags:
            self._problem(line, "directives such as %YAML aren't read here; leave them out")

    def _require_plain(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent, line: int) -> None:
        if event.anchor is not None:
            self._problem(
                line, f"`&{shortened(event.anchor)}` names a value for aliases, which aren't read here"
            )
        if event.tag is not None:
            shown = shortened(f"{_tag(event.tag)} {getattr(event, 'value', '')}".strip())
            self._problem(line, f"`{shown}`: tags aren't read here; the value alone says its type")

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> Value:
        source = event.value
        if not _is_encodable(source):
            self._problem(line, f"{shortened(repr(source))} holds half a character (a surrogate)")
            return Value("", line)
        if event.style or not event.implicit[0]:
            return Value(source, line)
        if LEADING_ZERO.fullmatch(source):
            meant = source.lstrip("+-0") or "0"
            self._problem(
                line,
                f"{shortened(source)} is octal to some readers of YAML: write {shortened(meant)} for the number, quotes around text",
            )
        return Value(plain(source), line, source)

    def _begin(self, value: Value) -> None:
        if len(self.open) == MAX_DEPTH:
            problem = Problem(f"{self.where}:{value.line}", f"nested deeper than {MAX_DEPTH} levels")
            raise RepositoryError([*self.problems, problem])
        self.open.append(_Open(value))

    def _put(self, value: Value) -> None:
        if not self.open:
            self.root = self.root or value
            return
        inside = self.open[-1]
        if isinstance(inside.value.data, list):
            inside.value.data.append(value)
        elif inside.key is None:
            inside.key = value
            self._check_key(value, inside)
        else:
            key, inside.key = inside.key, None
            name = key.data if isinstance(key.data, str) else str(key)
            inside.value.data.setdefault(name, Value(value.data, key.line, value.source))

    def _check_key(self, key: Value, inside: _Open) -> None:
        if not isinstance(key.data, str):
            quotes = f": write '{key.source}'" if key.source else ""
            self._problem(key.line, f"a name must be text, not {key}{quotes}")
        elif key.data in inside.value.data:
            first = inside.value.data[key.data].line
            self._problem(key.line, f"it stands here a second time, first on line {first}")

    def _problem(self, line: int, what: str) -> None:
        keys = [one.key.data for one in self.open if one.key and isinstance(one.key.data, str)]
        place = "".join(f": {shortened(key)}" for key in keys)
        self.problems.append(Problem(f"{self.where}:{line}{place}", what))


@dataclass
class _Open:
    """A list or mapping whose end hasn't come; `key` is one whose value hasn't come."""

    value: Value
    key: Value | None = None


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def _tag(tag: str) -> str:
    """A tag as it was written: `tag:yaml.org,2002:int` -> `!!int`."""
    return tag.replace("tag:yaml.org,2002:", "!!")


def _is_encodable(text: str) -> bool:
    return not re.search("[\ud800-\udfff]", text)


def shortened(text: str) -> str:
    """As much of a text as a message repeats."""
    if len(text) <= MAX_SHOWN:
        return text
    return f"{text[: MAX_SHOWN - 20]}... ({len(text):,} characters)"
