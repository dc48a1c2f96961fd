"""What a value may be: asked by the readers of deploy.yaml and pyproject.toml, and written into the schema for editors.

A rule says it three ways, from the same fields: `accepts` decides, `words` says it to a person, `schema` to an editor.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from tools.locked.declared.strict_yaml import Value, plain, shortened
from tools.repository.names import nearest


class Rule(Protocol):
    """What a value may be."""

    @property
    def words(self) -> str:
        """What follows "It must be": `whole seconds from 1 to 540`."""

    @property
    def schema(self) -> dict[str, Any]:
        """The same in JSON Schema, draft 7."""

    def accepts(self, data: Any) -> bool:
        """Whether a value's data is so."""

    def near(self, data: Any) -> str:
        """A hint at what may have been meant; empty where nothing is near."""


@dataclass(frozen=True)
class Whole:
    """A whole number between two others; `unit` is said in words."""

    low: int
    high: int
    unit: str = ""

    @property
    def words(self) -> str:
        """`whole seconds from 1 to 540`."""
        return f"{self.unit or 'a whole number'} from {self.low:,} to {self.high:,}"

    @property
    def schema(self) -> dict[str, Any]:
        """An integer with bounds."""
        return {"type": "integer", "minimum": self.low, "maximum": self.high}

    def accepts(self, data: Any) -> bool:
        """Whether it is a whole number in between; a boolean isn't."""
        return isinstance(data, int) and not isinstance(data, bool) and self.low <= data <= self.high

    def near(self, data: Any) -> str:
        """Nothing is near a number."""
        return ""


@dataclass(frozen=True)
class OneOf:
    """One of a few names, or one of a few numbers; `unit` is said before them."""

    choices: tuple[str | int, ...]
    unit: str = ""

    @property
    def words(self) -> str:
        """`MB: one of 128, 256`; text that would be read as a number is shown with the quotes that it needs."""
        listed = ", ".join(map(_as_written, self.choices))
        return f"{self.unit}: one of {listed}" if self.unit else f"one of {listed}"

    @property
    def schema(self) -> dict[str, Any]:
        """An enumeration of one type."""
        return {
            "type": "integer" if isinstance(self.choices[0], int) else "string",
            "enum": list(self.choices),
        }

    def accepts(self, data: Any) -> bool:
        """Whether it is one of them, of their type: `true` and `1.0` aren't 1."""
        return type(data) is type(self.choices[0]) and data in self.choices

    def near(self, data: Any) -> str:
        """The nearest of them; none for a version, as 3.14 isn't what 3.10 means, though it is spelt like it."""
        if isinstance(data, str) and not isinstance(plain(data), str):
            return ""
        return nearest(str(data), map(str, self.choices)) if isinstance(data, str | int) else ""


@dataclass(frozen=True)
class Text:
    """Text that a pattern matches as a whole; `words` says the pattern to a person."""

    pattern: str
    words: str
    longest: int | None = None

    @property
    def schema(self) -> dict[str, Any]:
        """A string with a pattern."""
        bound = {"maxLength": self.longest} if self.longest else {}
        return {"type": "string", "pattern": f"^({self.pattern})$", **bound}

    def accepts(self, data: Any) -> bool:
        """Whether it is text and matches."""
        if not isinstance(data, str) or (self.longest and len(data) > self.longest):
            return False
        return re.fullmatch(self.pattern, data) is not None

    def near(self, data: Any) -> str:
        """Nothing is near a pattern."""
        return ""


@dataclass(frozen=True)
class Boolean:
    """`true` or `false`."""

    words: str = "true or false, without quotes"

    @property
    def schema(self) -> dict[str, Any]:
        """A boolean."""
        return {"type": "boolean"}

    def accepts(self, data: Any) -> bool:
        """Whether it is a boolean; 1 isn't."""
        return isinstance(data, bool)

    def near(self, data: Any) -> str:
        """Nothing is near."""
        return ""


def refusal(name: str, rule: Rule, value: Value) -> str | None:
    """Why `rule` refuses the value of `name`: what is there with its type, what may be meant, what is allowed; or None."""
    if rule.accepts(value.data):
        return None
    hint = _quotes(rule, value) or f".{rule.near(value.data)}"
    return f"{name} can't be {value}{hint} It must be {rule.words}"


def unknown_name(name: str, known: Mapping[str, object]) -> str:
    """What to say of a name that isn't one of those known."""
    return f"what is `{name}`?{nearest(name, known)} There are: {', '.join(known)}"


def _as_written(choice: str | int) -> str:
    return f"'{choice}'" if isinstance(choice, str) and not isinstance(plain(choice), str) else str(choice)


def _quotes(rule: Rule, value: Value) -> str:
    """Whether quotes are all that is wrong."""
    if isinstance(value.data, str) and rule.accepts(plain(value.data)):
        return ": leave the quotes out."
    if value.source and not isinstance(value.data, str) and rule.accepts(value.source):
        return f": write '{shortened(value.source)}', in quotes."
    return ""
