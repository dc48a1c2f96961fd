"""All checks, in the order of their ids: those in `CHECKS` of any module of this folder, which holds nothing else."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from fivetran_emulator.contract.check import Check

__all__ = ["CATALOGUE", "named"]


def _all_checks() -> tuple[Check, ...]:
    modules = [import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__)]
    declared: list[Check] = [one for module in modules for one in module.CHECKS]
    return tuple(sorted(declared, key=lambda check: check.id))


CATALOGUE = _all_checks()


def named(id_: str) -> Check:
    """The check with an id. Raises KeyError for an unknown one, with those that exist."""
    for check in CATALOGUE:
        if check.id == id_:
            return check
    raise KeyError(f"there is no check {id_}; there are {', '.join(check.id for check in CATALOGUE)}")
