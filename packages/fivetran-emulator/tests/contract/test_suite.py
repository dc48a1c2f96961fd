from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import requests

from fivetran_emulator.contract.check import NotRun, Violation, check
from fivetran_emulator.contract.checks import named
from fivetran_emulator.contract.lab.trial import InProcess, Platform
from fivetran_emulator.contract.subject import Exemption, PracticeSubject
from fivetran_emulator.contract.suite import contract_tests, run_check
from fivetran_emulator.errors import PracticeError
from fivetran_emulator.practice import Source
from fivetran_emulator.practice.serving import Practice

DAY = date(2026, 6, 1)


@check("C00", "an example")
def breaks(_subject: PracticeSubject) -> None:
    """It is broken."""
    raise Violation("a", expected="b", cause="c", reproduce=["d"])


@check("C00", "an example")
def holds(_subject: PracticeSubject) -> None:
    """It holds."""


@check("C00", "an example")
def idle(_subject: PracticeSubject) -> None:
    """It cannot run."""
    raise NotRun("there is nothing to change")


def subject(until: date | None = None) -> PracticeSubject:
    exempt = [Exemption("C00", "known since May", until)] if until else []
    return PracticeSubject(InProcess(print), Path(), exempt=exempt)  # these checks call nothing


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


@check("C00", "a first one")
def loses(_subject: PracticeSubject) -> None:
    """Rows arrive."""
    raise Violation("2 rows of t never arrived: [1], [2]", expected="rows", cause="one thing")


@check("C01", "a second one")
def loses_too(_subject: PracticeSubject) -> None:
    """Rows arrive another time."""
    raise Violation("17 rows of t never arrived: [3], [4] and 15 more", expected="rows", cause="another")


def test_one_cause_is_shown_once() -> None:
    """A second check that sees the same names the first one, and how to have its own text whole."""
    failing = subject()
    texts = []
    for which in (loses, loses_too, loses):
        with pytest.raises(pytest.fail.Exception) as failure:
            run_check(which, failing, lambda _name, _value: None, today=DAY)
        texts.append(str(failure.value))
    assert "seen:      2 rows of t" in texts[0]
    assert "17 rows" not in texts[1]
    assert "seen:      as C00 a first one shows\nlikely:    another\nwhole:     -k C01" in texts[1]
    assert texts[2] == texts[0]


def failing_source() -> Source:
    source = Source()
    items = source.rows("items", [{"id": 1}, {"id": 2}])
    source.route("/items")(lambda request: {"data": items.listed(), "of": {"all": 2}[request.args["of"]]})
    return source


def asking(of: str) -> Callable[[object], Any]:
    """A function by hand that asks for `of`, and brings whatever comes."""

    def main(request: Any) -> Any:
        body = request.get_json()
        answer = requests.get(f"{body['secrets']['url']}/items", params={"of": of} if of else {}, timeout=5)
        if answer.status_code != 200:
            return {"errorMessage": answer.json()["error"]}, 500
        rows = answer.json()["data"]
        return {
            "state": {},
            "insert": {"items": rows},
            "schema": {"items": {"primary_key": ["id"]}},
            "hasMore": False,
        }

    return main


@pytest.mark.parametrize(
    ("of", "said"),
    [
        ("open", r"first:     test_suite\.py:\d+ raised KeyError: 'open', asked for GET /items\?of=open\n"),
        ("", r"first:     test_suite\.py:\d+ needs the parameter 'of', which GET /items does not have"),
    ],
)
def test_what_the_practice_source_raised_is_said_first(of: str, said: str) -> None:
    """Before what was seen of it from outside: it is practice.py that has to be corrected; even where another check asked first."""
    failing = PracticeSubject(InProcess(asking(of)), lambda: Practice(failing_source(), {"url": "{url}"}))
    with pytest.raises(pytest.skip.Exception, match="see C09"):
        run_check(named("C01"), failing, lambda _name, _value: None, today=DAY)
    with pytest.raises(pytest.fail.Exception) as failure:
        run_check(named("C09"), failing, lambda _name, _value: None, today=DAY)
    assert re.search(rf"C09 the sync comes to an end\n{said}", str(failure.value))
    assert str(failure.value).count("first:") == 1


def test_words_of_a_failing_practice_source_are_no_secrets() -> None:
    """The message that quotes them would be taken for one that gives part of "practice-token" away."""
    secrets = {"url": "{url}", "token": "practice-token"}
    failing = PracticeSubject(InProcess(asking("open")), lambda: Practice(failing_source(), secrets))
    with pytest.raises(pytest.skip.Exception, match=r"practice\.py itself fails: test_suite\.py:\d+ raised"):
        run_check(named("C48"), failing, lambda _name, _value: None, today=DAY)


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


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"main": "main"}, "main is 'main', not a function"),
        ({"blocking": "x"}, 'it is "all" or "protocol"'),
        ({"keeps_deleted": "items"}, "keeps_deleted is 'items'; it is a dict"),
        ({"exempt": [Exemption("C21", "why", "2030-01-01")]}, "it is a datetime.date"),  # type: ignore[arg-type]
        ({"exempt": [Exemption("C21", "why", DAY)] * 2}, "a check has two exemptions"),
    ],
)
def test_arguments_that_make_no_sense_are_reported_at_once(arguments: dict[str, Any], said: str) -> None:
    """Not in a traceback of the one check that meets them."""
    with pytest.raises((TypeError, ValueError), match=re.escape(said)):
        contract_tests(**{"main": print, "practice": Path("practice.py"), **arguments})


@check("C09", "an example")
def unloadable(_subject: PracticeSubject) -> None:
    """Its practice source is broken."""
    raise PracticeError("practice.py:3: SyntaxError: invalid syntax")


def test_a_practice_source_that_cannot_be_loaded_fails_one_check() -> None:
    """C09, with the one line that matters; the others are not run for the same reason."""
    with pytest.raises(
        pytest.fail.Exception, match=r"C09 an example\npractice\.py:3: SyntaxError"
    ) as failure:
        run(unloadable)
    assert failure.value.pytrace is False
    with pytest.raises(pytest.skip.Exception, match=r"practice\.py:3"):
        run(replace(unloadable, id="C21"))


def test_a_check_without_a_meaning_on_a_platform_is_not_run_and_says_why() -> None:
    """A connector is green on a host without a deadline for what it keeps, and the rest is listed."""
    noted: list[tuple[str, object]] = []
    there = subject()
    there.function = elsewhere = InProcess(print)
    elsewhere.platform = Platform(without={"C00": "there is no deadline"})
    with pytest.raises(pytest.skip.Exception):
        run_check(breaks, there, lambda name, value: noted.append((name, value)), today=DAY)
    assert noted == [("contract-not-run", "C00 an example: there is no deadline")]


def test_a_check_that_cannot_run_is_not_passed() -> None:
    """It is skipped, with the reason."""
    with pytest.raises(pytest.skip.Exception, match="nothing to change"):
        run(idle)
