"""What a schema says of a value: references followed, allOf merged, one of several alternatives taken.

OpenAPI 3.0 (`nullable`, `example`) and 3.1 (JSON Schema 2020-12: lists of types, `examples`, `const`) give the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tools.locked.creating.openapi.document import Document, mapping, sequence, text

MAX_PARTS = 100
"""Schemas that are merged into one at most."""

MAX_DEPTH = 12

ABSENT: Any = object()
"""An example that isn't there; None would be one."""


@dataclass(frozen=True)
class Shape:
    """A value as a schema describes it. `kind` is a JSON type, or empty where the schema doesn't say."""

    kind: str = ""
    format: str = ""
    nullable: bool = False
    properties: Mapping[str, Any] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    items: Any = None
    enum: tuple[Any, ...] = ()
    example: Any = ABSENT
    default: Any = ABSENT
    minimum: float | None = None
    maximum: float | None = None
    max_length: int | None = None
    pattern: str = ""
    description: str = ""

    @property
    def is_scalar(self) -> bool:
        """Whether it is one value: neither an object nor a list."""
        return self.kind in ("string", "integer", "number", "boolean")


@dataclass(frozen=True)
class Schemas:
    """Makes shapes of a document's schemas."""

    document: Document

    def shape(self, node: Any) -> Shape:
        """What a schema says. A schema that contains itself is described as far as its own members."""
        parts = list(self._parts(node))
        merged = _merged(parts)
        kinds, nullable = _kinds(parts)
        return Shape(
            kind=kinds[0] if kinds else _inferred(merged),
            format=text(merged.get("format")),
            nullable=nullable,
            properties={str(name): value for name, value in mapping(merged.get("properties")).items()},
            required=frozenset(str(name) for name in sequence(merged.get("required"))),
            items=merged.get("items"),
            enum=tuple(value for value in _enum(merged) if value is not None),
            example=_example(merged),
            default=merged.get("default", ABSENT),
            minimum=_number(merged.get("minimum")),
            maximum=_number(merged.get("maximum")),
            max_length=_whole(merged.get("maxLength")),
            pattern=text(merged.get("pattern")),
            description=text(merged.get("description")),
        )

    def members(self, shape: Shape) -> Iterator[tuple[str, Shape]]:
        """Each property of an object with its shape; none that is only written."""
        for name, node in shape.properties.items():
            if self.document.resolved(node).get("writeOnly") is not True:
                yield name, self.shape(node)

    def _parts(self, node: Any, depth: int = 0) -> Iterator[Mapping[Any, Any]]:
        """The schemas that hold together, each without its references and alternatives."""
        left = [(node, depth)]
        for _ in range(MAX_PARTS):
            if not left:
                return
            one, depth = left.pop(0)
            schema = self.document.resolved(one)
            yield schema
            if depth < MAX_DEPTH:
                left += [(inner, depth + 1) for inner in self._inner(schema)]

    def _inner(self, schema: Mapping[Any, Any]) -> list[Any]:
        chosen = [
            self._alternative(sequence(schema.get(name))) for name in ("oneOf", "anyOf") if schema.get(name)
        ]
        return [*sequence(schema.get("allOf")), *filter(None, chosen)]

    def _alternative(self, alternatives: list[Any]) -> Any:
        """The first that is a list or an object, else the first that is not null, with word of a null among them."""
        resolved = [self.document.resolved(one) for one in alternatives]
        named = [one for one in resolved if one.get("type") != "null"]
        rich = [one for one in named if {"properties", "items", "allOf"} & set(one)]
        chosen = dict((rich or named or [{}])[0])
        return {"allOf": [chosen], "nullable": True} if len(named) < len(resolved) else chosen


def _merged(parts: list[Mapping[Any, Any]]) -> dict[Any, Any]:
    """All that the parts say: what comes first counts, properties and required ones are gathered."""
    merged: dict[Any, Any] = {}
    properties: dict[Any, Any] = {}
    required: list[Any] = []
    for part in parts:
        for name, value in mapping(part.get("properties")).items():
            properties[name] = {"allOf": [properties[name], value]} if name in properties else value
        required += sequence(part.get("required"))
        merged = {**part, **merged}
    return {**merged, "properties": properties, "required": required}


def _kinds(parts: list[Mapping[Any, Any]]) -> tuple[list[str], bool]:
    said = [part.get("type") for part in parts]
    kinds = [str(kind) for one in said for kind in (one if isinstance(one, list) else [one]) if kind]
    nullable = "null" in kinds or any(part.get("nullable") is True for part in parts)
    return [kind for kind in kinds if kind != "null"], nullable


def _inferred(merged: Mapping[Any, Any]) -> str:
    if merged.get("properties"):
        return "object"
    if merged.get("items") is not None:
        return "array"
    values = [*_enum(merged), *([_example(merged)] if _example(merged) is not ABSENT else [])]
    return next((kind for value in values if (kind := kind_of(value))), "")


def kind_of(value: Any) -> str:
    """The JSON type of a value; empty for null."""
    kinds = ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"), (list, "array"))
    found = next((name for kind, name in kinds if isinstance(value, kind)), "")
    return found or ("object" if isinstance(value, dict) else "")


def _enum(merged: Mapping[Any, Any]) -> list[Any]:
    return [merged["const"]] if "const" in merged else sequence(merged.get("enum"))


def _example(merged: Mapping[Any, Any]) -> Any:
    if merged.get("example") is not None:
        return merged["example"]
    examples = sequence(merged.get("examples"))
    return examples[0] if examples else ABSENT


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and abs(value) < 1e15 else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None
