"""The contract on the Connector SDK: each sync in a process of its own, which faults, waits and kills reach."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from declared_contract import subject_of

from fivetran_emulator.connector_sdk.lab import SdkInLab
from fivetran_emulator.contract.check import Check
from fivetran_emulator.contract.checks import CATALOGUE
from fivetran_emulator.contract.subject import PracticeSubject
from fivetran_emulator.contract.suite import run_check

LONG = {"C53": "unpacking and measuring 300 MB takes as long as twenty other checks: it is a part of --whole"}
"""By the ids of checks, why they are not in the usual run."""


@pytest.fixture(scope="module")
def subject(connector: Path, folder: Path, whole: bool) -> Iterator[PracticeSubject]:
    """The connector and what its author has declared, on the other host; C55 replays one history unless CONTRACT_SEEDS is set."""
    if not whole:
        os.environ.setdefault("CONTRACT_SEEDS", "1")
    function = SdkInLab(folder)
    yield subject_of(connector, function)
    function.close()


@pytest.mark.parametrize("check", CATALOGUE, ids=[check.name for check in CATALOGUE])
def test_contract(
    check: Check, subject: PracticeSubject, request: pytest.FixtureRequest, whole: bool
) -> None:
    """Each promise of docs/contract.md; a check that means nothing on this host is listed with the reason."""

    def record(name: str, value: Any) -> None:
        request.node.user_properties.append((name, value))

    if check.id in LONG and not whole:
        record("contract-not-run", f"{check.name}: {LONG[check.id]}")
        pytest.skip(LONG[check.id])
    run_check(check, subject, record, today=datetime.now(UTC).date())
