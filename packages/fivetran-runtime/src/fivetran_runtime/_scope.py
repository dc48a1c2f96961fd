"""What a mark was reached under: the settings that decide which rows a source shows.

A mark says "everything up to here has been read", and that is true only of what the settings of that time let be
read. When they change (a product is added, an address moves, the first day is earlier), the mark says nothing about
the rest, and the table is read from its floor.

All settings that are no `Secret` count, with the values that they have: a new token re-reads nothing, and a new product
brings its old rows, whether a person added it or a release with another default. A setting that a release adds
counts too, unless it is None. A table that knows better says so with `scope=`. The port of an address on this very
machine counts for nothing: a source that is served for practice has another each time. Secrets without a `Config` are
a mixture of both kinds, and count for nothing.

The same holds for what rows embed of other objects (`embeds=`): a source that renames a product in its bugs does not
call the bugs changed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from hashlib import blake2b
from typing import Any

import msgspec

from fivetran_runtime.config import Config, Secret, default_of, fields_of


class Digest(msgspec.Struct, frozen=True):
    """What names settings in the state.

    Attributes:
        current: of the values now, defaults included.
        former: as releases before wrote it, without the settings at their default.
    """

    current: str
    former: str

    def is_of(self, written: str | None) -> bool:
        """Whether a state names these settings, or none; what an earlier release wrote is taken over."""
        return written in (None, self.current, self.former)


def digest_of(value: object) -> str:
    """A short name for a value made of plain values; the same in every process."""
    return _digest(_plain(value))


def digests_of(value: object) -> Digest:
    """The names of settings, or of what a table's `scope=` makes of them."""
    return Digest(f"all:{_digest(_plain(value, with_defaults=True))}", _digest(_plain(value)))


def _digest(plain: object) -> str:
    return blake2b(msgspec.json.encode(plain, order="deterministic"), digest_size=6).hexdigest()


def embedded_name(objects: Mapping[int, Any]) -> str:
    """The highest number of these objects, and a digest of all of them."""
    return _embedded_name(objects, max(objects, default=0))


def still_embedded(name: str, objects: Mapping[int, Any]) -> bool:
    """Whether the objects that were named so are all there, as they were; new ones do not count."""
    highest = name.partition(":")[0]
    return highest.isdecimal() and name == _embedded_name(objects, int(highest))


def _embedded_name(objects: Mapping[int, Any], highest: int) -> str:
    counted = sorted((number, value) for number, value in objects.items() if number <= highest)
    return f"{highest}:{digest_of(counted)}"


def settings_digest(config: object) -> Digest | None:
    """The names of the settings that are no secret; None for untyped secrets."""
    return digests_of(config) if isinstance(config, Config) else None


def _plain(value: Any, *, with_defaults: bool = False) -> Any:
    if isinstance(value, Secret):
        return None
    if isinstance(value, msgspec.Struct):
        return _settings(value, with_defaults=with_defaults)
    if isinstance(value, Mapping):
        return {str(name): _plain(inner, with_defaults=with_defaults) for name, inner in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((_plain(inner, with_defaults=with_defaults) for inner in value), key=repr)
    if isinstance(value, list | tuple):
        return [_plain(inner, with_defaults=with_defaults) for inner in value]
    if isinstance(value, str):
        return _LOCAL_PORT.sub(r"\1", value)
    return value.isoformat() if isinstance(value, date) else value


_LOCAL_PORT = re.compile(r"(?i)^(https?://(?:127\.0\.0\.1|localhost|\[::1\])):\d+")


def _settings(config: msgspec.Struct, *, with_defaults: bool) -> dict[str, Any]:
    fields = fields_of(type(config))
    values = {field.encode_name: (getattr(config, field.name), default_of(field)) for field in fields}
    return {
        name: _plain(value, with_defaults=with_defaults)
        for name, (value, default) in values.items()
        if not isinstance(value, Secret) and (value is not None if with_defaults else value != default)
    }
