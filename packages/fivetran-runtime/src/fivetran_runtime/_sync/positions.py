"""A position in the state: what is written there is what is read from it.

An `At` names values, the state holds them as JSON, and the next call gets them as the parameters' annotations say. A
source may write a number where the annotation says text, or begin to in the middle of a pass. So a value is converted
when it is yielded, if nothing is lost by that: 5 and "5", 10.0 and 10, a fraction with all its digits. Any other is
refused there and then. A value that only the next call cannot read would pass every small test, and end the first long
reading.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from math import isfinite
from typing import Any

import msgspec

from fivetran_runtime._arguments import kind_of
from fivetran_runtime._encoding import decode, encode
from fivetran_runtime.errors import DefectError
from fivetran_runtime.operations import At, Keep
from fivetran_runtime.tables import Table

# As texts, which re compiles at their first use: few positions hold numbers as text.
_INTEGER = r"0|-?[1-9][0-9]*"  # "007" is another token than 7
_NUMBER = r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?"
_MAX_DIGITS = 40  # of a fraction that may be an integer as well
_PLAIN = (str, int, Decimal, type(None))
_encode_exactly = msgspec.json.Encoder(decimal_format="string").encode  # no JSON reader rounds a text


def stored(table: Table, at: At) -> dict[str, Any]:
    """The position of an `At` as the state holds it: JSON values, which `restored` reads.

    Raises:
        DefectError: a name that is no parameter, or a value that would not come back; names table, argument, value
            and annotation.
    """
    if unknown := sorted(set(at.position) - set(table.parameters)):
        if table.parent in unknown:
            message = (
                f"Table {table.name} yielded {at!r}, and {table.parent} is the parent, which parents= gives."
            )
            raise DefectError(message, hint="Leave it out; the position holds it anyway.")
        if table.kept & {*unknown}:
            message = f"Table {table.name} yielded {at!r}, and {', '.join(unknown)} is what it keeps."
            raise DefectError(message, hint="Yield Keep(...) for it; the position holds it anyway.")
        known = ", ".join(table.parameters) or "none"
        message = f"Table {table.name} yielded {at!r}; its parameters are: {known}, not {', '.join(unknown)}."
        raise DefectError(message, hint="Name them with defaults in the function's signature.")
    return {name: _stored(table, At, name, value) for name, value in at.position.items()}


def stored_parent(table: Table, name: str, parent: int | str) -> dict[str, Any]:
    """The parent as the state holds it.

    Raises:
        DefectError: it is not what the parameter's annotation says.
    """
    try:
        return {name: _read_back(_typed(parent, table.position[name]), table.position[name])}
    except ValueError:
        annotation = inspect.formatannotation(table.position[name])
        message = f"Table {table.name}: parents= gave {parent!r}, and {name} is annotated {annotation}."
        raise DefectError(message, hint="Annotate the parameter with what the parents' keys are.") from None


def kept(table: Table, keep: Keep) -> dict[str, Any]:
    """What a `Keep` names as the state holds it.

    Raises:
        DefectError: a name that the table does not keep, or a value that would not come back.
    """
    if unknown := sorted(set(keep.values) - table.kept):
        known = ", ".join(sorted(table.kept)) or "nothing"
        message = f"Table {table.name} yielded {keep!r}, and keeps {known}, not {', '.join(unknown)}."
        raise DefectError(message, hint=f'Declare it: keeps="{unknown[0]}", and a parameter of that name.')
    return {name: _stored(table, Keep, name, value) for name, value in keep.values.items()}


def restored(table: Table, position: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that a position in the state stands for.

    Raises:
        ValueError: another release named or typed them otherwise; its text says which.
    """
    arguments = {}
    for name, value in position.items():
        if name not in table.position:
            raise ValueError(f"names {name}, which is no parameter of its function")
        try:
            arguments[name] = _typed(value, table.position[name])
        except ValueError:
            annotation = inspect.formatannotation(table.position[name])
            raise ValueError(f"has a value for {name} that is no {annotation}") from None
    return arguments


def _stored(table: Table, kind: type[At | Keep], name: str, value: Any) -> Any:
    annotation = table.position[name]
    try:
        if annotation is inspect.Parameter.empty:
            return _unchanged(value)
        return _read_back(_typed(_json(value), annotation), annotation)
    except (ValueError, TypeError, RecursionError):
        raise _refused(table, kind, name, value) from None


def _read_back(typed: Any, annotation: Any) -> Any:
    """A value as JSON, once it has been read from that.

    Raises:
        ValueError: it was something else.
    """
    kept = decode(_encode_exactly(typed))
    if _typed(kept, annotation) != typed:
        raise ValueError
    return kept


def _refused(table: Table, kind: type[At | Keep], name: str, value: Any) -> DefectError:
    annotation = table.position[name]
    shown = repr(value) if kind is At else "..."
    what = f"Table {table.name} yielded {kind.__name__}({name}={shown}), {kind_of(value)}"
    if annotation is inspect.Parameter.empty:
        return DefectError(
            f"{what}, which the next call could not get back as it is: {name} has no annotation.",
            hint=f"Annotate the parameter with what it holds: {name}: {type(value).__name__}.",
        )
    return DefectError(
        f"{what}, and {name} is annotated {inspect.formatannotation(annotation)}: the next call could not get it back.",
        hint="Annotate the parameter with what it holds, or convert the value.",
    )


def _json(value: Any) -> Any:
    """The value as JSON has it, fractions as Decimal."""
    if isinstance(value, float) and not isfinite(value):
        raise ValueError
    return decode(encode(value))


def _unchanged(value: Any) -> Any:
    """A value that comes back as it is without an annotation to say so.

    Raises:
        ValueError: it would come back as something else, as a date does: as its text.
    """
    if isinstance(value, dict):
        if not all(type(name) is str for name in value):
            raise ValueError
        return {name: _unchanged(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_unchanged(inner) for inner in value]
    if not isinstance(value, _PLAIN):
        raise ValueError  # noqa: TRY004 - one error, for all that would not come back
    return _json(value)


def _typed(value: Any, annotation: Any) -> Any:
    """A JSON value as its annotation says; as it is without one.

    Raises:
        ValueError: it cannot be that without a loss.
    """
    if annotation is inspect.Parameter.empty:
        return value
    for form in _forms(value):
        try:
            typed = msgspec.convert(form, annotation)
        except msgspec.ValidationError:
            continue
        if type(typed) is not float or Decimal(repr(typed)) == Decimal(form):
            return typed
    raise ValueError


def _forms(value: Any) -> Iterator[Any]:
    """A JSON value in all forms that say the same, as it came first."""
    yield value
    if type(value) is str:
        if re.fullmatch(_INTEGER, value):
            yield int(value)
        if re.fullmatch(_NUMBER, value):
            yield Decimal(value)
    elif type(value) is int:
        yield str(value)
    elif type(value) is Decimal:
        if value.adjusted() < _MAX_DIGITS and value == int(value):
            yield int(value)
        yield str(value)
