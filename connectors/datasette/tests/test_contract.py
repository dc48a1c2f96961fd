from __future__ import annotations

from datetime import date
from pathlib import Path

from connector_datasette import main
from fivetran_emulator.contract import Exemption, contract_tests

test_contract = contract_tests(
    main,
    practice=Path(__file__).parents[1] / "practice.py",
    exempt=[
        Exemption(
            "C32",
            "the runtime takes a mark from the future, and then asks for nothing",
            until=date(2026, 12, 31),
        )
    ],
)
