from __future__ import annotations

from pathlib import Path

from {{ cookiecutter.module }} import main
from fivetran_emulator.contract import contract_tests

test_contract = contract_tests(
    main,
    practice=Path(__file__).parents[1] / "practice.py",
{% if cookiecutter.choices.plain %}
    blocking="protocol",
{% elif not cookiecutter.choices.pages.moves %}
    keeps_deleted={"items": "the API does not tell of deletes"},
{% endif %}
)
