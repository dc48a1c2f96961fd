from __future__ import annotations

from pathlib import Path

from connector_datasette import main
from fivetran_emulator.contract import contract_tests

test_contract = contract_tests(
    main,
    practice=Path(__file__).parents[1] / "practice.py",
)
