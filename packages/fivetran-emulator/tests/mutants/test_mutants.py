from __future__ import annotations

import pytest
from mutants.kinds import MUTANTS, EndlessInACall, LocalTimes, Mutant
from mutants.matrix import outcome, subject_of
from mutants.oauth import OAuth
from mutants.reference import Reference
from mutants.small import SMALL
from mutants.wide import Wide

from fivetran_emulator.contract.check import Check
from fivetran_emulator.contract.checks import CATALOGUE, named
from fivetran_emulator.contract.checks.pages import Positions
from fivetran_emulator.contract.subject import PracticeSubject


@pytest.fixture(scope="module")
def reference() -> PracticeSubject:
    return subject_of(Reference)


@pytest.mark.parametrize("mutant", MUTANTS, ids=[f"{one.kills} {one.__name__}" for one in MUTANTS])
def test_each_fault_is_caught_by_the_check_made_for_it(mutant: type[Mutant]) -> None:
    """And what the check says can be acted on: seen, expected, the likely cause."""
    result, reported = outcome(named(mutant.kills), subject_of(mutant))
    assert result == "violation", reported
    assert all(part in reported for part in ("seen:", "expected:", "likely:"))


@pytest.mark.parametrize("check", CATALOGUE, ids=[check.name for check in CATALOGUE])
def test_a_correct_connector_without_the_runtime_keeps_every_promise(
    check: Check, reference: PracticeSubject
) -> None:
    """None is left out as not run, either."""
    assert outcome(check, reference) == ("holds", "")


@pytest.fixture(scope="module")
def wide() -> PracticeSubject:
    return subject_of(Wide)


@pytest.mark.parametrize("id_", ["C23", "C24", "C33", "C42", "C44", "C45", "C46", "C53"])
def test_no_shape_of_a_connector_is_a_fault(id_: str, wide: PracticeSubject) -> None:
    """Many readings, lists of one path, a request for each row, a shared first request, rows that look alike.

    These checks once took one of them for a fault; `nox -s mutants` puts the connector to all.
    """
    assert outcome(named(id_), wide) == ("holds", "")


@pytest.mark.parametrize("id_", ["C13", "C31", "C44", "C45", "C47", "C48", "C49", "C60"])
def test_an_access_token_of_each_call_is_no_fault(id_: str, oauth: PracticeSubject) -> None:
    """It is in no state and no log, and one more request in each call."""
    assert outcome(named(id_), oauth) == ("holds", "")


@pytest.mark.parametrize("kind", SMALL, ids=[kind.__name__ for kind in SMALL])
def test_few_rows_a_single_page_and_children_that_went_with_their_parent_are_no_fault(
    kind: type[Reference],
) -> None:
    """Where half of the rows are less than a page and the state take, the rows are copied, and the pages made smaller."""
    subject = subject_of(kind)
    for id_ in ("C14", "C16", "C17", "C18", "C29"):
        assert outcome(named(id_), subject) == ("holds", ""), id_
    assert outcome(named("C52"), subject)[0] != "violation"


def test_a_time_that_is_declared_to_have_no_zone_is_no_fault() -> None:
    """The source does not say which; that the column is a datetime is then all there is to say."""
    for id_ in ("C37", "C63"):
        assert outcome(named(id_), subject_of(LocalTimes)) == ("holds", ""), id_


@pytest.fixture(scope="module")
def oauth() -> PracticeSubject:
    return subject_of(OAuth)


def test_the_key_of_a_parent_is_no_position_that_expires() -> None:
    """Every list of a path begins with it; what comes beside it may be a token all the same."""
    listed = {"/lists": frozenset({"a.example", "b.example"}), "/members": frozenset({"b.example", "x1"})}
    positions = Positions({"/members": "list=a.example&page=1"}, frozenset(), listed)
    assert not positions.may_expire("/members", "list=b.example&page=2")
    assert positions.may_expire("/members", "list=b.example&token=x1")
    assert positions.may_expire("/members", "list=x1&page=2")


def test_an_endless_loop_is_reported_for_what_it_is() -> None:
    """And soon: how often what was asked, and that it never ended."""
    _result, reported = outcome(named("C09"), subject_of(EndlessInACall))
    assert "one call asked the source 1000 times and did not end" in reported
    assert "/users, always the same" in reported


def test_every_check_has_a_mutant() -> None:
    """A check that catches nothing is not known to work."""
    assert {check.id for check in CATALOGUE} == {mutant.kills for mutant in MUTANTS}


def test_ids_are_given_once() -> None:
    """Exemptions and changelogs refer to them."""
    ids = [check.id for check in CATALOGUE]
    assert len(set(ids)) == len(ids)
    assert all(check.promise.endswith(".") for check in CATALOGUE)
