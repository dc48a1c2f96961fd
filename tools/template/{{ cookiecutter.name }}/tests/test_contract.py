from __future__ import annotations

from datetime import date
from pathlib import Path

from fivetran_emulator.contract import Exemption, contract_tests
from {{ cookiecutter.module }} import main

test_contract = contract_tests(
    main,
    practice=Path(__file__).parents[1] / "practice.py",
    keeps_deleted={"items": "the API does not tell of deletes"},
    exempt=[
        Exemption("C29", "no lookback: items changed while they are read may be missed", until=date(2026, 12, 31)),
        Exemption("C32", "a mark from the future is taken, and then nothing asked for", until=date(2026, 12, 31)),
    ],
)
