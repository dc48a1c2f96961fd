"""What a connector's author has declared for the contract, in tests/test_contract.py, for a function on the other host."""

from __future__ import annotations

import sys
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from fivetran_emulator.connector_sdk.lab import SdkInLab
from fivetran_emulator.contract.subject import PracticeSubject


def subject_of(connector: Path, function: SdkInLab) -> PracticeSubject:
    """The connector in a folder as its tests have it, with another function."""
    spec = spec_from_file_location("tested_contract", connector / "tests" / "test_contract.py")
    assert spec is not None
    assert spec.loader is not None
    sys.modules[spec.name] = module = module_from_spec(spec)
    spec.loader.exec_module(module)
    subject = getattr(getattr(module, "test_contract", None), "subject", None)
    assert isinstance(subject, PracticeSubject), (
        f"{spec.origin}: there is no `test_contract = contract_tests(main, practice=...)`, which says what is put to the connector"
    )
    return replace(subject, function=function, shown={}, found={})
