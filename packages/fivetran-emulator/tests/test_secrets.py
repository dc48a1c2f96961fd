"""Secrets are hidden in whatever form they turn up."""

from __future__ import annotations

import base64
import html
import json
import re
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import Emulator

from fivetran_emulator.secrets import Secrets

values = st.text(st.characters(exclude_categories=["Cs"]), min_size=10, max_size=40)
around = st.text("abcXYZ:", max_size=5)


@given(values, around, around)
def test_no_form_of_a_secret_is_shown(value: str, before: str, after: str) -> None:
    """Behaviour 3: plain, in JSON, in a URL, and inside base64 whatever stands beside it."""
    secrets = Secrets(json.dumps({"token": {"b": [value]}}))
    inner = base64.b64encode((before + value + after).encode()).decode()
    core = base64.b64encode(value.encode()).decode().rstrip("=")[3:-3]
    for form in (
        value,
        json.dumps(value, ensure_ascii=False)[1:-1],
        json.dumps(value)[1:-1],
        json.dumps(value)[1:-1].replace("/", "\\/"),
        quote(value, safe=""),
        quote_plus(value),
        re.sub("%..", lambda found: found[0].lower(), quote(value, safe="")),
        html.escape(value),
        html.escape(value).replace("&#x27;", "&#39;"),
        html.escape(json.dumps(value)[1:-1]),
        " ".join(value.split()) or value,
        base64.b64encode(value.encode()).decode(),
        base64.urlsafe_b64encode(value.encode()).decode(),
    ):
        assert form not in secrets.redact(f"{before}{form}{after}").replace("***", "")
    hidden = secrets.redact(inner)
    assert "***" in hidden
    assert core not in hidden


def test_short_values_are_let_be() -> None:
    """Hiding every `1` would make any text unreadable."""
    assert Secrets('{"size": "100", "flag": true}').redact("100 rows, true") == "100 rows, true"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("url", "https://bugzilla.example:8443/rest"),
        ("products", "Firefox for Android"),
        ("region", "Zürich"),
    ],
)
def test_settings_are_shown(name: str, value: str) -> None:
    """An error that names an unknown product or an address that does not answer would say nothing with `***` in it."""
    assert Secrets(json.dumps({name: [value]})).redact(f"unknown: {value}") == f"unknown: {value}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("password", "correct horse battery"),
        ("api_key", "abcdefgh"),
        ("url", "https://user:word@host.example/"),
        ("url", "https://host.example/?key=abcdefgh"),
        ("hook", "https://hooks.example/services/T0123456789ABCDEF0123"),
        ("anything", "abcdefghijklmnopqrstuvwxyz"),
        ("anything", "x1y2z3"),
    ],
)
def test_whatever_may_let_somebody_in_is_hidden(name: str, value: str) -> None:
    """By its name, or because it is neither plain words nor an address without credentials."""
    assert value not in Secrets(json.dumps({name: value})).redact(f"sent {value} there")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, "<html><title>" + "x" * 110 + " cut/in\tthe&middle</title>"),
        (200, "x" * 40 + "cut/in\tthe&middle"),
        (200, '{"errorMessage": "' + "x" * 40 + '&lt;cut/in the&amp;middle&gt;"}'),
    ],
    ids=["a page's title is cut", "the text around a fault is cut", "an error of the function"],
)
def test_a_secret_is_hidden_before_an_answer_is_cut(
    emulator: Emulator, tmp_path: Path, status: int, body: str
) -> None:
    """Behaviour 3: half a secret looks like none, so what an answer holds is cleaned before it is shortened."""
    (tmp_path / "secrets.json").write_text(json.dumps({"token": "cut/in\tthe&middle"}))
    emulator.function.answers, emulator.function.status = [body.encode()], status
    outcome = emulator.sync("--secrets", str(tmp_path / "secrets.json"))
    assert outcome.status == 1
    assert "cut/in" not in outcome.err + outcome.out


@pytest.mark.parametrize(
    ("name", "value", "is_hidden"), [("pin", 9988, True), ("n", 99887766554433, True), ("size", 1000, False)]
)
def test_numbers_are_secrets_too(name: str, value: int, is_hidden: bool) -> None:
    """By their name, or because they are too long for a setting."""
    assert (str(value) in Secrets(json.dumps({name: value})).redact(f"{value}")) is not is_hidden


def test_a_recording_without_a_number_that_is_secret_is_json(emulator: Emulator, tmp_path: Path) -> None:
    """And has the number nowhere: recordings are committed."""
    pin = 99887766554433
    (tmp_path / "secrets.json").write_text(json.dumps({"pin": pin}))
    body = {"state": {"pin": pin}, "insert": {"t": [{"id": 1, "pin": pin, "pins": [pin, 1]}]}}
    emulator.answering(
        body, arguments=("--secrets", str(tmp_path / "secrets.json"), "--record", str(tmp_path / "recorded"))
    )
    recorded = list((tmp_path / "recorded").iterdir())
    assert recorded
    for file in recorded:
        text = file.read_text()
        json.loads(text)
        assert str(pin) not in text
