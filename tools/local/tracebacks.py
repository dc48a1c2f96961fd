"""A traceback in a server's log, in one sentence: the line of a connector's own code, and the exception.

What lies above that line is Python's, the host's and ours, and no matter of whoever has just saved a file.
"""

from __future__ import annotations

import re
from pathlib import Path

_BEGUN = "Traceback (most recent call last):"
_FRAME = re.compile(r'^\s*File "(?P<file>[^"]+)", line (?P<line>\d+)', re.MULTILINE)
_RAISED = re.compile(r"^(?P<error>[A-Za-z_][\w.]*)(?P<text>: .*)?$", re.MULTILINE)
_MISSING = re.compile(r"ModuleNotFoundError: No module named ")


def sentence(log: str, code: Path) -> str | None:
    """`connectors/acme/src/connector_acme/__init__.py:7: NameError: ...`, for the last traceback of a log.

    None where there is none that leads through the folder `code`, a project's.
    """
    _, begun, traceback = log.rpartition(_BEGUN)
    own = [found for found in _FRAME.finditer(traceback) if Path(found["file"]).is_relative_to(code)]
    raised = _RAISED.search(traceback, own[-1].end()) if begun and own else None
    if raised is None:
        return None
    file = Path(own[-1]["file"]).relative_to(code.parents[1])
    missing = _MISSING.match(raised[0])
    said = f"{file}:{own[-1]['line']}: {raised[0]}"
    if missing is None:
        return said
    where = f"the dependencies of {'/'.join(file.parts[:2])}/pyproject.toml"
    return f"{said}\nA package is installed from {where}: add it there, then nox -s lock -- {code.name}"
