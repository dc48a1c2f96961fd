"""Makes of what passed by a recording that may be committed: every text is replaced, unless a person named its column.

The same value stands in several columns, in the next page's address and in the request that follows it, and must become the
same pseudonym in all of them; so a value is replaced wherever it stands, and a value that is kept is kept everywhere.

A pseudonym has the type, the shape and nearly the length of its value. Equal values get equal ones and different ones different
ones, so that joins and page tokens still work. They come from a keyed hash; nobody who lacks the key, which is thrown away, can
try names until one fits.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode, urlsplit

from fivetran_emulator.practice.recorded import ADDRESS, ApiRequest, api_request, quoted_path
from fivetran_emulator.recording.exchanges import (
    INSTANT,
    ApiExchange,
    RecordedColumn,
    Steering,
    columns_of,
    is_number,
    leaves,
    links_in,
)
from fivetran_emulator.secrets import Secrets

__all__ = ["EMAIL", "Anonymized", "Pseudonyms", "anonymized"]

EMAIL = re.compile(r"[^\s@<>\"'(),;:]+@[^\s@<>\"'(),;:]+\.[^\W\d_]{2,}")
_MIN_SECRET, _MIN_SEARCHED = 4, 6
"""Shorter texts are no secrets; those between are replaced where they stand alone, not searched for within others."""

_IDENTIFIER = re.compile(r"[A-Za-z0-9_$@.:-]{1,60}")
_PLAIN = re.compile(r"-?\d{1,6}(\.\d+)?|true|false|null|")
_EXTENSION = re.compile(r"(.+)(\.[a-z]{2,4})")


@dataclass(frozen=True)
class Anonymized:
    """Recordings as they are written, secrets that open them, and the columns, by a place that may be shown."""

    recordings: list[dict[str, Any]]
    secrets: dict[str, Any]
    columns: list[tuple[str, RecordedColumn]]


def anonymized(
    exchanges: Sequence[ApiExchange],
    *,
    secrets: Mapping[str, Any],
    origin: str,
    steering: Steering,
    pseudonyms: Pseudonyms,
) -> Anonymized:
    """What of `exchanges` may be written down.

    Args:
        exchanges: in the order they happened.
        secrets: what the function was given, the source's address (with ADDRESS for `origin`) among them.
        origin: scheme, host and port of the source; ADDRESS takes its place.
        steering: columns, and keys of `secrets`, to keep or hide.
        pseudonyms: under a key that nobody keeps.
    """
    values = _Values(exchanges, secrets, origin, steering, pseudonyms)
    return Anonymized(
        sorted((values.recording(exchange) for exchange in exchanges), key=_order),
        {name: value if name in steering.keep else values.secret(value) for name, value in secrets.items()},
        [(values.shown(place), column) for place, column in values.columns.items()],
    )


def _order(recording: Mapping[str, Any]) -> tuple[str, str]:
    request = recording["request"]
    return request["path"], json.dumps(request, sort_keys=True)


class _Values:
    """What each value of a recording becomes."""

    def __init__(
        self,
        exchanges: Sequence[ApiExchange],
        secrets: Mapping[str, Any],
        origin: str,
        steering: Steering,
        pseudonyms: Pseudonyms,
    ) -> None:
        self._exchanges, self._origin = exchanges, origin
        self._steering, self._pseudonyms = steering, pseudonyms
        self._secret = _secret_texts(secrets, steering)
        self.columns = columns_of(exchanges, steering)
        self._issued = {
            text for column in self.columns.values() if column.credential for text in column.texts
        }
        self._redactor = Secrets(
            json.dumps(sorted(text for text in self._secret | self._issued if len(text) >= _MIN_SEARCHED))
        )
        self._hidden = {text for column in self.columns.values() if column.hidden for text in column.texts}
        self._kept = {text for column in self.columns.values() if column.kept for text in column.texts}
        self._hidden_numbers = {
            number
            for column in self.columns.values()
            if column.hidden or column.personal
            for number in column.numbers
        }

    def shown(self, place: str) -> str:
        """A column's place for a person, without data that stands in it as a member's name."""
        return EMAIL.sub("*", self._redactor.redact(place))

    @cached_property
    def _seen(self) -> set[str]:
        """Every text that any answer held."""
        return {text for exchange in self._exchanges for text in exchange.texts()}

    @cached_property
    def _connectors_own(self) -> set[str]:
        """What a request held before any answer did: the connector's words, and not the source's data."""
        own: set[str] = set()
        seen: set[str] = set()
        for exchange in self._exchanges:
            own |= {text for text in exchange.request.texts() if text not in seen}
            seen |= set(exchange.texts())
        return own

    @cached_property
    def _numbers(self) -> dict[str, int | float]:
        """Every number of the answers, by its text: as it stands in addresses."""
        found = (value for exchange in self._exchanges for _, value in leaves(exchange.body))
        return {
            str(value): value
            for value in found
            if isinstance(value, int | float) and not isinstance(value, bool)
        }

    def secret(self, value: Any) -> Any:
        """What stands in practice.py for a secret."""
        if isinstance(value, dict):
            return {name: self.secret(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.secret(inner) for inner in value]
        if isinstance(value, str):
            return self._pseudonyms.text(value) if value in self._secret else value
        return self._number(value)

    def recording(self, exchange: ApiExchange) -> dict[str, Any]:
        """An exchange as it is written."""
        asked = exchange.request
        request: dict[str, Any] = {"path": self._path(asked)}
        if asked.method != "GET":
            request["method"] = asked.method
        if params := self._params(asked):
            request["params"] = params
        if asked.body is not None:
            request["body"] = self._body(asked.body)
        credentials = self._credentials(asked)
        return {
            "request": request,
            **({"credentials": credentials} if credentials else {}),
            "status": exchange.status,
            "content_type": exchange.content_type,
            **({"headers": self._headers(exchange.headers)} if exchange.headers else {}),
            **({"made_up": True} if exchange.made_up else {}),
            "body": self._body(exchange.body),
        }

    def _body(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {self._name(name): self._body(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._body(inner) for inner in value]
        if isinstance(value, str):
            return self.text(value)
        return self._number(value)

    def _name(self, name: str) -> str:
        """A member's name: as it is when it is an identifier or a column to keep, and neither an address nor a secret."""
        is_column = name in self._steering.keep or _IDENTIFIER.fullmatch(name)
        if is_column and name not in self._hidden and not EMAIL.search(name):
            return self._without_secrets(name)
        return self._pseudonyms.text(name)

    def _number(self, value: Any) -> Any:
        if is_number(value) and str(value) in self._secret | self._hidden_numbers:
            return self._pseudonyms.number(value)
        return value

    def text(self, value: str) -> str:
        """What becomes of a text, wherever it stands."""
        if value in self._secret or value in self._hidden:
            return self._pseudonyms.text(value)
        if value in self._kept:
            return self._without_secrets(value)
        if links := links_in(value):
            for link in links:
                value = value.replace(link, self._link(link))
            return value
        if value in self._numbers:
            return str(self._number(self._numbers[value]))
        if value in self._connectors_own and not EMAIL.search(value):
            return self._without_secrets(value)
        return self._pseudonyms.text(value)

    def _without_secrets(self, value: str) -> str:
        return value if self._redactor.redact(value) == value else self._pseudonyms.text(value)

    def _link(self, link: str) -> str:
        """An address of the source with its parts replaced as they are in requests; any other one made up."""
        own = link.startswith("/") and not link.startswith("//")
        if not own and not f"{link}/".startswith((f"{self._origin}/", f"{self._origin}?")):
            return "https://elsewhere.example/" + self._pseudonyms.text(link.partition("://")[2])
        request = api_request("GET", link)
        query = urlencode([(name, self._part(value)) for name, value in request.params])
        path = self._path(request) if urlsplit(link).path else ""
        return ("" if own else ADDRESS) + path + (f"?{query}" if query else "")

    def _path(self, request: ApiRequest) -> str:
        return quoted_path(self._part(segment) for segment in request.segments)

    def _params(self, request: ApiRequest) -> dict[str, Any]:
        """The parameters that are no credentials, several values of one name as a list."""
        found: dict[str, list[str]] = {}
        for name, value in request.params:
            if not self._is_credential(value):
                found.setdefault(name, []).append(self._part(value))
        return {name: values[0] if len(values) == 1 else values for name, values in sorted(found.items())}

    def _part(self, value: str) -> str:
        """What becomes of a path's segment or a parameter's value: what no answer held is the connector's own."""
        if value in self._secret or value in self._hidden:
            return self.text(value)
        if _PLAIN.fullmatch(value) and value not in self._numbers:
            return value
        if value in self._seen or EMAIL.search(value):
            return self.text(value)
        if "," in value:
            return ",".join(self._part(piece) for piece in value.split(","))
        if (found := _EXTENSION.fullmatch(value)) and found[1] in self._seen:
            return self.text(found[1]) + found[2]
        return self._without_secrets(value)

    def _headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        return {
            name: value if _PLAIN.fullmatch(value) else self.text(value)
            for name, value in sorted(headers.items())
        }

    def _credentials(self, request: ApiRequest) -> dict[str, dict[str, str]]:
        headers = {
            name: shown for name, value in request.headers.items() if (shown := self._credential(value))
        }
        params = {
            name: self._pseudonyms.text(value) for name, value in request.params if self._is_credential(value)
        }
        both = {"headers": headers, "params": params}
        return {kind: dict(sorted(found.items())) for kind, found in both.items() if found}

    def _is_credential(self, value: str) -> bool:
        """Whether a parameter is a secret, as it is: one that only names something (`products`) is found in answers."""
        return value in self._secret and value not in self._seen

    def _credential(self, value: str) -> str | None:
        """A header's value with the secret in it made up; None if there is none, or none that can be recognised."""
        kind, _, rest = value.partition(" ")
        for scheme, shown in ((f"{kind} ", rest), ("", value)):
            if shown in self._secret | self._issued | self._hidden:
                return scheme + self._pseudonyms.text(shown)
        if kind.lower() != "basic":
            return None
        try:
            pair = base64.b64decode(rest, validate=True).decode()
        except ValueError:
            return None
        made_up = ":".join(
            self._pseudonyms.text(part) if part in self._secret else part for part in pair.split(":", 1)
        )
        return f"Basic {base64.b64encode(made_up.encode()).decode()}" if made_up != pair else None


def _secret_texts(secrets: Mapping[str, Any], steering: Steering) -> set[str]:
    """The secrets' values that are replaced: not addresses within the source, dates, small numbers, or what is kept."""
    found: Iterable[object] = (
        value for name, inner in secrets.items() if name not in steering.keep for _, value in leaves(inner)
    )
    texts = {str(value) for value in found if isinstance(value, str) or is_number(value)}
    return {
        text
        for text in texts
        if len(text) >= _MIN_SECRET and ADDRESS not in text and not INSTANT.fullmatch(text)
    }


_HEX = re.compile(r"(?=.*\d)[0-9a-f-]{8,}")
_TRIES = 20
_LOWER, _UPPER, _OTHER = string.ascii_lowercase, string.ascii_uppercase, "àäçéîñöøšü"


class Pseudonyms:
    """The pseudonyms under one `key`; remembers those given, so that no two values share one."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._given: dict[str, str] = {}
        self._taken: set[str] = set()

    def text(self, value: str) -> str:
        """The pseudonym of a text: letters for letters, digits for digits; e-mail addresses become ones that reach nobody."""
        if value in self._given:
            return self._given[value]
        if not any(character.isalnum() for character in value):
            return value
        attempt = 0
        while (made := self._made(value, attempt)) in self._taken or made == value:
            attempt += 1
        self._taken.add(made)
        self._given[value] = made
        return made

    def number(self, value: float) -> int | float:
        """The pseudonym of a number: as many digits, the same sign."""
        mantissa, exponent, power = repr(value).partition("e")
        made = type(value)(self._shaped(mantissa, 0) + exponent + power)
        return made if math.isfinite(made) else type(value)(self._shaped(mantissa, 0))

    def _made(self, value: str, attempt: int) -> str:
        if INSTANT.fullmatch(value) and attempt < _TRIES:
            return self._day(value, attempt) + value[10:]
        if EMAIL.fullmatch(value):
            local, _, domain = value.rpartition("@")
            return f"{self._shaped(local, attempt)}@{self._shaped(domain.partition('.')[0], 0)}.example"
        if EMAIL.search(value):
            return "".join(
                self.text(piece) if EMAIL.fullmatch(piece) else self._shaped(piece, attempt)
                for piece in re.split(f"({EMAIL.pattern})", value)
            )
        # A text of one or two characters has too few shapes for all its kind: after some tries it may grow.
        return self._shaped(value, attempt) + (str(attempt - _TRIES) if attempt > _TRIES else "")

    def _day(self, value: str, attempt: int) -> str:
        year, month, day, *_ = self._noise(value, attempt, 3)
        return f"{1950 + year % 70}-{1 + month % 12:02}-{1 + day % 28:02}"

    def _shaped(self, value: str, attempt: int) -> str:
        letters = "abcdef" if _HEX.fullmatch(value) else _LOWER
        noise = self._noise(value, attempt, len(value))
        return "".join(
            _like(character, noise[place], letters, first=place == 0) for place, character in enumerate(value)
        )

    def _noise(self, value: str, attempt: int, size: int) -> bytes:
        secret = self._key + attempt.to_bytes(4, "big") + value.encode("utf-8", "surrogatepass")
        return hashlib.shake_256(secret).digest(size)


def _like(character: str, noise: int, letters: str, *, first: bool) -> str:
    """A character of the same kind; punctuation and spaces stay."""
    if character.isascii() and character.isdigit():
        # A number that begins with a digit other than 0 still does.
        return str(1 + noise % 9 if first and character != "0" else noise % 10)
    if character in _LOWER:
        return letters[noise % len(letters)]
    if character in _UPPER:
        return _UPPER[noise % 26]
    return _OTHER[noise % len(_OTHER)] if character.isalnum() else character
