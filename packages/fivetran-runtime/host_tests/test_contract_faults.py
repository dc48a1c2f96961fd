"""Faults that only this host can have, put back: the contract finds each of them through the process and the SDK."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from declared_contract import subject_of

from fivetran_emulator.connector_sdk.lab import SdkInLab
from fivetran_emulator.contract.check import Violation
from fivetran_emulator.contract.checks import named

FAULTS = {
    "a checkpoint goes ahead of its rows": (
        "C22",
        """
send, checkpoint = RowSender.send, RowSender.checkpoint
RowSender.send = lambda self, ended: (checkpoint(ended.state), send(self, ended))
""",
    ),
    "a failed sync is a success": (
        "C12",
        """
update = host.SdkSync.update
def swallowing(self, configuration, state):
    try:
        update(self, configuration, state)
    except host.SyncFailedError:
        pass
host.SdkSync.update = swallowing
""",
    ),
    "a sync whose tables fail stays open": ("C33", "host._close = lambda held: None\n"),
    "deletes are not sent": (
        "C40",
        """
import fivetran_connector_sdk
fivetran_connector_sdk.Operations.delete = staticmethod(lambda table, row: None)
""",
    ),
    "the mark is the time of the clock": (
        "C25",
        """
import time
checkpoint = RowSender.checkpoint
RowSender.checkpoint = staticmethod(lambda state: checkpoint({**state, "at": int(time.time())}))
""",
    ),
}
"""By what is wrong: the check that has to find it, and what is done to the runtime ahead of connector.py."""

START = """
from fivetran_runtime.connector_sdk import connector_of, host
from fivetran_runtime.connector_sdk.operations import RowSender
"""


@pytest.fixture
def faulty(tmp_path: Path) -> Iterator[Any]:
    """A function of a connector.py with something put ahead of it."""
    made: list[SdkInLab] = []

    def make(fault: str, module: str) -> SdkInLab:
        text = f'{START}{fault}\nconnector = connector_of("{module}")\n'
        (tmp_path / "connector.py").write_text(text, "utf-8")
        made.append(SdkInLab(tmp_path))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize("fault", FAULTS)
def test_the_contract_finds_a_fault_of_this_host(
    connector: Path, faulty: Any, fault: str, whole: bool
) -> None:
    """One connector is enough: the fault is none of its own."""
    if connector.name != "casa" or not whole:
        pytest.skip("with casa only, and a part of --whole")
    check, text = FAULTS[fault]
    subject = subject_of(connector, faulty(text, "connector_casa"))
    assert subject.clean.first.complete
    with pytest.raises(Violation):
        named(check).run(subject)


def test_memory_is_that_of_the_process(connector: Path, faulty: Any, whole: bool) -> None:
    """What C16 and C53 measure: the connector's process, not the one that runs the checks."""
    if connector.name != "casa" or not whole:
        pytest.skip("with casa only, and a part of --whole")
    large = "send = RowSender.send\nRowSender.send = lambda self, ended: (bytearray(50_000_000), send(self, ended))\n"
    peaks = []
    for fault in ("", large):
        trial = subject_of(connector, faulty(fault, "connector_casa")).trial()
        call, peak = trial.function.peak(trial.connection.call)
        assert not call.failed
        peaks.append(peak)
    assert peaks[0] < 50_000_000 < peaks[1]
