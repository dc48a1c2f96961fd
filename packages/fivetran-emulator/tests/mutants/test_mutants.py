from __future__ import annotations

import pytest
from mutants.kinds import MUTANTS, Mutant
from mutants.matrix import outcome, subject_of
from mutants.reference import Reference

from fivetran_emulator.contract.catalogue import CATALOGUE, named
from fivetran_emulator.contract.check import Check
from fivetran_emulator.contract.subject import Subject


@pytest.fixture(scope="module")
def reference() -> Subject:
    return subject_of(Reference)


@pytest.mark.parametrize("mutant", MUTANTS, ids=[f"{one.kills} {one.__name__}" for one in MUTANTS])
def test_each_fault_is_caught_by_the_check_made_for_it(mutant: type[Mutant]) -> None:
    """And what the check says can be acted on: seen, expected, the likely cause."""
    result, told = outcome(named(mutant.kills), subject_of(mutant))
    assert result == "violation", told
    assert all(part in told for part in ("seen:", "expected:", "likely:"))


@pytest.mark.parametrize("check", CATALOGUE, ids=[check.name for check in CATALOGUE])
def test_a_correct_connector_without_the_runtime_keeps_every_promise(
    check: Check, reference: Subject
) -> None:
    """None is left out as not run, either."""
    assert outcome(check, reference) == ("holds", "")


def test_every_check_has_a_mutant() -> None:
    """A check that catches nothing is not known to work."""
    assert {check.id for check in CATALOGUE} == {mutant.kills for mutant in MUTANTS}


def test_ids_are_given_once() -> None:
    """Exemptions and changelogs refer to them."""
    ids = [check.id for check in CATALOGUE]
    assert len(set(ids)) == len(ids)
    assert all(check.promise.endswith(".") for check in CATALOGUE)
