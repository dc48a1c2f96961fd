"""A connector's configuration: what the person who sets up the connection types as "secrets" in Fivetran.

Fivetran's form sends every value as text, so text is read as a number, a truth value or (from JSON) a list where
the type says so. All mistakes are reported in one message, by key, without any value.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from itertools import repeat
from math import isfinite
from typing import Any, TypeVar, dataclass_transform

import msgspec

from fivetran_runtime._invocation.redaction import Redactor
from fivetran_runtime.errors import ConfigurationError

_WHERE = "Change it in Fivetran under the connection's Setup tab."


class Secret:
    """A text that is never shown: printing, formatting or encoding it gives `***` or an error.

    `reveal()` gives the text, for the one place that sends it.

    Args:
        text: what is hidden.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The secret itself."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return "***"

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


class _KeywordOnly(msgspec.StructMeta):
    """Makes every subclass keyword-only, so that keys may be listed in any order; msgspec does not inherit that."""

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any) -> Any:
        return super().__new__(cls, name, bases, namespace, **{"kw_only": True, **options})


@dataclass_transform(kw_only_default=True, field_specifiers=(msgspec.field,))
class Config(msgspec.Struct, metaclass=_KeywordOnly):
    """The typed secrets of a connector; subclass it with one annotated attribute per key.

    Types: str, int, float, bool, Secret, datetime, date, lists and dicts of those, and `| None`. An attribute
    with a default is optional; what a form leaves empty counts as left out.
    `Annotated[str, msgspec.Meta(description=..., examples=[...])]` documents one.
    `__post_init__` may raise ValueError with a sentence about values that do not go together.
    """


AnyConfig = TypeVar("AnyConfig", bound=Config)


@cache
def fields_of(kind: type[msgspec.Struct]) -> tuple[msgspec.structs.FieldInfo, ...]:
    """The fields of a class, whose annotations are evaluated once: every call of a function asks for them several times."""
    return msgspec.structs.fields(kind)


def read(kind: type[AnyConfig], secrets: object) -> AnyConfig:
    """The secrets of a request as a connector's typed configuration.

    Raises:
        ConfigurationError: naming every missing, mistyped and unknown key at once.
    """
    if secrets is None:
        secrets = {}
    if not isinstance(secrets, Mapping):
        raise ConfigurationError("The secrets are not a JSON object of keys and values.", hint=_WHERE)
    fields = {field.encode_name: field for field in fields_of(kind)}
    values, problems = _convert(fields, secrets)
    problems += [f"{key} is not a key this connector knows" for key in sorted(set(secrets) - set(fields))]
    if problems:
        known = f"Keys: {', '.join(sorted(fields))}."
        raise _refusal(kind, secrets, f"{'; '.join(problems)}. {known}")
    try:
        return kind(**values)
    except (ValueError, TypeError) as error:
        raise _refusal(kind, secrets, str(error)) from None


def _refusal(kind: type[Config], secrets: Mapping[Any, Any], what: str) -> ConfigurationError:
    # A connector's own refusal may name a value, also one that a nested object refused before anything was read.
    clean = Redactor(texts_to_hide(kind, secrets)).clean
    return ConfigurationError(f"Secrets: {clean(what)}", hint=_WHERE)


def _convert(fields: Mapping[str, Any], secrets: Mapping[Any, Any]) -> tuple[dict[str, Any], list[str]]:
    values: dict[str, Any] = {}
    problems: list[str] = []
    for key, field in fields.items():
        if key not in secrets or _is_left_empty(secrets[key], field):
            if field.required:
                problems.append(f"{key} is missing")
            continue
        value = secrets[key]
        try:
            value = _parsed(value, field.type)
            values[field.name] = _value(value, field.type)
        except (msgspec.ValidationError, ValueError) as error:
            problems.append(_reason(error, value, field.type, key))
    return values, problems


def _is_left_empty(value: object, field: msgspec.structs.FieldInfo) -> bool:
    """Whether an optional field of the form was left empty: Fivetran sends it as text all the same."""
    if value != "" or field.required:
        return False
    return field.default is None or not _holds(field.type, (str,))


def _parsed(value: object, kind: Any) -> object:
    """A list or an object that was typed as JSON."""
    is_structured = _holds(kind, _CONTAINERS) or any(map(_is_object, parts_of(kind)))
    return _parse_json(value, kind) if isinstance(value, str) and is_structured else value


def _is_object(kind: Any) -> bool:
    return isinstance(kind, type) and (issubclass(kind, msgspec.Struct) or dataclasses.is_dataclass(kind))


def _value(value: object, kind: Any) -> Any:
    converted = msgspec.convert(value, kind, strict=False, dec_hook=_secret_from_text)
    if not all(map(isfinite, _floats(converted))):
        raise ValueError(f"must be {described_type(kind)}, and finite")
    return converted


_CONTAINERS = (list, dict, tuple, set, frozenset)


def _floats(value: object) -> Iterator[float | Decimal]:
    if isinstance(value, float | Decimal):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _floats(inner)
    elif isinstance(value, _CONTAINERS):
        for inner in value:
            yield from _floats(inner)


def _parse_json(text: str, kind: Any) -> object:
    """A list or an object that was typed as JSON; the text itself where the type takes that too."""
    takes_text = _holds(kind, (str,))
    try:
        parsed = msgspec.json.decode(text)
        return text if takes_text and not isinstance(parsed, list | dict) else parsed
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        if takes_text:
            return text
        raise ValueError('must be JSON, for instance ["first", "second"]') from None


def _secret_from_text(kind: type, value: object) -> object:
    if kind is Secret and isinstance(value, str) and value:
        return Secret(value)
    raise ValueError("must be a text that is not empty")


def _reason(error: Exception, value: object, kind: Any, place: str) -> str:
    """What is wrong with a value, and where in a list or an object; never the value."""
    if not isinstance(error, msgspec.ValidationError):
        return f"{place} {error}"
    if value is None:
        return f"{place} is null: leave the key out or give it a value"
    for name, inner, inner_kind in _inside_of(value, kind):
        try:
            _value(inner, inner_kind)
        except (msgspec.ValidationError, ValueError) as inner_error:
            return _reason(inner_error, inner, inner_kind, f"{place}{name}")
    if isinstance(value, dict) and any(map(_is_object, parts_of(kind))):
        return f"{place} is not as it should be: {error}"  # in msgspec's words, or those of the author's own check
    return f"{place} must be {described_type(kind)}{_bounds(kind)}"


def _inside_of(value: object, kind: Any) -> Iterator[tuple[str, object, Any]]:
    """Place, value and type of what is directly in a list or an object, as far as its type says."""
    for part in parts_of(kind):
        origin, inner = typing.get_origin(part), typing.get_args(part)
        if isinstance(value, dict) and _is_object(part):
            yield from ((f".{name}", value[name], one) for name, one in _members_of(part) if name in value)
        elif isinstance(value, dict) and inner and origin is dict:
            yield from (("[...]", one, inner[1]) for one in value.values())
        elif isinstance(value, list) and inner and origin in _CONTAINERS:
            kinds = inner if origin is tuple and inner[-1] is not ... else repeat(inner[0])
            yield from (
                (f"[{place}]", one, one_kind)
                for place, (one, one_kind) in enumerate(zip(value, kinds, strict=False))
            )


def _members_of(kind: Any) -> Iterator[tuple[str, Any]]:
    """The names of an object's members, as they are sent, and their types."""
    if issubclass(kind, msgspec.Struct):
        yield from ((field.encode_name, field.type) for field in fields_of(kind))
    else:
        yield from typing.get_type_hints(kind, include_extras=True).items()


_BOUNDS = {
    "ge": "at least {}",
    "gt": "more than {}",
    "le": "at most {}",
    "lt": "less than {}",
    "multiple_of": "a multiple of {}",
    "min_length": "at least {} long",
    "max_length": "at most {} long",
    "pattern": "matching {}",
}


def _bounds(kind: Any) -> str:
    """What the `Meta` of a type demands, e.g. ", at least 1 and at most 100"."""
    demands = [
        text.format(bound)
        for meta in metas_of(kind)
        for name, text in _BOUNDS.items()
        if (bound := getattr(meta, name)) is not None
    ]
    return f", {' and '.join(demands)}" if demands else ""


def metas_of(kind: Any) -> Iterator[msgspec.Meta]:
    """What `Annotated` says of a type, or of the types of a union."""
    if typing.get_origin(kind) is typing.Annotated:
        yield from (part for part in typing.get_args(kind)[1:] if isinstance(part, msgspec.Meta))
    elif typing.get_origin(kind) in (typing.Union, types.UnionType):
        for part in typing.get_args(kind):
            yield from metas_of(part)


def _few(values: list[object]) -> str:
    return " or ".join(msgspec.json.encode(value).decode() for value in values)


def _holds(kind: Any, wanted: tuple[type, ...]) -> bool:
    return any((typing.get_origin(part) or part) in wanted for part in parts_of(kind))


def parts_of(kind: Any) -> Iterator[Any]:
    """The types of a union, without what is said of them."""
    origin = typing.get_origin(kind)
    if origin is typing.Annotated:
        yield from parts_of(typing.get_args(kind)[0])
    elif origin in (typing.Union, types.UnionType):
        for part in typing.get_args(kind):
            yield from parts_of(part)
    else:
        yield kind


def default_of(field: msgspec.structs.FieldInfo) -> Any:
    """What a key holds that is left out, for one that is not required."""
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default


_NAMES = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "text",
    "Secret": "a text that is not empty",
    "datetime": "an instant like 2026-01-31T12:00:00Z",
    "date": "a day like 2026-01-31",
    "list": 'a list like ["first", "second"]',
    "dict": 'an object like {"name": "value"}',
}


def described_type(kind: Any) -> str:
    """What a key's type is called for people, e.g. "a whole number"."""
    return " or ".join(_named(part) for part in parts_of(kind) if part is not types.NoneType)


def _named(part: Any) -> str:
    if typing.get_origin(part) is typing.Literal:
        return _few(list(typing.get_args(part)))
    name = getattr(typing.get_origin(part) or part, "__name__", str(part))
    return _NAMES.get(name, name)


def secret_texts(config: object) -> Iterator[str]:
    """Every secret text inside a configuration, or every text of untyped secrets."""
    if isinstance(config, Secret):
        yield config.reveal()
    elif isinstance(config, msgspec.Struct):
        for name in config.__struct_fields__:
            yield from secret_texts(getattr(config, name))
    elif dataclasses.is_dataclass(config) and not isinstance(config, type):
        for field in dataclasses.fields(config):
            yield from secret_texts(getattr(config, field.name))
    elif isinstance(config, Mapping):
        for value in config.values():
            yield from secret_texts(value)
    elif isinstance(config, list | tuple | set | frozenset):
        for value in config:
            yield from secret_texts(value)


def texts_to_hide(kind: type[Config], secrets: object) -> Iterator[str]:
    """The texts of raw secrets that must be hidden even if they turn out not to fit the configuration."""
    if isinstance(secrets, Mapping):
        shown = {field.encode_name for field in fields_of(kind) if not _may_be_secret(field.type)}
        yield from all_texts({key: value for key, value in secrets.items() if key not in shown})


def _may_be_secret(kind: Any) -> bool:
    """Whether a type is or holds a Secret, or is an object of the author's, which may say anything of its values."""
    if typing.get_origin(kind) is typing.Literal:
        return False
    if parts := typing.get_args(kind):
        inner = parts[:1] if typing.get_origin(kind) is typing.Annotated else parts
        return any(map(_may_be_secret, inner))
    return kind not in _SHOWN


_SHOWN = frozenset(
    {str, int, float, bool, Decimal, types.NoneType, datetime, date, list, dict, tuple, set, frozenset, ...}
)


def all_texts(secrets: object) -> Iterator[str]:
    """Every text in secrets of which no type says what is secret: each may be, and numbers are written as text."""
    if isinstance(secrets, str):
        yield secrets
        yield from all_texts(_inside(secrets))
    elif isinstance(secrets, int | float | Decimal) and not isinstance(secrets, bool):
        yield str(secrets)
    elif isinstance(secrets, Mapping):
        for value in secrets.values():
            yield from all_texts(value)
    elif isinstance(secrets, list):
        for value in secrets:
            yield from all_texts(value)


def _inside(text: str) -> object:
    """A list or an object that was typed as JSON: what is in it may be secret by itself."""
    try:
        return msgspec.json.decode(text) if text.lstrip().startswith(("{", "[")) else None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
