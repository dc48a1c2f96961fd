from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from fivetran_emulator.contract.check import check
from fivetran_emulator.contract.subject import Exemption, Subject
from fivetran_emulator.contract.suite import run_check
from fivetran_emulator.contract.violation import NotRun, Violation

DAY = date(2026, 6, 1)


@check("C00", "an example")
def breaks(_subject: Subject) -> None:
    """It is broken."""
    raise Violation("a", expected="b", cause="c", reproduce=["d"])


@check("C00", "an example")
def holds(_subject: Subject) -> None:
    """It holds."""


@check("C00", "an example")
def idle(_subject: Subject) -> None:
    """It cannot run."""
    raise NotRun("there is nothing to change")


def subject(until: date | None = None) -> Subject:
    exempt = [Exemption("C00", "known since May", until)] if until else []
    return Subject(None, Path(), exempt=exempt)  # type: ignore[arg-type]  # these checks call nothing


def run(which: object, until: date | None = None) -> list[tuple[str, object]]:
    noted: list[tuple[str, object]] = []
    run_check(which, subject(until), lambda name, value: noted.append((name, value)), today=DAY)  # type: ignore[arg-type]
    return noted


def test_a_violation_says_what_to_do() -> None:
    """Seen, expected, likely cause, and how to see it again; no traceback of the suite's."""
    with pytest.raises(
        pytest.fail.Exception, match=r"(?s)C00 an example.*promise.*seen.*expected.*likely.*reproduce"
    ) as failure:
        run(breaks)
    assert failure.value.pytrace is False


def test_an_exemption_holds_until_its_last_day() -> None:
    """Then it fails again, saying that the exemption is over."""
    with pytest.raises(pytest.xfail.Exception, match="known since May"):
        run(breaks, DAY)
    with pytest.raises(pytest.fail.Exception, match="which is over"):
        run(breaks, date(2026, 5, 31))


def test_an_exemption_that_is_not_needed_fails() -> None:
    """Or it would hide the next fault of that kind."""
    assert run(holds) == []
    with pytest.raises(pytest.fail.Exception, match="take its exemption away"):
        run(holds, DAY)


def test_a_check_that_cannot_run_is_not_passed() -> None:
    """It is skipped, with the reason."""
    with pytest.raises(pytest.skip.Exception, match="nothing to change"):
        run(idle)
