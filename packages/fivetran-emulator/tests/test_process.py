"""The command as a process: killed, interrupted, locked out, without its extra."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import duckdb
import pytest
from scripted import Emulator, Json, numbered, sync_command, syncing

PAGES = 12
ROWS = 500
SCHEMA = {"users": {"primary_key": ["id"]}}


def rows(n: int) -> Json:
    """Page `n` of a source: keyed rows, keyless rows, a delete."""
    return {
        "insert": {
            "users": [{"id": n * ROWS + row, "page": n} for row in range(ROWS)],
            "events": [{"page": n, "row": row} for row in range(ROWS)],
        },
        "delete": {"users": [{"id": (n - 1) * ROWS}]},
        "schema": SCHEMA,
    }


page = numbered(PAGES, rows)


def assert_complete(emulator: Emulator) -> None:
    """Every page is there exactly once, and the state is that of the last."""
    users = emulator.rows("SELECT count(*), count(DISTINCT id) FROM users")
    assert users == [(PAGES * ROWS - (PAGES - 1),) * 2]
    assert emulator.rows("SELECT count(*), count(DISTINCT (page, row)) FROM events") == [(PAGES * ROWS,) * 2]
    assert emulator.rows("SELECT state FROM fivetran_emulator.connections") == [(f'{{"n": {PAGES}}}',)]


@pytest.mark.parametrize("delay", [0.0, 0.015])
def test_a_kill_at_any_moment_loses_nothing_and_doubles_nothing(emulator: Emulator, delay: float) -> None:
    """Behaviour 12: Killed again and again, a little after an answer went out, the syncs together load what one would have."""
    asked = threading.Event()

    def counted(request: Json) -> Json:
        if len(emulator.function.requests) % 4 == 0:
            asked.set()
        return page(request)

    emulator.function.answers = [counted]
    for _ in range(2):
        asked.clear()
        with syncing(emulator.function.url, emulator.path) as process:
            assert asked.wait(30)
            time.sleep(delay)
            process.send_signal(signal.SIGKILL)
    resumed = emulator.sync()
    assert resumed.status == 0
    assert "resuming: " in resumed.out
    assert "was killed after" in resumed.out
    assert_complete(emulator)


def test_ctrl_c_keeps_what_was_accepted_and_says_how_to_go_on(emulator: Emulator) -> None:
    """Status 130, one line, no traceback; the next sync does the rest."""
    hanging = threading.Event()
    let_go = threading.Event()

    def hang(request: Json) -> Json:
        if len(emulator.function.requests) == 4:
            hanging.set()
            let_go.wait(30)
        return page(request)

    emulator.function.answers = [hang]
    with syncing(emulator.function.url, emulator.path) as process:
        assert hanging.wait(30)
        assert process.stdout is not None
        while not process.stdout.readline().startswith("#3"):  # the answer before is loaded meanwhile
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    let_go.set()
    assert process.returncode == 130
    assert errors.splitlines() == [
        "interrupted: 3 accepted answers with 3,000 rows and their state are kept; run the same command to go on from there"
    ]
    resumed = emulator.sync()
    assert "interrupted after 3 accepted answers" in resumed.out
    assert_complete(emulator)


def test_a_warehouse_in_use_is_reported_with_the_process_that_has_it(emulator: Emulator) -> None:
    """Status 3, and the function is not called."""
    holder = (
        "import duckdb, sys; w = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    )
    arguments = [sys.executable, "-c", holder, str(emulator.path)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        outcome = emulator.sync()
        process.kill()
    assert outcome.status == 3
    assert f"is in use by process {process.pid}" in outcome.err
    assert emulator.function.requests == []


@pytest.mark.parametrize("make", ["text", "folder"])
def test_a_file_that_is_no_warehouse_is_status_3(emulator: Emulator, make: str) -> None:
    """And it is left as it was."""
    if make == "text":
        emulator.path.write_text("precious " * 1000)
    else:
        emulator.path.mkdir()
    outcome = emulator.sync()
    assert outcome.status == 3
    assert outcome.err.startswith("error: ")
    assert emulator.path.is_dir() or emulator.path.read_text() == "precious " * 1000


def test_a_table_changed_by_hand_is_reported_without_a_traceback(emulator: Emulator) -> None:
    """What the file has is not what was loaded: status 3, and a way out."""
    emulator.answering({"state": {}, "insert": {"t": [{"a": 1}]}})
    with duckdb.connect(emulator.path) as warehouse:
        warehouse.execute("DROP TABLE t")
    outcome = emulator.answering({"state": {"n": 2}, "insert": {"t": [{"a": 1}]}})
    assert outcome.status == 3
    assert "start afresh with another --schema or file" in outcome.document["error"]["hint"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--url", "ftp://x"], "is no http address"),
        (["--url", "@/nowhere/url"], "the URL's file /nowhere/url cannot be read"),
        (["--url", "@/dev/null"], "is no http address"),
        (["--schema", "Acme-1"], "is no name for a schema"),
        (["--schema", "fivetran_emulator"], "is taken"),
        (["--schema", "warehouse"], "has the name of the file"),
        (["--secrets", "/nowhere/s.json"], "cannot be read"),
    ],
)
def test_a_wrong_command_line_is_status_2_and_does_nothing(
    emulator: Emulator, arguments: list[str], said: str
) -> None:
    """Reported in a line, before any file is made or any call is sent."""
    outcome = emulator.sync(*arguments)
    assert outcome.status == 2
    assert said in outcome.err
    assert not emulator.path.exists()


def test_the_address_may_come_through_a_pipe(emulator: Emulator) -> None:
    """So that the emulator starts while the function does; until the address is there, no file is made."""
    emulator.function.answers = [lambda _: {"state": {}, "insert": {"t": [{"id": 1}]}}]
    reading, writing = os.pipe()
    command = sync_command(f"@/dev/fd/{reading}", "--warehouse", emulator.path)
    with subprocess.Popen(command, pass_fds=[reading], stdout=subprocess.DEVNULL) as process:
        time.sleep(0.05)
        assert not emulator.path.exists()
        os.write(writing, f"{emulator.function.url}\n".encode())
        os.close(writing)
        os.close(reading)
        assert process.wait(60) == 0
    assert emulator.rows("SELECT id FROM t") == [(1,)]


def test_without_the_extra_the_command_says_what_to_install(tmp_path: Path) -> None:
    """The package itself works without DuckDB, Jinja2 and rich; the command needs them and says so."""
    hide = "import sys; sys.modules['duckdb'] = None; from fivetran_emulator.__main__ import main; sys.exit(main())"
    arguments = [sys.executable, "-c", hide, "sync", "--url", "http://127.0.0.1:1"]
    done = subprocess.run(arguments, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 2
    assert "install `fivetran-emulator[cli]`" in done.stderr


def test_the_package_imports_nothing_heavy() -> None:
    """A connector's tests stand on the light parts."""
    check = "import sys, fivetran_emulator, fivetran_emulator.__main__; sys.exit({'duckdb', 'jinja2', 'rich'} & set(sys.modules) != set())"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_a_function_that_never_ends_is_given_up(emulator: Emulator) -> None:
    """Behaviour 9: The platform's time-out holds for the whole answer, also for one that comes drop by drop."""
    import requests

    from fivetran_emulator.errors import FunctionError
    from fivetran_emulator.protocol.function import FunctionRequest, HttpFunction, PlatformLimits

    ticks = iter(range(0, 10_000, 100))
    emulator.function.answers = [{"state": {}}]
    with requests.Session() as session:
        function = HttpFunction(
            emulator.function.url,
            session=session,
            limits=PlatformLimits(1_000, 60),
            elapsed=lambda: float(next(ticks)),
        )
        with pytest.raises(FunctionError, match="did not finish within 60 s"):
            function.call(FunctionRequest(agent="a", state="{}", secrets="{}", sync_id="s"))


def test_the_environment_chooses_the_generation(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """FIVETRAN_GENERATION, which tells a function its limits, tells the emulator too."""
    monkeypatch.setitem(os.environ, "FIVETRAN_GENERATION", "2")
    big = {"state": {}, "insert": {"t": [{"a": "x" * 10_000_001}]}}
    assert emulator.answering(big).status == 0
