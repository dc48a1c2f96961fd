"""Everything that can be said here against a configuration: as YAML, by CircleCI's schema, and as CircleCI compiles it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from check_jsonschema.builtin_schemas import get_builtin_schema  # type: ignore[import-untyped]
from jsonschema import Draft7Validator
from jsonschema.exceptions import best_match

from tools.locked.ci.compiler.compiling import compiled, idle_jobs
from tools.locked.ci.yaml_text import loaded
from tools.repository.errors import RepositoryError


def problems(text: str, where: str, *, whole: bool = True) -> Iterator[str]:
    """What is wrong with a configuration, as sentences. One that isn't `whole` may hold jobs that nothing calls."""
    try:
        config = loaded(text, where)
    except RepositoryError as error:
        yield str(error)
        return
    wrong = list(schema_problems(config))
    yield from wrong
    if not wrong:  # a shape that the schema refuses can't be compiled
        yield from compiled(config).problems
        yield from idle_jobs(config) if whole else ()


def schema_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """What CircleCI's published schema, as check-jsonschema carries it, refuses: sentences with the place in the file."""
    for error in _validator().iter_errors(config):
        closest = best_match([error])
        place = " > ".join(map(str, closest.absolute_path)) or "the whole file"
        yield f"CircleCI's schema refuses it at {place}: {closest.message[:300]}"


@cache
def _validator() -> Draft7Validator:
    return Draft7Validator(get_builtin_schema("vendor.circle-ci"))
