from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_repository import ROOT

from tools.local.connector_sdk import OnConnectorSdk, run_host_tests
from tools.local.syncing import sync
from tools.repository.errors import RepositoryError
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


def test_a_subject_without_a_connector_has_nothing_to_run(capfd: pytest.CaptureFixture[str]) -> None:
    """CI asks it of every subject: a package, the tools and a plain function are no failure, and no silence either."""
    run_host_tests(Repository(ROOT), ["fivetran-runtime", "tools"])
    said = capfd.readouterr().out.splitlines()
    assert said == [
        "fivetran-runtime has no Connector, so nothing of it runs on the Connector SDK",
        "tools has no Connector, so nothing of it runs on the Connector SDK",
    ]


def test_an_unknown_subject_is_refused() -> None:
    """A slip is no green run."""
    with pytest.raises(
        RepositoryError, match=r"There is no connector or package `cassa`\. Did you mean `casa`\?"
    ):
        run_host_tests(Repository(ROOT), ["cassa"])


@pytest.mark.index
@pytest.mark.connector("casa")
def test_nothing_chosen_is_a_failure() -> None:
    """A misspelt `-k` has tested nothing."""
    with pytest.raises(RepositoryError, match="casa: not the same on the Connector SDK"):
        run_host_tests(Repository(ROOT), ["casa"], ["-k", "no_such_test", "-q"])
