"""The contract: what every connector promises Fivetran, put to the test offline.

A connector's tests/test_contract.py is one call of `contract_tests`. The promises are in docs/contract.md. `Trials` make
connections for tests of one's own, with `faults` at chosen requests.
"""

from __future__ import annotations

from fivetran_emulator.contract.lab import faults
from fivetran_emulator.contract.lab.trial import Trial, Trials
from fivetran_emulator.contract.subject import Exemption
from fivetran_emulator.contract.suite import contract_tests

__all__ = ["Exemption", "Trial", "Trials", "contract_tests", "faults"]
