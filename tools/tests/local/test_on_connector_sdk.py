from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_repository import ROOT

from tools.local.connector_sdk import OnConnectorSdk
from tools.local.syncing import sync
from tools.repository.limits import Limits
from tools.repository.model import Repository


@pytest.mark.index
@pytest.mark.connector("casa")
def test_a_failed_sync_is_one_sentence_and_names_the_log_that_says_more(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Nothing of what stands between the emulator and the SDK: no function, no HTTP status, no traceback."""
    secrets = tmp_path / "secrets.json"
    secrets.write_text(json.dumps({"access_token": "", "url": "https://casa.example"}), "utf-8")
    options = ["--warehouse", str(tmp_path / "warehouse.duckdb")]
    code = sync(Repository(ROOT), "casa", Limits(), secrets=secrets, options=options, on=OnConnectorSdk)
    said = capfd.readouterr().err
    assert code == 1
    (error,) = [line for line in said.splitlines() if line.startswith("error: ")]
    assert "function" not in error
    assert "HTTP" not in error
    assert "Traceback" not in said
    log = Path(said.rsplit("the Connector SDK's log is ", 1)[1].strip())
    assert log.name == "casa-sdk.log"
    assert error.removeprefix("error: ") in log.read_text("utf-8")
