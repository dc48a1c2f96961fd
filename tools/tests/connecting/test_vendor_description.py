"""The judge of every request finds what is wrong with one; without its patches it would refuse what is right, or nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from vendor_description import FILE, Description

from tools.locked.rehearsal.exchanges import Answer, Call

HEADERS = {"content-type": "application/json", "authorization": "Basic a2V5OnNlY3JldA=="}
CONFIG = {
    "schema": "acme_export",
    "function_trigger": "https://a.example",
    "secrets_list": [{"key": "a", "value": "b"}],
}
NEW = {"group_id": "g", "service": "google_cloud_function", "paused": True, "config": CONFIG}
PACKAGE = {"schema": "acme_export", "package_id": "p", "python_version": "3.13"}


def create(**changes: Any) -> Call:
    """A request for a new connection; a change to None leaves a member out."""
    body = {key: value for key, value in {**NEW, **changes}.items() if value is not None}
    return Call("POST", "/v1/connections", {}, HEADERS, body)


RIGHT = [
    create(),
    create(sync_frequency=60),
    create(service="connector_sdk", config=PACKAGE),
    Call("PATCH", "/v1/connections/a", {}, HEADERS, {"paused": False}),
    Call("PATCH", "/v1/connections/a", {}, HEADERS, {"config": {"secrets_list": []}}),
    Call("GET", "/v1/groups/g/connections", {"": "schema=a&cursor=b"}, HEADERS, b""),
    Call("POST", "/v1/connections/a/test", {}, HEADERS, {}),
]
WRONG = [
    create(group_id=None),
    create(config={key: value for key, value in CONFIG.items() if key != "schema"}),
    create(config={**CONFIG, "secrets": {"a": "b"}}),
    create(config={**CONFIG, "package_id": "p"}),
    create(service="connector_sdk"),
    create(service="aws_lambda"),
    create(schedule_type="never"),
    create(sync_frequency=7),
    create(paused="yes"),
    create(pausd=True),
    Call("POST", "/v1/connections", {}, {"content-type": "application/json"}, NEW),
    Call("PATCH", "/v1/connections/a", {}, HEADERS, {"config": {"function_triger": "https://a.example"}}),
    Call("PATCH", "/v1/connections/a", {}, HEADERS, {"pausd": True}),
    Call("POST", "/v1/connections/a/test", {}, HEADERS, None),
    Call("POST", "/v1/connections/a/sink", {}, HEADERS, {}),
    Call("POST", "/v1/connector-sdk/packages", {}, HEADERS, {}),
]


@pytest.mark.parametrize("call", RIGHT)
def test_what_is_right_passes(description: Description, call: Call) -> None:
    """Of both services."""
    assert description.judge(call) is None


@pytest.mark.parametrize("call", WRONG)
def test_what_is_wrong_is_found(description: Description, call: Call) -> None:
    """Missing, misspelt, of another type or service, without the key."""
    assert description.judge(call)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {"code": "Success"}),
        (200, {"code": "Success", "data": {"id": "a"}}),
        (400, {"error": "no"}),
        (204, {"code": "Success", "data": {"state": {}}}),
    ],
)
def test_an_answer_that_fivetran_would_not_give_is_found(
    description: Description, status: int, body: Any
) -> None:
    """So that the fake teaches nobody something false."""
    answer = Answer(status, json.dumps(body).encode())
    assert description.judge(RIGHT[3], answer)


def test_each_patch_is_needed() -> None:
    """The file as the vendor has it refuses a right frequency, and lets a wrong configuration pass."""
    plain = Description.loaded(json.loads(FILE.read_text("utf-8")))
    assert plain.judge(create(sync_frequency=60))
    assert plain.judge(create(config={})) is None
    assert plain.judge(Call("PATCH", "/v1/connections/a", {}, HEADERS, {"config": 1})) is None
