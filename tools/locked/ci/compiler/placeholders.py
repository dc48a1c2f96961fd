r"""CircleCI's `<< name >>` in strings: what it stands for, and what isn't one.

https://circleci.com/docs/reference/reusing-config/: a string that is nothing but one keeps the value's type; a `<<`
that isn't one, such as a shell's here-document, is written `\<<`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Report = Callable[[str], None]
"""Takes a problem, as a sentence."""

PLACEHOLDER = re.compile(r"(?<!\\)<<\s*([^<>]*?)\s*>>")
LOOSE = re.compile(r"(?<!\\)<<")
ESCAPED = "\\<<"


def filled(value: Any, scope: Mapping[str, Any], where: str, report: Report) -> Any:
    """`value` with the names of `scope` put in, however deep they stand; reports names that aren't there."""
    if isinstance(value, str):
        return _filled_text(value, scope, where, report)
    if isinstance(value, Mapping):
        return {key: filled(inner, scope, where, report) for key, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, scope, where, report) for inner in value]
    return value


def _filled_text(text: str, scope: Mapping[str, Any], where: str, report: Report) -> Any:
    if "<<" not in text:
        return text
    if LOOSE.search(PLACEHOLDER.sub("", text)):
        report(rf"{where}: a `<<` that isn't a parameter must be written `\<<`")
    for name in PLACEHOLDER.findall(text):
        if name not in scope:
            report(f"{where}: << {name} >> isn't declared")
    if whole := PLACEHOLDER.fullmatch(text):
        return scope.get(whole[1], "")
    return PLACEHOLDER.sub(lambda found: _as_text(scope.get(found[1], "")), text).replace(ESCAPED, "<<")


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
