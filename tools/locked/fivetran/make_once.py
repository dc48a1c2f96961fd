"""Making something at Fivetran once, where a second request would make a second one.

An answer may be lost though the request was carried out. So before another try it is looked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tools.locked.fivetran.answers import ApiError, UnclearError
from tools.locked.fivetran.api import WAITS, FivetranApi, after_all_tries

Made = TypeVar("Made")


def make_once(api: FivetranApi, make: Callable[[], Made], found: Callable[[], Made | None]) -> Made:
    """What `make` makes; `found` finds it. UnclearError if nobody can say in the end whether it was made."""
    for wait in (*WAITS, None):
        try:
            return make()
        except UnclearError as error:
            if wait is None:
                raise after_all_tries(error, UnclearError) from error
            api.wait(wait, error)
            if (there := _looked_for(found)) is not None:
                return there
    raise AssertionError  # the last turn returns or raises


def _looked_for(found: Callable[[], Made | None]) -> Made | None:
    try:
        return found()
    except ApiError as error:
        raise UnclearError(str(error), error.status, error.said) from error
