"""Type lock: after the first sync a column keeps its type, and a value that does not fit becomes NULL.

A newcomer would cast and see what comes out. What fits is told by Fivetran: numbers and booleans convert among themselves
and from text, text and JSON take everything; nothing is rounded here, so `1.5` does not fit an integer column. Keys are exempt.

Source: "Type locking matrix" of Fivetran's documentation, see `docs/protocol.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal

import msgspec

from fivetran_emulator.protocol.answer import Row
from fivetran_emulator.protocol.findings import Finding
from fivetran_emulator.warehouse.columns import Kind, fits_decimal, kind_of, wider
from fivetran_emulator.warehouse.ledger import LoadedTable
from fivetran_emulator.warehouse.row_checks import TableOfAnswer

__all__ = ["fitted", "lock"]


def lock(part: TableOfAnswer, settled: LoadedTable) -> tuple[TableOfAnswer, list[Finding]]:
    """`part` with the values of each settled column made to fit it; a column with values that did not is a finding."""
    locked = {
        member: settled.columns[name]
        for member, name in part.columns.items()
        if name in settled.columns and name not in part.key
    }
    misfits = {member: kind for member, kind in locked.items() if not _fits(part.insert, member, kind)}
    if not misfits:
        return part, []
    rows = [_converted(row, misfits) for row in part.insert]
    findings = [
        _nulled(f"{part.name}.{part.columns[member]}", kind, lost)
        for member, kind in misfits.items()
        if (lost := _lost(part.insert, rows, member))
    ]
    return replace(part, insert=rows), findings


def fitted(value: object, kind: Kind) -> object:
    """`value` as a column of `kind` can hold it, None when it cannot."""
    if kind is Kind.JSON or value is None:
        return value
    if kind is Kind.TEXT:
        return value if isinstance(value, str) else _TEXT.encode(value).decode()
    number = _number(value)
    return None if number is None else _NUMBERS.get(kind, _integer)(number)


def _fits(rows: Sequence[Row], member: str, kind: Kind) -> bool:
    seen = kind_of([row.get(member) for row in rows])
    return seen is None or wider(kind, seen).sql == kind.sql


def _converted(row: Row, misfits: Mapping[str, Kind]) -> Row:
    return row | {member: fitted(row[member], kind) for member, kind in misfits.items() if member in row}


_TEXT = msgspec.json.Encoder(decimal_format="number")
_NUMBER = msgspec.json.Decoder(float_hook=Decimal)


def _number(value: object) -> int | float | Decimal | bool | None:
    """A number or boolean, also when it is written as text."""
    if isinstance(value, str):
        with suppress(msgspec.DecodeError):
            value = _NUMBER.decode(value.strip().lower())
    return value if isinstance(value, int | float | Decimal) else None


def _boolean(number: float | Decimal) -> bool | None:
    return bool(number) if number in (0, 1) else None


def _double(number: float | Decimal) -> float | None:
    with suppress(OverflowError):
        return float(number) if float(number) == number else None
    return None


def _integer(number: float | Decimal) -> int | None:
    whole = int(number)
    return whole if whole == number and -(2**63) <= whole < 2**63 else None


def _huge_integer(number: float | Decimal) -> int | None:
    whole = int(number)
    return whole if whole == number and abs(whole) < 2**127 else None


def _decimal(number: float | Decimal) -> float | Decimal | None:
    return number if fits_decimal(number) else None


_NUMBERS: dict[Kind, Callable[[float | Decimal], object]] = {
    Kind.BOOLEAN: _boolean,
    Kind.SHORT_DOUBLE: _double,
    Kind.DOUBLE: _double,
    Kind.DECIMAL: _decimal,
    Kind.HUGE_INTEGER: _huge_integer,
}


def _lost(before: Sequence[Row], after: Sequence[Row], member: str) -> int:
    return sum(
        was.get(member) is not None and row.get(member) is None
        for was, row in zip(before, after, strict=True)
    )


def _nulled(column: str, kind: Kind, lost: int) -> Finding:
    text = f"column {column} is locked as {kind.sql}: {lost} values did not fit and became NULL"
    return Finding("value-locked", text, "Send one type in a column, in every row of every sync.")
