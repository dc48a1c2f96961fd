"""Conditions: of `when` and `unless`, and of a workflow job's `filters`.

Logic mappings (`and`, `or`, `not`, `equal`, `matches`) in full; of expressions the comparison of one pipeline value with
one text, which is all that we render. Another one is reported, never guessed.
https://circleci.com/docs/reference/configuration-reference/#logic-statements
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tools.locked.ci.compiler.placeholders import Report

COMPARISON = re.compile(r'\s*(pipeline\.[\w.]+)\s*(==|!=)\s*"([^"]*)"\s*')


def holds(condition: Any, scope: Mapping[str, Any], where: str, report: Report) -> bool:
    """Whether a condition holds; its placeholders have been filled in."""
    if isinstance(condition, str) and condition.startswith("pipeline."):
        return _expression(condition, scope, where, report)
    if not isinstance(condition, Mapping):
        return bool(condition)
    if len(condition) != 1:
        report(f"{where}: a condition has one operator, not {len(condition)}")
        return False
    [(operator, given)] = condition.items()
    return _logic(operator, given, scope, where, report)


def _logic(operator: str, given: Any, scope: Mapping[str, Any], where: str, report: Report) -> bool:
    match operator:
        case "and":
            return False not in [holds(one, scope, where, report) for one in given]
        case "or":
            return True in [holds(one, scope, where, report) for one in given]
        case "not":
            return not holds(given, scope, where, report)
        case "equal":
            return all(one == given[0] for one in given)
        case "matches":
            return bool(re.fullmatch(str(given["pattern"]), str(given["value"])))
        case _:
            report(f"{where}: {operator} is no operator of conditions")
            return False


def _expression(text: str, scope: Mapping[str, Any], where: str, report: Report) -> bool:
    found = COMPARISON.fullmatch(text)
    if found is None:
        report(f"{where}: `{text}` isn't a comparison that is understood here")
        return False
    name, operator, value = found.groups()
    if name not in scope:
        report(f"{where}: {name} is no pipeline value")
        return False
    return (scope[name] == value) is (operator == "==")
