"""What the SDK asks for before a sync: the tables with their types, the form of the secrets, and the setup test.

Setup form and test are in beta (October 2026); without a form there is no setup test:
https://fivetran.com/docs/connector-sdk/building-connectors/connector-sdk-setup-form.
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from fivetran_runtime._sync.session import Served
from fivetran_runtime.config import Config, Secret, default_of, described_type, metas_of, parts_of
from fivetran_runtime.errors import DeclarationError
from fivetran_runtime.tables import Table

MAX_KEYS = 100
"""Keys that a configuration may have; https://fivetran.com/docs/connector-sdk, "Configuration"."""

_TYPES = {
    "boolean": "BOOLEAN",
    "long": "LONG",
    "double": "DOUBLE",
    "string": "STRING",
    "json": "JSON",
    "date": "NAIVE_DATE",
    "datetime": "NAIVE_DATETIME",
    "timestamp": "UTC_DATETIME",
}


def schema_of(tables: Iterable[Table]) -> list[dict[str, Any]]:
    """Keys and declared types, as `schema()` gives them; columns that declare none get the type of their values."""
    found = []
    for table in tables:
        declared = table.column_types
        for name, key in table.keys.items():
            columns = {column: _type(kind) for column, kind in declared.get(name, {}).items()}
            found.append(
                {"table": name, "primary_key": list(key), **({"columns": columns} if columns else {})}
            )
    return found


def _type(kind: str) -> str | dict[str, Any]:
    if kind in _TYPES:
        return _TYPES[kind]
    from fivetran_runtime._column_types import decimal_digits  # noqa: PLC0415 - most connectors declare none

    precision, scale = decimal_digits(kind) or (0, 0)
    return {"type": "DECIMAL", "precision": precision, "scale": scale}


def form_of(app: Served, check: Callable[[dict[str, str]], str | None]) -> Callable[[], Any]:
    """The function `configuration_form()` of a connector with typed secrets; `check` says what is wrong, or None.

    Raises:
        DeclarationError: there are more keys than the SDK takes.
    """
    kind = app.config or Config
    fields = msgspec.structs.fields(kind)
    if len(fields) > MAX_KEYS:
        message = f"{kind.__name__} has {len(fields)} keys; the Connector SDK takes {MAX_KEYS}."
        raise DeclarationError(message, hint="Put some of them into one, as an object.")

    def configuration_form() -> Any:
        from fivetran_connector_sdk import ConfigurationForm, Test  # noqa: PLC0415 - only there where the SDK runs

        def can_be_read(configuration: dict[str, str]) -> Any:
            problem = check(configuration)
            return Test().success() if problem is None else Test().failure(problem)

        form = ConfigurationForm()
        for field in fields:
            form.add_field(_field(field))
        form.add_test(label="The source can be read with these secrets", func=can_be_read)
        return form

    return configuration_form


def _field(field: msgspec.structs.FieldInfo) -> Any:
    from fivetran_connector_sdk import form_field  # noqa: PLC0415 - only there where the SDK runs

    name, parts = field.encode_name, _types_in(field)
    options = {"description": _description(field), "required": field.required}
    if parts == [bool]:
        return form_field.ToggleField(name, name, **options)
    if choices := [choice for part in parts for choice in _choices(part)]:
        values = [form_field.DropdownFieldParam(value=choice) for choice in choices]
        return form_field.DropdownField(name, name, fields=values, **options)
    if Secret in parts:
        return form_field.TextField(name, name, form_field.TextField.password, **options)
    return form_field.TextField(
        name, name, form_field.TextField.plain_text, placeholder=_example(field), **options
    )


def _types_in(field: msgspec.structs.FieldInfo) -> list[Any]:
    """What may be typed in."""
    return [part for part in parts_of(field.type) if part is not types.NoneType]


def _choices(part: Any) -> tuple[Any, ...]:
    return typing.get_args(part) if typing.get_origin(part) is typing.Literal else ()


def _description(field: msgspec.structs.FieldInfo) -> str:
    """What is said of a key, what it takes, and what holds where it is left empty."""
    said = [meta.description for meta in metas_of(field.type) if meta.description]
    takes = [] if _types_in(field) in ([str], [Secret]) else [f"It takes {described_type(field.type)}."]
    default = None if field.required else msgspec.to_builtins(default_of(field), enc_hook=str)
    left = [] if default in (None, "", [], {}) else [f"Left empty: {_text(default)}."]
    return " ".join([*said, *takes, *left])


def _example(field: msgspec.structs.FieldInfo) -> str | None:
    """What may be typed in, as text."""
    for meta in metas_of(field.type):
        if meta.examples:
            return _text(meta.examples[0])
    return None


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
