"""The table of checks in docs/contract.md says what is so."""

from __future__ import annotations

from pathlib import Path

from mutants.kinds import MUTANTS

from fivetran_emulator.contract.checks import CATALOGUE

PAGE = (Path(__file__).parents[4] / "docs" / "contract.md").read_text("utf-8")


def test_the_page_lists_every_check_with_its_promise_and_its_mutants() -> None:
    """In the order of the ids, word for word."""
    listed = [line for line in PAGE.splitlines() if line.startswith("| C")]
    assert listed == [
        f"| {check.id} | {check.title} | {check.promise} | "
        f"{', '.join(mutant.__name__ for mutant in MUTANTS if mutant.kills == check.id)} |"
        for check in CATALOGUE
    ]
