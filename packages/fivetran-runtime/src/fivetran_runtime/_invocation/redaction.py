"""Keeping secrets out of everything that people read: error messages, logs, tracebacks, what code prints.

By value, not by name: a secret is replaced whatever text it turns up in, such as an address, a header, or a source's own
error message, and in every form in which programs write text into other text. These are percent-encoding, JSON of any
encoder, HTML, a Python literal, UTF-8 that was read as Latin-1 or Windows-1252, and any of these within one another;
base64, base32 and hexadecimal; either case, and collapsed white space. Only this module knows these forms.

A text is brought to one canonical writing, in which a secret has one form, and what is found there is hidden in the
text itself. Messages are cleaned before they are cut, collapsed or encoded.

Sources also write a key in parts. So the letters and digits of a text are compared, too, without what stands between
them: a key without its dashes, a PEM without its line breaks, a line of it, a part of a JWT, or at least half of a
secret, cut anywhere.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterable, Iterator
from functools import lru_cache
from urllib.parse import quote, quote_plus

HIDDEN = "***"
_SHORTEST = 4  # a shorter text is no secret, and replacing it would shred every message

Span = tuple[int, int]
"""Where in the text a character of the canonical writing came from."""


class Redactor:
    """Replaces the secrets it knows.

    Args:
        secrets: the secrets; a text of fewer than four characters is not replaced.
        in_parts: whether parts of a secret are replaced, too.
    """

    def __init__(self, secrets: Iterable[str] = (), *, in_parts: bool = True) -> None:
        self._secrets: frozenset[str] = frozenset()
        self._forms: tuple[str, ...] = ()
        self._canonical: tuple[str, ...] = ()
        self._skeletons: tuple[str, ...] = ()
        self._cut: tuple[Skeleton, ...] = ()
        self._in_parts = in_parts
        self._lock = threading.Lock()
        self.add(*secrets)

    def add(self, *secrets: str) -> None:
        """Learn more secrets, e.g. an access token that was fetched with another one."""
        known = {secret for secret in secrets if len(secret) >= _SHORTEST}
        if known <= self._secrets:
            return
        with self._lock:
            self._secrets |= known
            self._forms = tuple({folded(form) for secret in self._secrets for form in _forms(secret)})
            self._canonical = tuple({form for secret in self._secrets for form in _canonical_forms(secret)})
            if self._in_parts:
                self._cut = tuple(map(_skeleton, self._secrets))
                self._skeletons = tuple({whole for secret in self._secrets for whole in _wholes(secret)})

    def __bool__(self) -> bool:
        return bool(self._secrets)

    def clean(self, text: str) -> str:
        """The text without any of the secrets, and such that it can be sent: half a surrogate pair cannot."""
        for start, end in reversed(_merged(self._places(text))):
            text = text[:start] + HIDDEN + text[end:]
        return text.encode("utf-8", "backslashreplace").decode()

    def _places(self, text: str) -> Iterator[Span]:
        """From where to where in a text something has to be hidden."""
        if not self._secrets:
            return
        yield from _found(self._forms, folded(text))
        writing, spans = canonically(text) if _ENCODED.search(text) else (text, None)
        for start, end in self._places_in(writing):
            yield (start, end) if spans is None else (spans[start][0], spans[end - 1][1])

    def _places_in(self, writing: str) -> Iterator[Span]:
        """The same in the canonical writing."""
        yield from _found(self._canonical, folded(writing))
        if self._cut and len(writing) >= _SHORTEST_PIECE:
            skeleton = Skeleton(writing)
            for start, end in _found(self._skeletons, skeleton.text):
                yield skeleton.span(start, end)
            for whole in self._cut:
                yield from pieces_in(skeleton, whole)


def _found(forms: Iterable[str], text: str) -> Iterator[Span]:
    for form in forms:
        place = text.find(form)
        while place >= 0:
            yield place, place + len(form)
            place = text.find(form, place + 1)


def _merged(spans: Iterable[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


@lru_cache(maxsize=256)
def _forms(secret: str) -> frozenset[str]:
    octets = secret.encode("utf-8", "surrogatepass")
    texts = {secret, *_misread(octets)}
    plain = {form for text in texts for form in _plain_forms(text)}
    twice = _base64_forms(base64.b64encode(octets))
    return frozenset(plain | {octets.hex(), _base32(octets), *_base64_forms(octets), *twice})


def _plain_forms(text: str) -> Iterator[str]:
    """As it is, in addresses and forms, as JSON and Python write it."""
    yield from (text, quote(text, errors="replace"), quote(text, safe="", errors="replace"))
    yield from (quote_plus(text, errors="replace"), json.dumps(text)[1:-1])
    yield from (json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1])


def _misread(octets: bytes) -> Iterator[str]:
    """UTF-8 as a server shows it that reads Latin-1 or Windows-1252, whose unused octets some read as those of Latin-1."""
    yield octets.decode("latin-1")
    yield "".join(bytes([octet]).decode("cp1252", "ignore") or chr(octet) for octet in octets)


@lru_cache(maxsize=256)
def _canonical_forms(secret: str) -> frozenset[str]:
    """The same in the canonical writing."""
    canonical = (folded(canonically(form)[0].strip()) for form in _forms(secret))
    return frozenset(form for form in canonical if len(form) >= _SHORTEST)


@lru_cache(maxsize=256)
def _wholes(secret: str) -> frozenset[str]:
    """What is looked for among a text's letters and digits: the secret, its parts, and what encoders make of it."""
    octets = secret.encode("utf-8", "surrogatepass")
    encoded = (octets.hex(), _base32(octets), base64.b64encode(octets).decode().rstrip("="))
    return frozenset(whole for text in (secret, *_misread(octets), *encoded) for whole in wholes_of(text))


def _base32(octets: bytes) -> str:
    return base64.b32encode(octets).decode().rstrip("=")


def _base64_forms(secret: bytes) -> Iterator[str]:
    # Inside a longer text ("user:secret" of basic authentication) a secret starts at one of three places in a
    # group of four characters; the characters it shares with its neighbours are left out.
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + secret).decode()
        shared_start, shared_end = (0, 2, 3)[shift], (0, 3, 2)[(shift + len(secret)) % 3]
        form = encoded[shared_start : len(encoded) - shared_end]
        if len(form) >= _SHORTEST * 2:
            yield form
            yield form.translate(str.maketrans("+/", "-_"))


# -- parts of a secret ----------------------------------------------------------------------------------
#
# Only letters and digits are compared, in one case: what stands between them is what sources change. A piece counts from
# eight of them on and from half of the secret's, wherever it was cut; a run of small letters, or of capitals, is no
# piece, since ordinary words look like that.

_SHORTEST_PIECE = 8
_JWT = re.compile(r"\s*([\w-]+)\.([\w-]+)\.([\w-]+)\s*")
_FRAME = "-----"  # of a PEM: the words between five dashes are no secret


def folded(text: str) -> str:
    """A text in small letters, each character in its place."""
    if text.isascii():
        return text.lower()
    return "".join(small if len(small := character.lower()) == 1 else character for character in text)


class Skeleton:
    """A text's letters and digits, in small letters, and where they stand in it."""

    def __init__(self, text: str) -> None:
        self.places = [place for place, character in enumerate(text) if character.isalnum()]
        self.written = "".join([text[place] for place in self.places])
        self.text = folded(self.written)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """From where to where in the text some of them stand."""
        return self.places[start], self.places[end - 1] + 1


def wholes_of(secret: str) -> Iterator[str]:
    """The letters and digits of a secret, of each of its lines, and of the parts of a JWT; never fewer than eight."""
    jwt = _JWT.fullmatch(secret)
    lines = [line for line in secret.splitlines() if _FRAME not in line]
    for part in (secret, *lines, *(jwt.groups() if jwt else ())):
        skeleton = Skeleton(part).text
        if len(skeleton) >= _SHORTEST_PIECE:
            yield skeleton


@lru_cache(maxsize=256)
def _skeleton(secret: str) -> Skeleton:
    return Skeleton(secret)


def pieces_in(text: Skeleton, whole: Skeleton) -> Iterator[tuple[int, int]]:
    """From where to where a text holds a piece of a secret, whose whole letters and digits are known.

    A piece of at least `least` characters holds one of the anchors, since these lie close enough to each other.
    """
    least = max(_SHORTEST_PIECE, (len(whole.text) + 1) // 2)
    for anchor in range(0, len(whole.text) - _SHORTEST_PIECE + 1, least - _SHORTEST_PIECE + 1):
        sought = whole.text[anchor : anchor + _SHORTEST_PIECE]
        place = text.text.find(sought)
        while place >= 0:
            # No more of the text than the secret is long: a page full of zeros has its anchors everywhere.
            start, end = max(0, place - anchor), place + len(whole.text) - anchor
            before = _common(text.text[start:place][::-1], whole.text[:anchor][::-1])
            after = _common(text.text[place:end], whole.text[anchor:])
            piece = whole.written[anchor - before : anchor + after]
            is_found = len(piece) >= least and not _is_ordinary(piece)
            if is_found:
                yield text.span(place - before, place + after)
            place = text.text.find(sought, place + (after if is_found else 1))


def _common(one: str, other: str) -> int:
    """How many characters two texts begin alike with: by halves, since a secret may be long and found often."""
    alike, most = 0, min(len(one), len(other))
    while alike < most:
        middle = (alike + most + 1) // 2
        if one[:middle] == other[:middle]:
            alike = middle
        else:
            most = middle - 1
    return alike


def _is_ordinary(piece: str) -> bool:
    return piece.isalpha() and piece in (piece.lower(), piece.upper())


# -- the canonical writing ----------------------------------------------------------------------------------

_LEVELS = 5  # text within text within text; nobody writes more
_ENCODED = re.compile(r"[%\\&+\x00-\x1f\x7f]|[^\S ]|  ")
"""What a text without it is written canonically by."""
# As texts, which re compiles at their first use: few syncs show a text that is encoded.
_OCTETS = r"%([0-9A-Fa-f]{2})|\\+x([0-9A-Fa-f]{2})"
_UNITS = r"\\+u([0-9A-Fa-f]{4})"
_WRITTEN = (
    r"(?P<octets>(?:%[0-9A-Fa-f]{2})+|(?:\\+x[0-9A-Fa-f]{2})+)"
    r"|(?P<units>(?:\\+u[0-9A-Fa-f]{4})+)"
    r"|\\+U(?P<code>[0-9A-Fa-f]{8})"
    r"|(?P<entity>&(?:[A-Za-z][A-Za-z0-9]{1,30}|#[0-9]{1,8}|#[xX][0-9A-Fa-f]{1,6});)"
    # What separates: white space and control characters, as they are, as an escape, and as forms write it.
    r"|(?P<space>(?:[\s\x00-\x20\x7f+]|\\+[nrtfvba0])+)"
    r"|(?P<escape>\\+)"
)


def canonically(text: str) -> tuple[str, list[Span]]:
    """A text with every encoded character decoded, backslashes dropped and white space collapsed; and from where."""
    spans = [(place, place + 1) for place in range(len(text))]
    for _ in range(_LEVELS):
        decoded, spans = _decoded(text, spans)
        if decoded == text:
            break
        text = decoded
    return text, spans


def _decoded(text: str, spans: list[Span]) -> tuple[str, list[Span]]:
    pieces: list[str] = []
    kept: list[Span] = []
    end = 0
    for match in re.finditer(_WRITTEN, text):
        pieces.append(text[end : match.start()])
        kept += spans[end : match.start()]
        for characters, start, stop in _characters(match):
            pieces.append(characters)
            kept += [(spans[start][0], spans[stop - 1][1])] * len(characters)
        end = match.end()
    pieces.append(text[end:])
    return "".join(pieces), kept + spans[end:]


Decoded = tuple[str, int, int]
"""Characters, and from where to where in the text they were written."""


def _characters(match: re.Match[str]) -> Iterable[Decoded]:
    start, end = match.span()
    match match.lastgroup:
        case "octets":
            return _of_octets(
                [
                    (int(one[1] or one[2], 16), *one.span())
                    for one in re.compile(_OCTETS).finditer(*_within(match))
                ]
            )
        case "units":
            return _of_units(
                [(int(one[1], 16), *one.span()) for one in re.compile(_UNITS).finditer(*_within(match))]
            )
        case "code":
            code = int(match["code"], 16)
            return [(chr(code) if code < 0x110000 else "?", start, end)]
        case "entity":
            return [(_unescaped(match[0]), start, end)]
        case "space":
            return [(" ", start, end)]
    return []


def _within(match: re.Match[str]) -> tuple[str, int, int]:
    return match.string, match.start(), match.end()


def _unescaped(entity: str) -> str:
    import html  # noqa: PLC0415 - two thousand names, which few functions ever need

    return html.unescape(entity)


def _of_octets(octets: list[tuple[int, int, int]]) -> Iterator[Decoded]:
    """UTF-8 where it is that, else each octet as a character of Latin-1."""
    place = 0
    while place < len(octets):
        for length in (1, 2, 3, 4):
            group = octets[place : place + length]
            try:
                text = bytes(octet for octet, _, _ in group).decode()
            except UnicodeDecodeError:
                continue
            break
        else:
            group = octets[place : place + 1]
            text = chr(group[0][0])
        yield text, group[0][1], group[-1][2]
        place += len(group)


def _of_units(units: list[tuple[int, int, int]]) -> Iterator[Decoded]:
    """UTF-16, two surrogates being one character."""
    place = 0
    while place < len(units):
        unit, start, end = units[place]
        if 0xD800 <= unit < 0xDC00 and place + 1 < len(units) and 0xDC00 <= units[place + 1][0] < 0xE000:
            low, _, end = units[place + 1]
            yield chr(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00)), start, end
            place += 2
        else:
            yield chr(unit), start, end
            place += 1
