"""Keys: what makes two rows the same row, and how sets of keys travel in the state.

Identity is the key's canonical text: 5 is "5", and "05" is another key. A source that begins to send its ids as text,
or stops, means the same rows; a destination whose key column has become text holds both alike. In memory a canonical
integer is an int, whichever way it came, since a function that compares a million of them has little room.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from hashlib import blake2b
from itertools import accumulate
from typing import Any
from uuid import UUID

import msgspec

from fivetran_runtime._encoding import decode, encode

Part = int | str
Key = Part | tuple[Part, ...]
"""A key as it is compared: one part, or a part for each key column."""

_LONGEST_INTEGER = 19  # digits of 64 bit, a sign included; longer texts stay texts


def part(value: Any) -> Part:
    """A key column's value as it is compared."""
    kind = type(value)
    if kind is int:
        return value  # type: ignore[no-any-return]
    text: str = value if kind is str else _text(value)
    digits = text.removeprefix("-")
    if not digits.isdigit() or len(text) >= _LONGEST_INTEGER or not digits.isascii():
        return text
    return int(text) if digits[0] != "0" or text == "0" else text


def _text(value: Any) -> str:
    decoded = msgspec.json.decode(encode(value))
    return decoded if isinstance(decoded, str) else encode(value).decode()


def key_of(values: Sequence[Any]) -> Key:
    """The key that the values of the key columns make."""
    return part(values[0]) if len(values) == 1 else tuple(map(part, values))


def kinds_of(values: Iterable[Any]) -> list[str]:
    """How a source writes each key column: "text", "int", "float" or "bool"."""
    return [_kind_of(value) for value in values]


def _kind_of(value: Any) -> str:
    if isinstance(value, Decimal):
        return "float"  # a fraction, as sources' come
    return "text" if isinstance(value, str) else type(value).__name__


def columns_of(key: Key, names: Sequence[str], kinds: Sequence[str]) -> dict[str, Any]:
    """A key as columns and values, typed as the source types them."""
    parts = key if isinstance(key, tuple) else (key,)
    padded = [*kinds, *["int"] * len(parts)]
    return {name: _typed(value, kind) for name, value, kind in zip(names, parts, padded, strict=False)}


def _typed(value: Part, kind: str) -> Any:
    if kind == "text":
        return str(value)
    return decode(value) if isinstance(value, str) and kind in ("bool", "float") else value


def in_order(keys: Iterable[Key]) -> list[Key]:
    """Keys in an order that is the same in every process."""
    ordered: list[Any] = list(keys)
    try:
        return sorted(ordered)
    except TypeError:  # numbers beside texts
        return sorted(ordered, key=encode)


def name_of(keys: Iterable[Key]) -> str:
    """A short name for a set of keys, for people to point at it."""
    return blake2b(encode(in_order(keys)), digest_size=4).hexdigest()


# Packed keys are compressed and written in base 85, whose characters JSON text does not escape. What is compressed is
# JSON (steps between integers, which close ids compress to next to nothing, or lists of values), raw UUIDs, or, for a
# subset of a known set, one bit for each of its members.

_UUIDS, _BITS = b"U", b"B"
_UUID_BYTES = 16


def pack(keys: set[Key]) -> str | None:
    """A set of keys as text; None for an empty one."""
    return as_text(_plain(keys)) if keys else None


def pack_within(keys: set[Key], known: set[Key]) -> str | None:
    """A set of keys that mostly are among known ones: a bit for each of those, and the others in full."""
    if len(known) < _UUID_BYTES or len(keys & known) < len(known) // _UUID_BYTES:
        return pack(keys)
    bits = _squeezed(key in keys for key in in_order(known))
    others = keys - known
    return as_text(_BITS + len(known).to_bytes(4, "big") + bits + (_plain(others) if others else b""))


def unpack(packed: str | None, known: set[Key] | None = None) -> set[Key]:
    """The set again, given the same known keys.

    Raises:
        ValueError: it is not one.
    """
    if not packed:
        return set()
    try:
        return _set_from(from_text(packed), known or set())
    except (TypeError, KeyError, IndexError, msgspec.DecodeError) as error:
        raise ValueError(str(error)) from None


def as_text(plain: bytes) -> str:
    """What is packed, compressed and in characters that JSON does not escape."""
    return base64.b85encode(zlib.compress(plain, 9)).decode()


def from_text(packed: str) -> bytes:
    """What was packed.

    Raises:
        ValueError: it is no such text.
    """
    try:
        return zlib.decompress(base64.b85decode(packed))
    except (TypeError, zlib.error) as error:
        raise ValueError(str(error)) from None


def _plain(keys: set[Key]) -> bytes:
    if raw := _uuids(keys):
        return _UUIDS + raw
    if all(type(key) is int for key in keys):
        numbers: list[Any] = in_order(keys)
        steps = [after - before for before, after in zip([0, *numbers], numbers, strict=False)]
        return encode({"steps": steps})
    return encode({"keys": [list(key) if isinstance(key, tuple) else [key] for key in in_order(keys)]})


def _uuids(keys: set[Key]) -> bytes:
    """The keys as 16 bytes each, if all are UUIDs in their usual form."""
    try:
        values = sorted(UUID(key).bytes for key in keys if isinstance(key, str))
    except ValueError:
        return b""
    same = len(values) == len(keys) and all(str(UUID(bytes=value)) in keys for value in values)
    return b"".join(values) if same else b""


def _set_from(plain: bytes, known: set[Key]) -> set[Key]:
    if plain[:1] == _UUIDS:
        return {str(UUID(bytes=plain[at : at + _UUID_BYTES])) for at in range(1, len(plain), _UUID_BYTES)}
    if plain[:1] == _BITS:
        count = int.from_bytes(plain[1:5], "big")
        end = 5 + (count + 7) // 8
        if count != len(known):
            raise ValueError("made of another set of keys")
        chosen = _spread(plain[5:end], count)
        return {key for key, there in zip(in_order(known), chosen, strict=True) if there} | (
            _set_from(plain[end:], known) if plain[end:] else set()
        )
    decoded = msgspec.json.decode(plain)
    if "steps" in decoded:
        return set(accumulate(decoded["steps"]))
    return {key_of(values) for values in decoded["keys"]}


def _squeezed(flags: Iterable[bool]) -> bytes:
    """Eight flags to a byte."""
    text = "".join("1" if flag else "0" for flag in flags)
    text = text.ljust((len(text) + 7) // 8 * 8, "0")
    return int(text, 2).to_bytes(len(text) // 8, "big")


def _spread(packed: bytes, count: int) -> list[bool]:
    text = f"{int.from_bytes(packed, 'big'):0{len(packed) * 8}b}"[:count]
    return [each == "1" for each in text]


def kinds_in(packed: str | None) -> list[str]:
    """How earlier releases' packed keys are typed, which kept them as the source wrote them."""
    if not packed:
        return []
    try:
        decoded: Mapping[str, Any] = msgspec.json.decode(from_text(packed))
        return kinds_of(decoded["keys"][0]) if decoded.get("keys") else []
    except (ValueError, TypeError, KeyError, IndexError, msgspec.DecodeError):
        return []
