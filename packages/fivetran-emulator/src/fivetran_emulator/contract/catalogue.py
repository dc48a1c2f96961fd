"""All checks, in the order of their ids."""

from __future__ import annotations

from fivetran_emulator.contract.check import Check
from fivetran_emulator.contract.checks import (
    budgets,
    cursor,
    data,
    deletes,
    expiring,
    failing_parts,
    histories,
    http,
    protocol,
    releases,
    repeated_pages,
    resume,
    security,
    short_lists,
    state,
    unlikely_deletes,
    values,
    wrong_keys,
)

__all__ = ["CATALOGUE", "named"]

CATALOGUE: tuple[Check, ...] = tuple(
    sorted(
        (
            check
            for module in (
                protocol,
                budgets,
                resume,
                cursor,
                state,
                data,
                deletes,
                expiring,
                failing_parts,
                http,
                repeated_pages,
                security,
                releases,
                histories,
                short_lists,
                unlikely_deletes,
                values,
                wrong_keys,
            )
            for check in module.CHECKS
        ),
        key=lambda check: check.id,
    )
)


def named(id_: str) -> Check:
    """The check with an id. Raises KeyError for an unknown one, with those that exist."""
    for check in CATALOGUE:
        if check.id == id_:
            return check
    raise KeyError(f"there is no check {id_}; there are {', '.join(check.id for check in CATALOGUE)}")
