"""Redaction by value: no form of a secret survives in any surrounding text."""

from __future__ import annotations

import base64
import html
import json
import re
import struct
import textwrap
from collections.abc import Callable
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fivetran_runtime._invocation.redaction import HIDDEN, Redactor

# No asterisk: the replacement itself would then look like a part of the secret.
CHARACTERS = st.characters(exclude_characters="*", exclude_categories=["Cs"])
SECRETS = st.text(CHARACTERS, min_size=4, max_size=30)
AROUND = st.text(CHARACTERS, max_size=20)
FORMS: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "percent": quote,
    "percent, slashes too": lambda text: quote(text, safe=""),
    "plus": quote_plus,
    "form": lambda text: urlencode({"": text})[1:],
    "JSON, ASCII": lambda text: json.dumps(text)[1:-1],
    "JSON, Unicode": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "Python": lambda text: repr(text)[1:-1],
}


@pytest.mark.parametrize("form", FORMS)
@given(secret=SECRETS, before=AROUND, after=AROUND)
def test_no_form_of_a_secret_survives(form: str, secret: str, before: str, after: str) -> None:
    """In an address, a JSON body or a traceback, with anything around it."""
    written = FORMS[form](secret)
    assume(written not in before + after)
    cleaned = Redactor([secret]).clean(before + written + after)
    assert written not in cleaned
    assert HIDDEN in cleaned


def php(text: str) -> str:
    return json.dumps(text)[1:-1].replace("/", "\\/")


ENCODERS: dict[str, Callable[[str], str]] = {
    "HTML": html.escape,
    "HTML, numbers": lambda text: "".join(f"&#{ord(one)};" for one in text),
    "HTML, hexadecimal": lambda text: "".join(f"&#X{ord(one):x};" for one in text),
    "PHP": php,
    "JSON, upper case": lambda text: re.sub(r"\\u\w{4}", lambda m: "\\u" + m[0][2:].upper(), php(text)),
    "JSON, all by number": lambda text: "".join(
        f"\\u{unit:04x}" for (unit,) in struct.iter_unpack(">H", text.encode("utf-16-be"))
    ),
    "percent": lambda text: quote(text, safe=""),
    "percent, lower case": lambda text: re.sub("%..", lambda m: m[0].lower(), quote(text, safe="")),
    "percent, all": lambda text: "".join(f"%{octet:02X}" for octet in text.encode()),
    "form": lambda text: urlencode({"": text})[1:],
    "Python": lambda text: repr(text)[1:-1],
    "Python, bytes": lambda text: repr(text.encode())[2:-1],
    "collapsed": lambda text: " ".join(text.split()),
    "base64": lambda text: base64.b64encode(f"user:{text}".encode()).decode(),
}
TRICKY = [
    'pä"ss\\w/örd+&=%☃ 1234',
    "a<b>'c'\n \td/e",
    "https://u:p%2Fw@h/?k=a+b",
    "🙂/🙂\\n🙂",
    "plain-but-long/er==",
]


@pytest.mark.parametrize("secret", TRICKY)
@pytest.mark.parametrize("outer", ENCODERS)
@pytest.mark.parametrize("inner", ENCODERS)
def test_forms_within_forms_are_found(secret: str, inner: str, outer: str) -> None:
    """An HTML page with JSON in it, an address in a JSON text, a log of either: by real encoders, two deep."""
    written = ENCODERS[outer](ENCODERS[inner](secret))
    if outer == "base64" and inner != "base64":
        return  # of a text that was changed before: no form of the secret's
    if (inner, outer) == ("base64", "base64"):
        return
    cleaned = Redactor([secret]).clean(f"said: {written}, and more")
    assert HIDDEN in cleaned
    assert cleaned.startswith("said: ")
    assert cleaned.endswith(", and more")
    left = cleaned.removeprefix("said: ").removesuffix(", and more").replace(HIDDEN, "")
    assert len(left) <= (
        4 * len(ENCODERS[outer]("xxxxxxxxx")) if inner == "base64" else 60 if outer == "base64" else 0
    )


@pytest.mark.parametrize("around", sorted(ENCODERS.keys() - {"base64"}))
@pytest.mark.parametrize("charset", ["latin-1", "cp1252"])
@pytest.mark.parametrize("secret", ["s3cret-Tök-99", "Łódź-€-27", "“quoted”", "ключ", "пароль 1"])
def test_utf_8_that_a_server_has_read_as_something_else_is_found(
    secret: str, charset: str, around: str
) -> None:
    """Headers are read so, and forms without a charset."""
    misread = "".join(bytes([one]).decode(charset, "ignore") or chr(one) for one in secret.encode())
    cleaned = Redactor([secret]).clean(f"bad token: {ENCODERS[around](misread)}, and more")
    assert cleaned == f"bad token: {HIDDEN}, and more"


def test_a_text_without_the_secret_stays_as_it_is() -> None:
    """Escapes, entities and line breaks included: only what is hidden changes."""
    text = 'a  "b"\n\tc\\n &amp; &lt; 100%25 %zz + \\u00e4 \\ud83d'
    assert Redactor(["k3y-0f-the-h0use"]).clean(text) == text
    assert Redactor(["k3y-0f-the-h0use"]).clean(text + "k3y%2D0f-the-h0use" + text) == f"{text}***{text}"


@given(
    secret=st.text(CHARACTERS, min_size=9, max_size=30),
    before=st.binary(max_size=10),
    after=st.binary(max_size=10),
    urlsafe=st.booleans(),
)
def test_base64_survives_at_no_alignment(secret: str, before: bytes, after: bytes, urlsafe: bool) -> None:
    """`user:secret` of basic authentication: wherever in a group of three bytes the secret starts."""
    encode = base64.urlsafe_b64encode if urlsafe else base64.b64encode
    written = encode(before + secret.encode() + after).decode()
    cleaned = Redactor([secret]).clean(f"Basic {written}")
    assert HIDDEN in cleaned
    # What is left are the neighbours, and at most the two bytes that share characters with them.
    left = cleaned.removeprefix("Basic ").replace(HIDDEN, "")
    assert len(left) <= len(encode(before)) + len(encode(after)) + 6


@given(secrets=st.lists(SECRETS, min_size=2, max_size=4))
def test_several_secrets_are_all_hidden(secrets: list[str]) -> None:
    """One being a part of another must not uncover the rest of it."""
    redactor = Redactor()
    for secret in secrets:
        redactor.add(secret)
    cleaned = redactor.clean("|".join(secrets))
    assert not [secret for secret in secrets if "|" not in secret and secret in cleaned]


def test_the_longer_of_two_secrets_is_hidden_whole() -> None:
    """The text "abcd" is replaced after "abcd-efgh", or "-efgh" would be left standing."""
    assert Redactor(["abcd", "abcd-efgh"]).clean("key=abcd-efgh") == "key=***"


@pytest.mark.parametrize("short", ["", "a", "abc"])
def test_a_text_too_short_for_a_secret_shreds_no_message(short: str) -> None:
    """A configuration with the value "a" leaves messages readable."""
    assert Redactor([short]).clean("a table: abc") == "a table: abc"


def test_what_is_clean_can_be_sent() -> None:
    """A file name or a source's text may hold half a surrogate pair, which is no text that JSON can carry."""
    cleaned = Redactor(["hunter2"]).clean("a broken name: \udc80 of hunter2")
    assert cleaned.encode() == b"a broken name: \\udc80 of ***"


def test_what_was_learnt_stays_hidden() -> None:
    """An access token that is fetched on the way joins the configured secrets."""
    redactor = Redactor(["configured"])
    redactor.add("fetched-later")
    assert redactor.clean("configured fetched-later") == "*** ***"


# -- parts of a secret --------------------------------------------------------------------------------------

BEGIN = "-----BEGIN " + "PRIVATE KEY-----"
PEM = "\n".join(
    [BEGIN, *textwrap.wrap(base64.b64encode(bytes(range(200))).decode(), 64), "-----END PRIVATE KEY-----", ""]
)  # fmt: skip
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIn0.dBjftJeZ4CVPmB92K27uhbUJU1p1r_wW1gFWFOEjXk"  # pragma: allowlist secret
UUID = "550E8400-E29B-41D4-A716-446655440000"
GITHUB = "ghp_A1b2C3d4E5f6G7h8I9j0K1l2M3n4"
OF_A_SECRET = {
    "in small letters": (UUID, UUID.lower()),
    "short, in capitals": ("pa55-x", "PA55-X"),
    "in capitals": ("deadbeef0123456789abcdef", "DEADBEEF0123456789ABCDEF"),
    "a UUID without dashes": (UUID, UUID.lower().replace("-", "")),
    "a UUID with dashes": (UUID.replace("-", ""), UUID.lower()),
    "a number with separators": ("1234567890", "1,234,567,890"),
    "hexadecimal": (GITHUB, GITHUB.encode().hex()),
    "hexadecimal, with colons": (GITHUB, GITHUB.encode().hex(":").upper()),
    "base32": (GITHUB, base64.b32encode(GITHUB.encode()).decode()),
    "base64 of base64": (GITHUB, base64.b64encode(base64.b64encode(GITHUB.encode())).decode()),
    "base64 in lines": (GITHUB, "\n".join(textwrap.wrap(base64.b64encode(GITHUB.encode()).decode(), 16))),
    "a line": (PEM, PEM.splitlines()[1]),
    "the last line": (PEM, PEM.splitlines()[-2]),
    "a PEM without line breaks": (PEM, PEM.replace("\n", "")),
    "a PEM with breaks of another kind": (PEM, PEM.replace("\n", "\r\n")),
    "a PEM that is indented": (PEM, textwrap.indent(PEM, "    ")),
    "a JWT's header": (JWT, JWT.split(".", maxsplit=1)[0]),
    "a JWT's payload": (JWT, JWT.split(".")[1]),
    "a JWT's signature": (JWT, JWT.split(".")[2]),
    "a JWT in lines": (JWT, "\n".join(textwrap.wrap(JWT, 50))),
    "cut at its end": (GITHUB, GITHUB[:-1]),
    "its first half": (GITHUB, GITHUB[:18]),
    "its last half": (GITHUB, GITHUB[16:]),
    "its middle": (GITHUB, GITHUB[8:24]),
    "cut and percent-encoded": ("a/1b+2c/3d+4e/5f", quote("a/1b+2c/3d+4e", safe="")),
    "cut, the shortest there is": ("a1b2c3d4", "a1b2c3d4"),
}


@pytest.mark.parametrize("part", OF_A_SECRET)
def test_no_part_of_a_secret_survives(part: str) -> None:
    """As sources shorten, wrap and respell what they were sent; what is around it stays."""
    secret, written = OF_A_SECRET[part]
    cleaned = Redactor([secret]).clean(f"key {written} ... is wrong")
    assert cleaned.startswith("key ")
    assert cleaned.endswith(" ... is wrong")
    left = cleaned.removeprefix("key ").removesuffix(" ... is wrong")
    shown = re.findall(r"\w{4,}", left.replace("BEGIN PRIVATE KEY", "").replace("END PRIVATE KEY", ""))
    assert HIDDEN in left
    assert shown == []


@st.composite
def cut_secrets(draw: st.DrawFn) -> tuple[str, str]:
    """A secret, and at least half of it, with a digit among it."""
    secret = draw(st.text("abcdefgABCDEFG0123456789", min_size=12, max_size=40))
    length = draw(st.integers((len(secret) + 1) // 2, len(secret)))
    start = draw(st.integers(0, len(secret) - max(8, length)))
    place = draw(st.integers(start, start + length - 1))
    secret = secret[:place] + "7" + secret[place + 1 :]
    return secret, secret[start : start + max(8, length)]


@given(cut_secrets(), AROUND)
def test_half_of_a_secret_is_found_wherever_it_was_cut(cut: tuple[str, str], around: str) -> None:
    """Eight letters and digits of it, and half of what it has, are a part."""
    secret, part = cut
    assume(part not in around)
    assert part not in Redactor([secret]).clean(f"{around}: {part}! {around}")


@pytest.mark.parametrize(
    ("secret", "text"),
    [
        ("the-production-database-key", "Is the production database there?"),
        ("https://acme.example/api/v2/tickets", "GET https://acme.example/users: HTTP 404"),
        (PEM, f"It has to begin with {BEGIN}"),
        (GITHUB, "Tokens that begin with ghp_ are accepted; this one has 32 characters."),
        ("12345678", "Page 1234 has 56 rows."),
        ("A1b2C3d4", "of A1b2C3d only seven characters are the same"),
    ],
)
def test_what_only_looks_like_a_part_stays(secret: str, text: str) -> None:
    """A message that is full of asterisks says nothing to anybody."""
    assert Redactor([secret]).clean(text) == text


@pytest.mark.parametrize("secret", ["00000000-0000-0000-0000-000000000001", "a1" * 20, PEM])
def test_a_page_of_what_a_secret_is_made_of_is_cleaned_in_steps_of_its_length(secret: str) -> None:
    """A secret that repeats itself is found everywhere in such a page; looking may not take its length squared."""
    page = (secret[:-1] * 100_000)[:100_000]
    assert len(Redactor([secret]).clean(page)) < len(page) // 10
