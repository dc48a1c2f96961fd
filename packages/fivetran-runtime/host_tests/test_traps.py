"""What the Connector SDK 2.13.1 does otherwise than one would think, each with what the runtime makes of it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from conftest import HOST_TESTS, written
from fivetran_sdk import Connection

from fivetran_emulator.connector_sdk.function import SdkFunction
from fivetran_emulator.connector_sdk.served import ForkedServer, LoadedConnector, SdkServer
from fivetran_emulator.errors import FunctionError
from fivetran_emulator.protocol.function import FunctionReply, require_success
from fivetran_emulator.protocol.shared_facts import REPORT_HEADER

TOKEN = "right-token-1234"
SECRETS = {"token": TOKEN}


@pytest.fixture(scope="module")
def traps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the connector of traps."""
    folder = tmp_path_factory.mktemp("traps")
    shutil.copy(HOST_TESTS / "connector_traps.py", folder)
    return written(folder, "connector_traps")


@pytest.fixture(scope="module")
def loaded(traps: Path) -> Iterator[LoadedConnector]:
    """It, loaded."""
    one = LoadedConnector(traps)
    yield one
    one.close()


@pytest.fixture
def served(loaded: LoadedConnector) -> Iterator[SdkServer]:
    """It, served."""
    server = ForkedServer(loaded)
    yield server
    server.close()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("base", "Table typed: Ended: gone ("),
        ("exit", "Table typed: SystemExit: 0 ("),
        ("interrupt", "Table typed: KeyboardInterrupt ("),
    ],
)
def test_what_is_no_exception_is_no_success(loaded: LoadedConnector, fault: str, said: str) -> None:
    """The SDK catches `Exception` only, and takes whatever else ends a sync for its success."""
    connection = Connection(loaded, SECRETS, {"FAULT": fault})
    with pytest.raises(FunctionError) as failed:
        connection.sync()
    assert said in failed.value.problems[0]
    assert len(connection.tables["first"]) == 3, "what came before is there"


def test_tables_that_fail_close_the_sync_so_that_the_next_one_reads_the_others_again(
    loaded: LoadedConnector, tmp_path: Path
) -> None:
    """Fivetran gives no sync id: an open sync in the state would keep finished tables from ever being read again."""
    asked = tmp_path / "asked"
    failing = Connection(loaded, SECRETS, {"FAULT": "base", "ASKED": str(asked)})
    with pytest.raises(FunctionError):
        failing.sync()
    assert "sync" not in failing.state
    asked.unlink()
    well = Connection(loaded, SECRETS, {"ASKED": str(asked)}, state=failing.state)
    well.sync()
    assert asked.read_text().split("\n")[0] == "first 0"
    assert len(well.tables["typed"]) == 1


def test_of_two_checkpoints_in_a_row_the_second_is_an_answer_too(traps: Path, tmp_path: Path) -> None:
    """The one that closes the sync: without it, `nox -s sync` would read the tables that are well every second time only."""
    asked = tmp_path / "asked"
    environment, state = {"FAULT": "defect", "ASKED": str(asked)}, dict[str, Any]()
    with closing(SdkFunction(traps, environment=environment)) as function:
        for _ in range(2):
            asked.unlink(missing_ok=True)
            while (reply := function.answer({"secrets": SECRETS, "state": state})).status == 200:
                state = json.loads(reply.body)["state"]
            assert asked.read_text().split("\n")[0] == "first 0"
            assert "sync" not in state


@pytest.mark.parametrize("how", ["signal 9", "exit 3"])
def test_how_the_process_has_ended_is_said(loaded: LoadedConnector, how: str) -> None:
    """Killed for its memory, or ended by a library; gRPC only says that a socket was closed."""
    with pytest.raises(FunctionError) as failed:
        Connection(loaded, SECRETS, {"FAULT": how}).sync()
    assert failed.value.problems == (f"the connector's process ended ({how})",)


def test_a_process_that_does_not_start_is_said_to_have_ended(tmp_path: Path) -> None:
    """Its log has the traceback of the import."""
    (tmp_path / "connector.py").write_text("raise SystemExit(3)", "utf-8")
    with pytest.raises(FunctionError) as failed:
        SdkServer(tmp_path)
    assert failed.value.problems == ("the connector's process ended (exit 3)",)


def test_a_failed_sync_is_one_sentence(traps: Path, tmp_path: Path) -> None:
    """The connector's own: no function and no HTTP is named, and the traceback is in the log."""
    log = tmp_path / "log"
    with closing(SdkFunction(traps, environment={"FAULT": "defect"}, log=log)) as function:
        state: Any = {}
        while (reply := function.answer({"secrets": SECRETS, "state": state})).status == 200:
            state = json.loads(reply.body)["state"]
    received = FunctionReply(status=500, reason="INTERNAL", body=reply.body, headers=reply.headers, seconds=0)
    with pytest.raises(FunctionError) as failed:
        require_success(received)
    (problem,) = failed.value.problems
    assert re.fullmatch(r"Table typed: KeyError: 'no \*\*\* there' \(\S+connector_traps\.py:\d+\)", problem)
    assert not failed.value.details
    assert "Traceback" in log.read_text()


def test_after_a_crash_finished_tables_stay_finished(loaded: LoadedConnector, tmp_path: Path) -> None:
    """The open sync is in the state that was checkpointed, and goes on; and each answer has one checkpoint, not each At."""
    asked = tmp_path / "asked"
    connection = Connection(loaded, SECRETS, {"FIVETRAN_ANSWER_BYTES": "3000", "ASKED": str(asked)})
    checkpoints: list[int] = []

    def second_checkpoint(number: int, kind: str) -> str | None:
        checkpoints.extend([number] if kind == "checkpoint" else [])
        return "kept" if len(checkpoints) == 2 and kind == "checkpoint" and not connection.crashes else None

    connection.sync(second_checkpoint)
    assert connection.crashes == 1
    lines = asked.read_text().split()
    assert lines.count("typed") == 1
    assert len(connection.tables["first"]) == 3
    whole = Connection(loaded, SECRETS)
    whole.sync()
    assert whole.kinds.count("checkpoint") == 1, "three Ats and two tables in one answer"


def test_fractions_and_times_arrive_as_they_were_read(loaded: LoadedConnector) -> None:
    """A fraction travels as 32 bits and a datetime as no ISO text, unless it is declared or sent as what a function sends."""
    connection = Connection(loaded, SECRETS)
    connection.sync()
    (row,) = connection.tables["typed"].values()
    assert {name: str(value) for name, value in row.items() if name != "price"} == {
        "id": "1",
        "ratio": "0.14285714285714285",
        "due": "2026-01-31",
        "at": "2026-01-31T12:30:00.123456Z",
        "local": "2026-01-31T12:30:00",
        "tags": "['a', {'b': '1.5'}]",
        "nothing": "None",
        "moment": "2026-01-31T12:30:00.123456Z",
        "day": "2026-01-31",
        "whole": "7",
        "flag": "True",
        "list": "[1, 2]",
        "seventh": "0.14285714285714285",
        "exact": "12345678901234567.89",
        "least": "-9223372036854775808",
        "most": "9223372036854775807",
    }
    assert str(row["price"]) == "1234567890123456.7891"
    assert isinstance(row["ratio"], float)
    assert isinstance(row["seventh"], str), "not declared, and so text, with a warning in the log"


def test_a_fraction_that_goes_as_text_is_reported_with_what_makes_it_a_number(traps: Path) -> None:
    """The report is what the emulator's screen shows."""
    with closing(SdkFunction(traps)) as function:
        reply = function.answer({"secrets": SECRETS, "state": {}})
    warnings = json.loads(reply.headers[REPORT_HEADER])["warnings"]
    (warning,) = [warning for warning in warnings if warning.startswith("column typed.seventh has fractions")]
    assert 'columns={"seventh": "double"}' in warning


def test_the_schema_has_keys_and_declared_types_only(served: SdkServer) -> None:
    """Columns that declare no type get that of their values, as Fivetran advises."""
    tables = {
        table.name: {column.name: (column.type, column.primary_key) for column in table.columns}
        for table in served.schema(SECRETS)
    }
    assert tables["first"] == {"id": (0, True)}
    assert tables["lines"] == {"id": (0, True)}
    assert tables["typed"]["id"] == (0, True)
    assert tables["typed"]["ratio"] == (7, False)  # DOUBLE
    assert tables["typed"]["price"] == (5, False)  # DECIMAL


def test_a_second_sync_of_a_process_is_refused_in_words(served: SdkServer) -> None:
    """In the SDK alone it would wait for two minutes, and fail without a reason."""
    assert list(served.update(SECRETS, "{}"))
    with pytest.raises(FunctionError) as refused:
        list(served.update(SECRETS, "{}"))
    assert "needs another one for the next" in refused.value.problems[0]


@pytest.mark.parametrize("fault", ["secret", "defect"])
def test_no_secret_is_in_an_error_its_traceback_or_the_log(
    loaded: LoadedConnector, tmp_path: Path, fault: str
) -> None:
    """An exception's text and traceback become a task that people read."""
    log = tmp_path / "log"
    with log.open("wb") as written_to:
        server = ForkedServer(loaded, log=written_to, environment={"FAULT": fault})
        with pytest.raises(FunctionError) as failed:
            list(server.update(SECRETS, "{}"))
        server.close()
    assert "***" in failed.value.problems[0]
    assert TOKEN not in str(failed.value.problems) + str(failed.value.details)
    text = log.read_text()
    assert TOKEN not in text
    lines = [json.loads(line) for line in text.splitlines()]
    assert {"level", "message", "message_origin"} == set(lines[0])
    assert any(line["level"] == "ERROR" and "***" in line["message"] for line in lines)


def test_the_form_has_the_keys_of_the_configuration(served: SdkServer) -> None:
    """With descriptions, defaults and choices, secrets masked; and the setup test."""
    form = served.form()
    fields = {field.name: field for field in form.fields}
    assert list(fields) == ["token", "region", "archived", "since", "names"]
    assert fields["token"].text_field == 1, "masked"
    assert fields["token"].required
    assert fields["token"].description == "The API token."
    choices = fields["region"].descriptive_dropdown_fields.descriptive_dropdown_field
    assert [choice.value for choice in choices] == ["eu", "us"]
    assert "Left empty: eu." in fields["region"].description
    assert not fields["region"].required
    assert fields["archived"].WhichOneof("type") == "toggle_field"
    assert fields["since"].placeholder == "2026-01-31"
    assert "It takes a day like 2026-01-31." in fields["since"].description
    (test,) = form.tests
    assert served.test(test.name, SECRETS) is None
    wrong = served.test(test.name, {"token": "wrong-token-4321", "archived": "true"})
    assert wrong == "*** opens nothing"
    missing: Any = served.test(test.name, {"archived": "perhaps"})
    assert "token is missing" in missing
    assert "archived must be true or false" in missing


def test_a_plain_function_is_refused_with_the_reason(tmp_path: Path) -> None:
    """It answers a POST that nobody sends there."""
    (tmp_path / "connector_plain.py").write_text("def main(request):\n    return {}\n", "utf-8")
    written(tmp_path, "connector_plain")
    done = subprocess.run(
        [sys.executable, "-c", "import connector"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "connector_plain has no Connector: a plain function answers Fivetran's POST" in done.stderr
