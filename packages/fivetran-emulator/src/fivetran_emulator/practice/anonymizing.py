"""Makes of what passed by a recording that may be committed: structure and joins kept, people and secrets replaced.

A newcomer would replace column by column. The same value stands in several columns, in the next page's address and in
the request that follows it; it must become the same pseudonym in all of them, so values are decided on, not places.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode, urlsplit

from fivetran_emulator.practice.columns_kept import (
    Steering,
    Verdict,
    columns_of,
    is_credential,
    judge,
    place_of,
)
from fivetran_emulator.practice.exchanges import (
    Asked,
    Exchange,
    asked_for,
    is_link,
    leaves,
    linked,
    names,
    quoted,
    texts_of,
)
from fivetran_emulator.practice.pseudonyms import EMAIL, INSTANT, Pseudonyms
from fivetran_emulator.practice.recorded import ADDRESS
from fivetran_emulator.secrets import Secrets

__all__ = ["Anonymized", "anonymized"]

_LEAST_SECRET, _LEAST_SEARCHED = 4, 6
"""Shorter texts are no secrets; those between are replaced where they stand alone, not searched for within others."""

_NAME = re.compile(r"[\w$@.:/ -]{1,60}")
_PLAIN = re.compile(r"-?\d{1,6}(\.\d+)?|true|false|null|")
_EXTENSION = re.compile(r"(.+)(\.[a-z]{2,4})")


@dataclass(frozen=True)
class Anonymized:
    """Recordings as they are written, secrets that open them, and what became of each column, by its place."""

    recordings: list[dict[str, Any]]
    secrets: dict[str, Any]
    verdicts: list[tuple[str, Verdict]]


def anonymized(
    exchanges: Sequence[Exchange],
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
        [(values.shown(place), values.verdicts[place]) for place in values.columns],
    )


def _order(recording: Mapping[str, Any]) -> tuple[str, str]:
    request = recording["request"]
    return request["path"], json.dumps(request, sort_keys=True)


class _Values:
    """What each value of a recording becomes."""

    def __init__(
        self,
        exchanges: Sequence[Exchange],
        secrets: Mapping[str, Any],
        origin: str,
        steering: Steering,
        pseudonyms: Pseudonyms,
    ) -> None:
        self._exchanges, self._origin, self._pseudonyms = exchanges, origin, pseudonyms
        self._secret = _secret_texts(secrets, steering)
        handed_out = {
            value
            for exchange in exchanges
            for place, value in leaves(exchange.body)
            if isinstance(value, str) and is_credential(place.rpartition(".")[2])
        }
        searched = {text for text in {*self._secret, *handed_out} if len(text) >= _LEAST_SEARCHED}
        self._redactor = Secrets(json.dumps(sorted(searched)))
        self.columns = columns_of(exchanges)
        self.verdicts = {place: judge(column, steering) for place, column in self.columns.items()}
        self._hidden = self._texts_where(lambda verdict: verdict.hidden)
        self._personal = self._texts_where(lambda verdict: verdict.hidden or verdict.personal)
        self._asked_to_keep = self._texts_where(lambda verdict: verdict.kept and verdict.why == "--keep")

    def shown(self, place: str) -> str:
        """A column's place for a person, without data that stands in it as a member's name."""
        return EMAIL.sub("*", self._redactor.redact(place))

    def _texts_where(self, wanted: Any) -> set[str]:
        return {
            text
            for place, column in self.columns.items()
            if wanted(self.verdicts[place])
            for text in column.texts
        }

    @cached_property
    def _seen(self) -> set[str]:
        """Every text that any answer held."""
        return {text for exchange in self._exchanges for text in texts_of(exchange)}

    @cached_property
    def _kept(self) -> set[str]:
        """Texts that stay: of kept columns, of columns' names, and what a request held before any answer did."""
        kept = self._texts_where(lambda verdict: verdict.kept)
        seen: set[str] = set()
        for exchange in self._exchanges:
            kept |= {text for text in exchange.asked.texts() if text not in seen}
            kept |= {name for name in names(exchange.body) if not self._is_data(name)}
            seen |= set(texts_of(exchange))
        return kept

    @cached_property
    def _numbers(self) -> dict[str, int | float]:
        """Every number of the answers, by its text: as it stands in addresses."""
        found = (value for exchange in self._exchanges for _, value in leaves(exchange.body))
        return {
            str(value): value
            for value in found
            if isinstance(value, int | float) and not isinstance(value, bool)
        }

    @cached_property
    def _hidden_numbers(self) -> set[str]:
        return {
            str(value)
            for exchange in self._exchanges
            for place, value in leaves(exchange.body)
            if _is_number(value) and self.verdicts[place_of(exchange, place)].hidden
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

    def recording(self, exchange: Exchange) -> dict[str, Any]:
        """An exchange as it is written."""
        credentials = self._credentials(exchange.asked)
        request: dict[str, Any] = {"path": self._path(exchange.asked)}
        if exchange.asked.method != "GET":
            request["method"] = exchange.asked.method
        if params := self._params(exchange.asked):
            request["params"] = params
        if exchange.asked.sent is not None:
            request["body"] = self._body(exchange.asked.sent)
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

    def _is_data(self, name: str) -> bool:
        """Whether a member's name is no column's but a value, as in {"anna@acme.example": 3}."""
        known = name in self._personal or EMAIL.search(name) or not _NAME.fullmatch(name)
        return bool(known) or self._redactor.redact(name) != name

    def _name(self, name: str) -> str:
        return self.text(name) if self._is_data(name) else name

    def _number(self, value: Any) -> Any:
        if not _is_number(value) or not (str(value) in self._secret or str(value) in self._hidden_numbers):
            return value
        return self._pseudonyms.number(value)

    def text(self, value: str) -> str:
        """What becomes of a text, wherever it stands."""
        if value in self._secret or value in self._hidden:
            return self._pseudonyms.text(value)
        if value in self._asked_to_keep:
            return self._without_secrets(value)
        if links := linked(value):
            for link in links:
                value = value.replace(link, self._link(link))
            return value
        if EMAIL.search(value):
            return self._pseudonyms.text(value)
        if value in self._kept or value in self._numbers or INSTANT.fullmatch(value):
            return self._without_secrets(value)
        return self._pseudonyms.text(value)

    def _without_secrets(self, value: str) -> str:
        redacted = self._redactor.redact(value)
        return value if redacted == value else self._pseudonyms.text(value)

    def _link(self, link: str) -> str:
        """An address of the source with its parts replaced as they are in requests; any other one made up."""
        own = link.startswith("/") and not link.startswith("//")
        if not own and not f"{link}/".startswith((f"{self._origin}/", f"{self._origin}?")):
            return "https://elsewhere.example/" + self._pseudonyms.text(link.partition("://")[2])
        asked = asked_for("GET", link)
        query = urlencode([(name, self._part(value)) for name, value in asked.params])
        address = self._path(asked) if urlsplit(link).path else ""
        return ("" if own else ADDRESS) + address + (f"?{query}" if query else "")

    def _path(self, asked: Asked) -> str:
        return quoted(iter([self._part(segment) for segment in asked.segments]))

    def _params(self, asked: Asked) -> dict[str, Any]:
        """The parameters that are no credentials, several values of one name as a list."""
        found: dict[str, list[str]] = {}
        for name, value in asked.params:
            if not self._opens(value):
                found.setdefault(name, []).append(self._part(value))
        return {name: values[0] if len(values) == 1 else values for name, values in sorted(found.items())}

    def _part(self, value: str) -> str:
        """What becomes of a path's segment or a parameter's value."""
        if value in self._secret or value in self._hidden or value in self._asked_to_keep:
            return self.text(value)
        if value in self._numbers:
            return str(self._number(self._numbers[value]))
        if _PLAIN.fullmatch(value) or value in self._kept:
            return self._without_secrets(value) if not EMAIL.search(value) else self._pseudonyms.text(value)
        if value in self._seen or is_link(value) or EMAIL.search(value):
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

    def _credentials(self, asked: Asked) -> dict[str, dict[str, str]]:
        headers = {name: shown for name, value in asked.headers.items() if (shown := self._credential(value))}
        params = {name: self._pseudonyms.text(value) for name, value in asked.params if self._opens(value)}
        both = {"headers": headers, "params": params}
        return {kind: dict(sorted(found.items())) for kind, found in both.items() if found}

    def _opens(self, value: str) -> bool:
        """Whether a parameter is a secret, as it is: one that only names something (`products`) is found in answers."""
        return value in self._secret and value not in self._seen

    def _credential(self, value: str) -> str | None:
        """A header's value with the secret in it made up; None if there is none, or none that can be told apart."""
        kind, _, rest = value.partition(" ")
        for scheme, shown in ((f"{kind} ", rest), ("", value)):
            if shown in self._secret or shown in self._hidden:
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
    texts = {str(value) for value in found if isinstance(value, str) or _is_number(value)}
    return {
        text
        for text in texts
        if len(text) >= _LEAST_SECRET and ADDRESS not in text and not INSTANT.fullmatch(text)
    }


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
