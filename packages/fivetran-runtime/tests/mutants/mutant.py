"""What a mutant is, and how its fault is put into the runtime of this process."""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HISTORIES = "histories"
BROKEN = 70
"""The exit status of a process whose fault is wrong itself: that it fails proves nothing."""

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Mutant:
    """A fault.

    Attributes:
        promise: what it breaks, in a sentence.
        where: the dotted name in the runtime that it patches.
        fault: makes of what stands there what stands there instead.
        found_by: `HISTORIES`, or the test that has to fail, as "http/test_pagination.py::test_a_name_may_hold_dots".
    """

    promise: str
    where: str
    fault: Callable[[Any], Any]
    found_by: str = HISTORIES

    def place(self) -> tuple[Any, str]:
        """The module or class that is patched, and the name in it.

        Raises:
            AttributeError: there is no such name.
        """
        owner, name = _owner(self.where)
        if not hasattr(owner, name):
            raise AttributeError(f"{self.where} does not exist: the mutant {self.promise!r} patches nothing")
        return owner, name

    def apply(self) -> None:
        """Put the fault into this process.

        Raises:
            AttributeError: there is no such name.
        """
        owner, name = self.place()
        fault = self.fault(inspect.getattr_static(owner, name))
        setattr(owner, name, _guarded(fault) if isinstance(fault, types.FunctionType) else fault)


def _owner(where: str) -> tuple[Any, str]:
    """The module or class that holds a dotted name, and the name's last part."""
    path, _, name = where.rpartition(".")
    try:
        return importlib.import_module(path), name
    except ModuleNotFoundError:
        module, _, class_name = path.rpartition(".")
        return getattr(importlib.import_module(module), class_name), name


def _guarded(fault: Callable[..., Any]) -> Callable[..., Any]:
    """The fault, which ends the process when it cannot run: it must break a promise, and nothing else."""

    @functools.wraps(fault)
    def run(*arguments: Any, **named: Any) -> Any:
        try:
            return fault(*arguments, **named)
        except (TypeError, AttributeError, NameError) as error:
            if _is_from_here(error):
                print(f"the fault itself is wrong: {error!r}", file=sys.__stderr__, flush=True)
                os._exit(BROKEN)
            raise

    return run


def _is_from_here(error: BaseException) -> bool:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and Path(trace.tb_frame.f_code.co_filename).parent == _HERE
