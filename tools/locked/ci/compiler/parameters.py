"""Parameters of commands, jobs, executors and pipelines: what is declared, what is given, and whether it fits.

https://circleci.com/docs/reference/reusing-config/#parameter-types
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from tools.locked.ci.compiler.placeholders import Report

TYPES = ("string", "boolean", "integer", "enum", "executor", "steps", "env_var_name")
PIPELINE_TYPES = TYPES[:4]
NAME = re.compile(r"[a-z][a-z0-9_-]*", re.IGNORECASE)
SAMPLES: Mapping[str, Any] = {"boolean": True, "integer": 1, "steps": [], "env_var_name": "NAME"}


def check_declared(
    where: str, declared: Mapping[str, Any], report: Report, types: tuple[str, ...] = TYPES
) -> None:
    """Report types that don't exist, enums of nothing, and defaults that don't fit."""
    for name, kind in declared.items():
        if not NAME.fullmatch(name):
            report(f"{where}: {name} can't be a parameter's name")
        if kind.get("type") not in types:
            report(
                f"{where}: parameter {name} is of type {kind.get('type')}, which isn't one of {', '.join(types)}"
            )
        elif kind["type"] == "enum" and not kind.get("enum"):
            report(f"{where}: parameter {name} is an enum of nothing")
        elif "default" in kind and not _fits(kind, kind["default"]):
            report(f"{where}: parameter {name}: {_misfit(kind, kind['default'])}")


def bound(
    where: str, declared: Mapping[str, Any], given: Mapping[str, Any], report: Report
) -> dict[str, Any]:
    """The parameters' values, defaults where nothing is given; reports what is unknown, missing or of another type."""
    for name in given:
        if name not in declared:
            nearest = get_close_matches(name, declared, n=1)
            report(f"{where}: there is no parameter {name}" + (f"; {nearest[0]}?" if nearest else ""))
    values = {}
    for name, kind in declared.items():
        if name not in given and "default" not in kind:
            report(f"{where}: parameter {name} is missing")
        values[name] = given.get(name, kind.get("default", sample(kind)))
        if name in given and not _fits(kind, given[name]):
            report(f"{where}: parameter {name}: {_misfit(kind, given[name])}")
    return values


def sample(kind: Mapping[str, Any]) -> Any:
    """Some value of a type, to look into what nobody calls."""
    if kind.get("type") == "enum":
        return next(iter(kind.get("enum") or ["x"]))
    return SAMPLES.get(str(kind.get("type")), "x")


def scope_of(values: Mapping[str, Any], outer: Mapping[str, Any]) -> dict[str, Any]:
    """The names that placeholders may use where these parameters are: them, and the pipeline's."""
    pipeline = {name: value for name, value in outer.items() if name.startswith("pipeline.")}
    return {**pipeline, **{f"parameters.{name}": value for name, value in values.items()}}


def _fits(kind: Mapping[str, Any], value: Any) -> bool:
    match kind.get("type"):
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "enum":
            return value in kind.get("enum", ())
        case "steps":
            return isinstance(value, list)
        case "env_var_name":
            return isinstance(value, str) and bool(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value))
        case "executor":
            return isinstance(value, str) or (isinstance(value, dict) and "name" in value)
        case _:
            return True


def _misfit(kind: Mapping[str, Any], value: Any) -> str:
    if kind.get("type") == "enum":
        return f"{value!r} is none of {', '.join(map(str, kind['enum']))}"
    return f"{value!r} isn't of type {kind.get('type')}"
