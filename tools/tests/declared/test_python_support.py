from __future__ import annotations

from datetime import date

import pytest

from tools.locked.declared.python_support import SUPPORT
from tools.repository.limits import RUNTIMES


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        (date(2028, 10, 1), "supported until 2028-10-02"),
        (date(2028, 10, 2), "DEPRECATED since 2028-10-02, no deploys from 2029-04-02"),
        (date(2029, 4, 2), "DECOMMISSIONED since 2029-04-02: Google takes no deploys"),
    ],
)
def test_how_long_a_python_lasts_is_said_louder_as_it_ends(today: date, expected: str) -> None:
    """First its fixes end, then its deploys."""
    assert SUPPORT["python312"].shown(today) == expected


def test_every_python_that_can_be_deployed_has_its_days() -> None:
    """Or status couldn't tell."""
    assert {runtime for runtimes in RUNTIMES.values() for runtime in runtimes} <= set(SUPPORT)
