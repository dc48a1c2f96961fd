"""All mutants, by the promise that each breaks."""

from __future__ import annotations

from itertools import chain

from mutants import (
    ahead,
    between_syncs,
    each_sync,
    hidden_parts,
    large_units,
    pages,
    positions_and_releases,
    refusals,
    requests,
    rows,
    secrets,
    single_use,
    streams,
    turns,
    values,
    waits,
)
from mutants.mutant import Mutant

_SUBJECTS = (
    between_syncs,
    each_sync,
    rows,
    large_units,
    pages,
    ahead,
    requests,
    secrets,
    single_use,
    hidden_parts,
    values,
    refusals,
    positions_and_releases,
    streams,
    waits,
    turns,
)
_ALL = list(chain.from_iterable(subject.MUTANTS for subject in _SUBJECTS))

MUTANTS: dict[str, Mutant] = {mutant.promise: mutant for mutant in _ALL}

if len(MUTANTS) != len(_ALL):
    raise ValueError("two mutants break a promise of the same name")
