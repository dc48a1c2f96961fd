"""The configuration: text from a form becomes typed values, and every mistake is reported at once without any value."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

import msgspec
import pytest
from fivetran import call
from msgspec import Meta

from fivetran_runtime import Config, ConfigurationError, Connector, Secret
from fivetran_runtime.config import read


class Acme(Config):
    token: Secret
    url: str = "https://api.acme.example"
    size: int = 100
    factor: float = 1.0
    archived: bool = False
    products: list[str] = []
    labels: dict[str, int] = {}
    since: datetime | None = None
    day: date | None = None
    others: list[Secret] = []


def reported(secrets: object, kind: type[Config] = Acme) -> str:
    with pytest.raises(ConfigurationError) as caught:
        read(kind, secrets)
    return str(caught.value)


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("url", "https://other.example", "https://other.example"),
        ("size", "250", 250),
        ("factor", "2.5", 2.5),
        ("archived", "true", True),
        ("archived", "False", False),
        ("products", '["a", "b"]', ["a", "b"]),
        ("labels", '{"x": 1}', {"x": 1}),
        ("since", "2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("day", "2026-01-31", date(2026, 1, 31)),
    ],
)
def test_the_texts_of_a_form_become_typed_values(key: str, text: str, value: Any) -> None:
    """Fivetran's form sends text only."""
    assert getattr(read(Acme, {"token": "t0p-secret", key: text}), key) == value


@pytest.mark.parametrize(("key", "value"), [("size", 250), ("archived", True), ("products", ["a"])])
def test_values_that_are_typed_already_stay_as_they_are(key: str, value: Any) -> None:
    """The API of Fivetran sends JSON of any type."""
    assert getattr(read(Acme, {"token": "t0p-secret", key: value}), key) == value


def test_what_is_left_out_takes_its_default() -> None:
    """Only attributes without a default must be given."""
    assert read(Acme, {"token": "t0p-secret"}) == Acme(token=Secret("t0p-secret"))


def test_secrets_inside_lists_are_secrets_too() -> None:
    """Several keys in one field, as JSON."""
    assert read(Acme, {"token": "t", "others": '["one", "two"]'}).others == [Secret("one"), Secret("two")]


def test_all_mistakes_are_reported_in_one_message() -> None:
    """Nobody wants to press Save & Test five times."""
    message = reported({"size": "many", "archived": "perhaps", "products": "a, b", "sise": "1"})
    assert "token is missing" in message
    assert "size must be a whole number" in message
    assert "archived must be true or false" in message
    assert 'products must be JSON, for instance ["first", "second"]' in message
    assert "sise is not a key this connector knows" in message
    assert "Setup tab" in message


def test_the_known_keys_are_listed() -> None:
    """A misspelt key is fixed by looking at the right ones."""
    assert "Keys: archived, day, factor, labels, others, products, since, size, token, url." in reported({})


@pytest.mark.parametrize(
    ("key", "wrong", "reason"),
    [
        ("token", "", "token must be a text that is not empty"),
        ("token", 5, "token must be a text that is not empty"),
        ("token", None, "token is null"),
        ("size", "5.5", "size must be a whole number"),
        ("size", 5.5, "size must be a whole number"),
        ("size", True, "size must be a whole number"),
        ("factor", "much", "factor must be a number"),
        ("url", 5, "url must be text"),
        ("products", 5, "products must be a list"),
        ("products", '{"a": 1}', "products must be a list"),
        ("labels", "[]", "labels must be an object"),
        ("since", "yesterday", "since must be an instant like 2026-01-31T12:00:00Z"),
        ("day", "31.1.2026", "day must be a day like 2026-01-31"),
        ("products", [1], "products[0] must be text"),
        ("others", ["fine", ""], "others[1] must be a text that is not empty"),
    ],
)
def test_a_mistake_says_which_key_and_what_it_should_be(key: str, wrong: Any, reason: str) -> None:
    """In the words of somebody who fills in a form."""
    assert reason in reported({"token": "t0p-secret", key: wrong})


class Bounded(Config):
    size: Literal["small", "large"] = "small"
    kinds: list[Literal["bug", "task"]] = []
    names: dict[str, Literal["x"]] = {}
    limit: Annotated[int, Meta(ge=1, le=100)] = 5
    region: Annotated[str, Meta(min_length=2)] | None = None


@pytest.mark.parametrize(
    ("key", "wrong", "reported"),
    [
        ("size", "hunter2", 'size must be "small" or "large"'),
        ("size", 5, 'size must be "small" or "large"'),
        ("kinds", ["bug", "hunter2"], 'kinds[1] must be "bug" or "task"'),
        ("kinds", '["bug", "hunter2"]', 'kinds[1] must be "bug" or "task"'),
        ("kinds", ["bug", "a - at b"], 'kinds[1] must be "bug" or "task"'),
        ("names", {"a": "hunter2"}, 'names[...] must be "x"'),
        ("limit", "0", "limit must be a whole number, at least 1 and at most 100."),
        ("limit", "101", "limit must be a whole number, at least 1 and at most 100."),
        ("limit", "x", "limit must be a whole number, at least 1 and at most 100."),
        ("region", "a", "region must be text, at least 2 long."),
    ],
)
def test_what_is_allowed_is_reported(key: str, wrong: Any, reported: str) -> None:
    """The few values, or the bound, and where; not what was sent."""
    with pytest.raises(ConfigurationError) as error:
        read(Bounded, {key: wrong})
    assert reported in str(error.value)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("key", list(Acme.__struct_fields__))
@pytest.mark.parametrize(
    "wrong", ["hunter2hunter2", ["hunter2hunter2", 7], {"a": "hunter2hunter2"}, [["hunter2hunter2"]]]
)
def test_no_value_appears_in_a_message(key: str, wrong: Any) -> None:
    """A password pasted into the wrong field must not be shown, stored or mailed."""
    try:
        read(Acme, {"token": "t0p-secret", key: wrong, "misspelt": "hunter2hunter2"})
    except ConfigurationError as error:
        assert "hunter2" not in f"{error}{error!r}"  # noqa: PT017 - some of these values are right
        assert "t0p-secret" not in str(error)  # noqa: PT017


@pytest.mark.parametrize("secrets", [[], "token", 5, True])
def test_secrets_that_are_no_object_are_refused(secrets: object) -> None:
    """The whole field is wrong, not a key in it."""
    assert "not a JSON object" in reported(secrets)


def test_no_secrets_at_all_name_what_is_missing() -> None:
    """A connection without secrets sends null or nothing."""
    assert "token is missing" in reported(None)


def test_a_connector_can_refuse_values_that_do_not_go_together() -> None:
    """`__post_init__` speaks in the same voice."""

    class Range(Config):
        first: int
        last: int

        def __post_init__(self) -> None:
            if self.first > self.last:
                raise ValueError("first must not be after last")

    assert "first must not be after last" in reported({"first": "2", "last": "1"}, Range)


def test_limits_of_a_value_are_held_for_text_too() -> None:
    """`Meta(ge=1)` and the like hold after the text has become a number."""

    class Sized(Config):
        size: Annotated[int, msgspec.Meta(ge=1)] = 1

    assert "size must be a whole number" in reported({"size": "0"}, Sized)


secret = Secret("hunter2")


@pytest.mark.parametrize(
    "shown",
    [
        str(secret),
        repr(secret),
        f"{secret}",
        f"{secret:>20}",
        f"{secret!r}",
        "%s" % secret,  # noqa: UP031 - one of the ways
        "{}".format(secret),  # noqa: UP032 - one of the ways
        repr([secret]),
        repr({"token": secret}),
        repr(Acme(token=secret)),
        str(Acme(token=secret)),
    ],
)
def test_a_secret_is_never_shown(shown: str) -> None:
    """Whatever way of making text of it somebody finds."""
    assert "hunter2" not in shown
    assert "***" in shown


@pytest.mark.parametrize("encode", [json.dumps, msgspec.json.encode, msgspec.msgpack.encode])
@pytest.mark.parametrize("value", [secret, {"token": secret}, [secret]])
def test_a_secret_cannot_be_encoded(encode: Any, value: Any) -> None:
    """Refused, and not silently sent as ***."""
    with pytest.raises(TypeError) as caught:
        encode(value)
    assert "hunter2" not in str(caught.value)


def test_a_secret_is_compared_by_its_text() -> None:
    """And nothing else is equal to it, its own text included."""
    assert secret == Secret("hunter2")
    assert hash(secret) == hash(Secret("hunter2"))
    assert secret != Secret("hunter3")
    assert secret != "hunter2"
    assert secret.reveal() == "hunter2"


class Login(msgspec.Struct):
    user: str
    password: Secret
    pin: int = 0

    def __post_init__(self) -> None:
        raise ValueError(f"{self.user} may not use {self.password.reveal()} and {self.pin}")


class Nested(Config):
    login: Login | None = None
    logins: list[Login] = []
    named: dict[str, Login] = {}


@pytest.mark.parametrize("form", [lambda value: value, json.dumps])
@pytest.mark.parametrize(
    ("key", "nest"), [("login", lambda v: v), ("logins", lambda v: [v]), ("named", lambda v: {"a": v})]
)
def test_a_nested_objects_refusal_shows_none_of_its_values(key: str, nest: Any, form: Any) -> None:
    """It is raised before anything has been read that could say which text is secret."""
    value = nest({"user": "somebody", "password": "hunter2hunter2", "pin": 482_901})
    message = reported({key: form(value)}, Nested)
    assert "may not use" in message
    assert "hunter2" not in message
    assert "482901" not in message


def test_a_value_whose_description_speaks_of_secrets_is_shown() -> None:
    """What a key is called and described as does not make it one: an address that is hidden cannot be corrected."""

    class Described(Config):
        url: Annotated[str, Meta(description="Secret-free address")]

        def __post_init__(self) -> None:
            raise ValueError(f"{self.url} is not one")

    assert "acme.example is not one" in reported({"url": "acme.example"}, Described)


class Optional(Config):
    token: Secret | None = None
    spare: Secret = Secret("default")
    size: int = 5
    day: date | None = None
    names: str | list[str] = "all"
    note: str | None = None
    title: str = "Title"
    must: str | list[str] | None = None
    factor: float = 1.0
    factors: list[float] = []


@pytest.mark.parametrize("key", ["token", "spare", "size", "day", "note", "must", "factors"])
def test_what_a_form_leaves_empty_is_left_out(key: str) -> None:
    """Fivetran sends an empty text for it."""
    assert read(Optional, {key: ""}) == Optional()


def test_an_empty_text_is_a_text_where_there_is_another_default() -> None:
    """Somebody may want no title."""
    assert read(Optional, {"title": ""}).title == ""


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("alpha", "alpha"),
        ('["alpha"]', ["alpha"]),
        ("5", "5"),
        ("null", "null"),
        ('"quoted"', '"quoted"'),
        ("[a", "[a"),
    ],
)
def test_a_text_or_a_list_may_be_either(typed: str, value: Any) -> None:
    """Only what is a list in JSON is taken for one."""
    assert read(Optional, {"names": typed}).names == value


@pytest.mark.parametrize(
    ("key", "value"), [("factor", "nan"), ("factor", "inf"), ("factor", "-Infinity"), ("factors", '["nan"]')]
)
def test_a_number_is_finite(key: str, value: str) -> None:
    """Every comparison with a NaN is false, and no JSON can carry it."""
    assert f"{key} must be" in reported({key: value}, Optional)


def test_a_number_in_untyped_secrets_is_hidden() -> None:
    """No type says what of them is secret, so each may be."""
    app = Connector("untyped")

    @app.table(key="id")
    def things(secrets: Any) -> Iterator[Any]:
        yield {"id": int(f"{secrets['pin']} is no number")}

    reply = call(app.handler, {"state": {}, "secrets": {"pin": 48151623}})
    assert "***" in reply.body["errorMessage"]
    assert "48151623" not in json.dumps(reply.body)
