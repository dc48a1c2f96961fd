"""Redaction by value: no form of a secret survives in any surrounding text."""

from __future__ import annotations

import base64
import html
import json
import re
import struct
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
