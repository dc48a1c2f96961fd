"""deploy.yaml's schema for editors: completion, meanings under the cursor, and most mistakes underlined while typing.

It names no connector and no environment, so it changes only with the options themselves: what exists is found by
`nox -s check`, which also finds what JSON Schema can't say.
"""

from __future__ import annotations

import json
from typing import Any

from tools.locked.declared.deployment_options import (
    DEFAULT_GENERATION,
    DEFAULT_HOST,
    ENV,
    ENV_MEANING,
    HOSTS,
    KEY,
    ONLY_OF_FUNCTIONS,
    ONLY_OF_SDK,
    OPTIONS,
    REQUIRED,
    RESERVED,
    VARIABLE,
    VARIABLE_VALUE,
)
from tools.repository import generated
from tools.repository.errors import StaleError, run_as_command
from tools.repository.generated import write_or_check
from tools.repository.model import Repository

FILE = "tools/deploy.schema.json"
COMMAND = "nox -s update"
DRAFT = "http://json-schema.org/draft-07/schema#"
"""What the editors' YAML language server reads best."""


def schema() -> dict[str, Any]:
    """The schema as data."""
    return {
        "$schema": DRAFT,
        "$comment": f"Made by `{COMMAND}` from tools/locked/declared/deployment_options.py; don't edit.",
        "title": "deploy.yaml",
        "description": "What runs where: one group a Cloud Function, or a package of Fivetran's Connector SDK.",
        "type": ["object", "null"],
        "propertyNames": _bare(KEY.schema),
        "additionalProperties": _group(),
    }


def render() -> str:
    """The file's text."""
    return json.dumps(schema(), indent=2) + "\n"


def stale(repository: Repository) -> StaleError | None:
    """That the committed file isn't what the options give; None if it is."""
    return generated.stale(repository, FILE, lambda _repository: render(), COMMAND)


def _group() -> dict[str, Any]:
    properties = {
        key: {"description": option.meaning, **(option.rules[1].schema if option.is_the_same else {})}
        for key, option in OPTIONS.items()
    }
    return {
        "type": "object",
        "required": list(REQUIRED),
        "additionalProperties": False,
        "properties": {**properties, ENV: _env()},
        "allOf": [
            {
                "if": _says("generation", 3 - DEFAULT_GENERATION),
                "then": _of_generation(3 - DEFAULT_GENERATION),
                "else": _of_generation(DEFAULT_GENERATION),
            },
            {
                "if": _says("host", next(host for host in HOSTS if host != DEFAULT_HOST)),
                "then": {"properties": dict.fromkeys(ONLY_OF_FUNCTIONS, False)},
                "else": {"properties": dict.fromkeys(ONLY_OF_SDK, False)},
            },
        ],
    }


def _says(key: str, value: str | int) -> dict[str, Any]:
    """Whether a group has the option with this value."""
    return {"required": [key], "properties": {key: {"const": value}}}


def _of_generation(which: int) -> dict[str, Any]:
    different = {key: option for key, option in OPTIONS.items() if not option.is_the_same}
    return {"properties": {key: option.rules[which].schema for key, option in different.items()}}


def _env() -> dict[str, Any]:
    return {
        "description": ENV_MEANING,
        "type": "object",
        "propertyNames": {**_bare(VARIABLE.schema), "not": {"pattern": f"^({RESERVED})$"}},
        "additionalProperties": VARIABLE_VALUE.schema,
    }


def _bare(of_text: dict[str, Any]) -> dict[str, Any]:
    """A rule for names, which are text anyway."""
    return {key: value for key, value in of_text.items() if key != "type"}


def main(arguments: list[str]) -> int:
    """Write the file, or with `--check` say whether it is current."""
    return write_or_check(
        arguments,
        module="tools.locked.declared.schema",
        file=FILE,
        text=lambda _repository: render(),
        problem=stale,
    )


if __name__ == "__main__":
    run_as_command(main)
