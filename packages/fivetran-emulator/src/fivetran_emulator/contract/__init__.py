"""The contract: what every connector promises Fivetran, put to the test offline.

A connector's tests/test_contract.py is one call of `contract_tests`. The promises are in docs/contract.md. `Trials` make
connections for tests of one's own.
"""

from __future__ import annotations

from fivetran_emulator.contract.subject import Exemption
from fivetran_emulator.contract.suite import contract_tests
from fivetran_emulator.contract.trial import Trial
from fivetran_emulator.contract.trials import Trials

__all__ = ["Exemption", "Trial", "Trials", "contract_tests"]
