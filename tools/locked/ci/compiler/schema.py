"""CircleCI's published schema, as check-jsonschema carries it: no network needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from check_jsonschema.builtin_schemas import get_builtin_schema  # type: ignore[import-untyped]
from jsonschema import Draft7Validator
from jsonschema.exceptions import best_match


def schema_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """What the schema refuses, as sentences with the place in the file."""
    for error in _validator().iter_errors(config):
        closest = best_match([error])
        place = " > ".join(map(str, closest.absolute_path)) or "the whole file"
        yield f"CircleCI's schema refuses it at {place}: {closest.message[:300]}"


@cache
def _validator() -> Draft7Validator:
    return Draft7Validator(get_builtin_schema("vendor.circle-ci"))
