from __future__ import annotations

import json
import math
import re

from hypothesis import given
from hypothesis import strategies as st

from fivetran_emulator.recording.anonymizing import EMAIL, Pseudonyms
from fivetran_emulator.recording.exchanges import INSTANT

TEXTS = st.text(max_size=40)


@given(st.lists(TEXTS, unique=True, max_size=60))
def test_different_texts_stay_different_and_equal_ones_equal(texts: list[str]) -> None:
    """Also those so short that few others have their shape: a key may not become another row's."""
    pseudonyms = Pseudonyms(b"key")
    made = [pseudonyms.text(text) for text in texts]
    assert len(set(made)) == len(texts)
    assert [pseudonyms.text(text) for text in texts] == made


@given(TEXTS.filter(lambda text: any(character.isalnum() for character in text)))
def test_a_text_never_stands_for_itself(text: str) -> None:
    """Whatever has a letter or a digit in it is another text afterwards."""
    assert Pseudonyms(b"key").text(text) != text


@given(st.text("abcXYZ019 .-_/äß", min_size=4, max_size=40))
def test_a_pseudonym_has_the_shape_of_its_text(text: str) -> None:
    """Letters for letters in the same case, digits for digits, all else as it was."""

    def shape(value: str) -> str:
        return re.sub(r"[^\W\d_]", "a", re.sub(r"\d", "9", value))

    made = Pseudonyms(b"key").text(text)
    assert shape(made)[: len(text)] == shape(text)


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_stays_one_of_its_kind(number: float) -> None:
    """As many digits, the same sign, an integer an integer."""
    made = Pseudonyms(b"key").number(number)
    assert type(made) is type(number)
    assert math.copysign(1, made) == math.copysign(1, number) or made == 0
    json.dumps(made, allow_nan=False)


@given(st.emails())
def test_an_address_becomes_one_that_reaches_nobody(address: str) -> None:
    """Under `.example`, wherever it stands."""
    if not EMAIL.fullmatch(address):
        return
    pseudonyms = Pseudonyms(b"key")
    made = pseudonyms.text(address)
    assert made.endswith(".example")
    assert made in pseudonyms.text(f"write to {address} today")
    assert address not in pseudonyms.text(f"write to {address} today")


@given(st.datetimes().map(lambda moment: moment.isoformat() + "Z"))
def test_a_hidden_date_stays_a_date(moment: str) -> None:
    """One that every warehouse can read."""
    if INSTANT.fullmatch(moment):
        assert INSTANT.fullmatch(Pseudonyms(b"key").text(moment))


def test_another_key_gives_other_pseudonyms() -> None:
    """Without the key nobody can try names until one fits."""
    assert Pseudonyms(b"one").text("Anna Müller") != Pseudonyms(b"two").text("Anna Müller")
