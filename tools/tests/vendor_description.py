"""Fivetran's own description of its API, by which every request of ours and every answer of the fake is judged.

vendor_description.json is the vendor's, cut to what is asked here (Apache-2.0; its `info` says where it is from). What
strict validation stumbles over is patched here, each slip with its reason, so that the file can be taken again as it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from openapi_core import OpenAPI

    from tools.locked.rehearsal.exchanges import Answer, Call

FILE = Path(__file__).with_name("vendor_description.json")
HOSTS = ("google_cloud_function", "connector_sdk")
Json = dict[str, Any]


def patched() -> Json:
    """The description without its slips."""
    document: Json = json.loads(FILE.read_text("utf-8"))
    schemas = document["components"]["schemas"]
    _patch_sync_frequency(schemas)
    _patch_services(schemas)
    _patch_listed_config(schemas)
    _patch_changed_config(schemas)
    _patch_files(document["paths"])
    return document


def _patch_sync_frequency(schemas: Json) -> None:
    """An integer whose enum holds texts, so that no value fits: the enum's texts are the numbers meant."""
    for name in ("NewConnectorRequestV1", "UpdateConnectorRequest", "ConnectorResponseV1"):
        frequency = schemas[name]["properties"]["sync_frequency"]
        frequency["enum"] = [int(minutes) for minutes in frequency["enum"]]


def _patch_services(schemas: Json) -> None:
    """`config` hangs on a discriminator without `oneOf`, so nothing checks it: each service becomes one whole schema.

    It is closed, too: the vendor's is open, and a misspelt key would pass.
    """
    for base, kind in (("NewConnectorRequestV1", "New"), ("ConnectorResponseV1", "Response")):
        del schemas[base]["discriminator"]
        whole = [_whole(schemas, base, service, kind) for service in HOSTS]
        schemas[base] = {"oneOf": whole}


def _whole(schemas: Json, base: str, service: str, kind: str) -> Json:
    of_service = f"{service}_NewConnectorRequestV1" if kind == "New" else f"{service}_ConnectorResponseV1"
    parts = [schemas[part["$ref"].rpartition("/")[2]] for part in schemas[of_service]["allOf"]]
    config: Json = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
    for part in parts[1:]:
        config["properties"] |= part["properties"]["config"]["properties"]
        config["required"] += part["properties"]["config"].get("required", [])
    if kind == "Response":
        config["properties"]["schema"] = {"type": "string"}
    config = {key: value for key, value in config.items() if value != []}
    properties = {**schemas[base]["properties"], "service": {"enum": [service]}, "config": config}
    return {
        "type": "object",
        "properties": properties,
        "required": [*schemas[base]["required"], "config"],
        "additionalProperties": False,
    }


def _patch_listed_config(schemas: Json) -> None:
    """In lists, `config` is described as objects by key; its values are texts and lists."""
    schemas["ConnectorResponse"]["properties"]["config"] = {"type": "object"}


def _patch_changed_config(schemas: Json) -> None:
    """A change's `config` has no type: it is a part of either service's."""
    configs = [schemas[f"{service}_config_V1"]["properties"]["config"] for service in HOSTS]
    schemas["UpdateConnectorRequest"]["properties"]["config"] = {
        "anyOf": [{**config, "additionalProperties": False} for config in configs]
    }
    schemas["UpdateConnectorRequest"]["additionalProperties"] = False


def _patch_files(paths: Json) -> None:
    """A package is described as an object in its form, and as JSON where it is downloaded; it is a file."""
    for path in ("/v1/connector-sdk/packages", "/v1/connector-sdk/packages/{package_id}"):
        for method in ("post", "patch"):
            if method in paths[path]:
                form = paths[path][method]["requestBody"]["content"]["multipart/form-data"]["schema"]
                form["properties"]["file"] = {"type": "string", "format": "binary"}
    download = paths["/v1/connector-sdk/packages/{package_id}/download"]["get"]["responses"]["200"]
    download["content"] = {"application/zip": {"schema": {"type": "string", "format": "binary"}}}


@dataclass(frozen=True)
class Description:
    """The patched description, ready to judge."""

    api: OpenAPI

    @classmethod
    def loaded(cls, document: Json | None = None) -> Description:
        """Takes a second or two: once a session."""
        from openapi_core import OpenAPI

        return cls(OpenAPI.from_dict(document or patched()))

    def judge(self, call: Call, answer: Answer | None = None) -> str | None:
        """What is wrong with a request, or with an answer to it; None if nothing is.

        Answers of errors are not described beyond their status; `code` and `message` are what every one has.
        """
        from openapi_core.exceptions import OpenAPIError

        request = _request(call)
        try:
            if answer is None:
                self.api.validate_request(request)
            elif answer.status >= 400:
                return (
                    None
                    if {"code", "message"} <= json.loads(answer.body).keys()
                    else "an error without code and message"
                )
            else:
                self.api.validate_response(request, _response(answer))
        except OpenAPIError as error:
            return f"{call.method} {call.path}: {error!r} {error.__cause__!r}"
        return None


def _request(call: Call) -> Any:
    from openapi_core.testing import MockRequest

    body = call.body if isinstance(call.body, bytes) else json.dumps(call.body).encode()
    args: Mapping[str, Any] = {key: value[-1] for key, value in parse_qs(call.query.get("", "")).items()}
    kind = call.headers.get("content-type", "application/json")
    return MockRequest(
        "https://api.fivetran.com", call.method.lower(), call.path, args=dict(args), headers=dict(call.headers),
        data=body if call.method != "GET" else None, content_type=kind,
    )  # fmt: skip


def _response(answer: Answer) -> Any:
    from openapi_core.testing import MockResponse

    return MockResponse(answer.body, answer.status, content_type=answer.headers["Content-Type"])
