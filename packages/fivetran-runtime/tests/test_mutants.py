"""The faults of `nox -s mutants` patch what there is, and name tests that there are."""

from __future__ import annotations

import inspect
import types
from pathlib import Path

import pytest
from mutants.catalogue import MUTANTS
from mutants.mutant import HISTORIES, Mutant

TESTS = Path(__file__).parent


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
def test_a_mutant_patches_what_there_is(mutant: Mutant) -> None:
    """A name that was moved is moved in its mutant, too; else the mutant would break nothing."""
    mutant.place()
    if mutant.found_by != HISTORIES:
        file, _, name = mutant.found_by.partition("::")
        assert f"\ndef {name}(" in (TESTS / file).read_text()


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
def test_a_fault_takes_the_arguments_of_what_it_replaces(mutant: Mutant) -> None:
    """Else it breaks by itself, which proves nothing, and shows in a whole run of an hour only."""
    original = inspect.getattr_static(*mutant.place())
    fault = mutant.fault(original)
    if isinstance(original, types.FunctionType) and isinstance(fault, types.FunctionType):
        named = [
            one for one in inspect.signature(original).parameters.values() if one.kind is one.KEYWORD_ONLY
        ]
        taken = inspect.signature(fault).parameters
        takes_all = any(one.kind is one.VAR_KEYWORD for one in taken.values())
        assert takes_all or {one.name for one in named} <= taken.keys()


def test_a_mutant_of_nothing_is_an_error() -> None:
    """It would be found by whatever fails."""
    with pytest.raises(AttributeError, match="patches nothing"):
        Mutant("a promise", "fivetran_runtime.cursors.NO_SUCH_NAME", lambda original: original).place()
