from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from small_repository import ROOT

from tools.local.processes import begun, descriptor_path, foreground, server, unnamed_file
from tools.repository.errors import RepositoryError

FAMILY = """
import os, subprocess, sys, time
worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("ready", os.getpid(), worker.pid, flush=True)
time.sleep(600)
"""
"""A server with a worker, as gunicorn has them."""

STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + FAMILY

READY = re.compile(r"ready (\d+) (\d+)")


def alive(pid: int) -> bool:
    """Whether a process still runs; one that has ended and only waits to be reaped doesn't."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def ended(pids: list[int], *, seconds: float = 10) -> bool:
    """Whether all of them end within `seconds`."""
    deadline = time.monotonic() + seconds
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not any(map(alive, pids))


@contextmanager
def started(program: str, *, says: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A starter of servers, once it has said that line."""
    with subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == says
        yield process


@pytest.mark.parametrize("program", [FAMILY, STUBBORN], ids=["willing", "stubborn"])
def test_a_server_and_its_workers_end_with_the_block(tmp_path: Path, program: str) -> None:
    """Also when it ignores being asked."""
    command = [sys.executable, "-c", program]
    with server("it", command, log=tmp_path / "log", cwd=tmp_path) as running:
        pids = [int(pid) for pid in running.wait_for(READY, seconds=20).groups()]
        assert all(map(alive, pids))
    assert ended(pids)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_outlives_a_starter_that_is_killed(tmp_path: Path, how: signal.Signals) -> None:
    """Even SIGKILL of nox leaves no function and no practice server behind."""
    log = tmp_path / "log"
    starter = f"""
import re, sys, time
from pathlib import Path
from tools.local.processes import server
with server("it", [sys.executable, "-c", {FAMILY!r}], log=Path({str(log)!r}), cwd=Path("/")) as running:
    running.wait_for(re.compile("ready"), seconds=20)
    print("started", flush=True)
    time.sleep(600)
"""
    with started(starter, says="started\n") as process:
        found = READY.search(log.read_text("utf-8"))
        assert found
        process.send_signal(how)
    assert ended([int(pid) for pid in found.groups()])


def test_two_servers_never_share_a_log(tmp_path: Path) -> None:
    """The second of two that run at once writes to one of its own; later ones use the first again."""
    command = [sys.executable, "-c", FAMILY]
    with server("one", command, log=tmp_path / "it.log", cwd=tmp_path) as one:
        one.wait_for(READY, seconds=20)
        with server("two", command, log=tmp_path / "it.log", cwd=tmp_path) as two:
            two.wait_for(READY, seconds=20)
            assert (one.log.name, two.log.name) == ("it.log", "it-2.log")
            assert one.log.read_text("utf-8").count("ready") == 1
    with server("three", command, log=tmp_path / "it.log", cwd=tmp_path) as three:
        assert three.log == one.log


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_stays_in_the_temporary_directory_of_a_starter_that_is_killed(
    tmp_path: Path, how: signal.Signals
) -> None:
    """Neither a server's input, nor its folder, nor secrets in a file without a name."""
    temporary, log = tmp_path / "tmp", tmp_path / "log"
    temporary.mkdir()
    program = "import sys; open('kept', 'w').write(sys.stdin.read())\n" + FAMILY
    starter = f"""
import re, sys, tempfile, time
from pathlib import Path
from tools.local.processes import unnamed_file, server
folder = Path(tempfile.mkdtemp())
with unnamed_file("hunter2"), server(
    "it", [sys.executable, "-c", {program!r}], log=Path({str(log)!r}), cwd=folder, stdin="hunter2", folder=folder
) as running:
    running.wait_for(re.compile("ready"), seconds=20)
    print((folder / "kept").read_text(), flush=True)
    time.sleep(600)
"""
    with started(starter, says="hunter2\n", TMPDIR=str(temporary)) as process:
        assert len(list(temporary.iterdir())) == 1
        process.send_signal(how)
    deadline = time.monotonic() + 10
    while list(temporary.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert list(temporary.iterdir()) == []


def test_a_file_without_a_name_is_read_by_who_is_given_it(tmp_path: Path) -> None:
    """As often as it is asked for, through the path of its descriptor."""
    reading = "import sys; sys.exit(open(sys.argv[1]).read() != 'hunter2')"
    with unnamed_file("hunter2") as file:
        for _ in range(2):
            command = [sys.executable, "-c", reading, descriptor_path(file)]
            assert foreground(command, cwd=tmp_path, files=[file]) == 0


def test_a_server_that_dies_shows_the_end_of_its_log(tmp_path: Path) -> None:
    """Its last words are the reason; nobody has to look for the file."""
    program = "import sys; print('loading'); sys.exit('no module named acme')"
    with (
        server(
            "the function", [sys.executable, "-c", program], log=tmp_path / "log", cwd=tmp_path
        ) as running,
        pytest.raises(RepositoryError, match=r"(?s)the function ended \(exit 1\).*no module named acme"),
    ):
        running.wait_for(READY, seconds=20)


def test_a_server_that_never_gets_ready_is_given_up(tmp_path: Path) -> None:
    """There is a deadline, and it is named."""
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    with (
        server("the function", command, log=tmp_path / "log", cwd=tmp_path) as running,
        pytest.raises(RepositoryError, match=r"wasn't ready after 0 s"),
    ):
        running.wait_for(READY, seconds=0.1)


def test_the_exit_status_of_a_foreground_command_is_passed_on(tmp_path: Path) -> None:
    """The emulator's statuses tell kinds of failure apart."""
    assert foreground([sys.executable, "-c", "raise SystemExit(3)"], cwd=tmp_path) == 3
    assert foreground([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"], cwd=tmp_path) == 137


def test_a_ctrl_c_is_answered_by_the_command_in_front(tmp_path: Path) -> None:
    """Its message is the one seen; we wait for it and don't add one."""
    program = f"""
import signal, sys
from pathlib import Path
from tools.local.processes import foreground
child = "import os, sys, time\\ntry:\\n    os.kill(os.getppid(), 2); os.kill(os.getpid(), 2); time.sleep(60)\\nexcept KeyboardInterrupt:\\n    print('kept', flush=True); sys.exit(130)"
sys.exit(foreground([sys.executable, "-c", child], cwd=Path({str(tmp_path)!r})))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "kept\n", "")


WAITING = "import sys; sys.exit(int(open(sys.argv[1]).read() or 9))"
"""Its exit status is what it reads from its pipe."""


def test_a_command_that_was_begun_waits_for_the_rest(tmp_path: Path) -> None:
    """It starts beside what it waits for, and goes on once that is known."""
    with begun(lambda path: [sys.executable, "-c", WAITING, path], cwd=tmp_path) as command:
        assert command.finish("5") == 5


def test_a_command_that_ended_before_it_was_finished_has_its_own_status(tmp_path: Path) -> None:
    """Such as a wrong command line: what it wrote and its status are what counts."""
    with begun(lambda _: [sys.executable, "-c", "raise SystemExit(2)"], cwd=tmp_path) as command:
        command._process.wait(20)
        assert command.finish("5") == 2


def test_a_command_whose_function_does_not_start_is_not_heard_of(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Only the function's failure is shown; the command neither takes the end of its pipe for an answer nor stays."""
    heard = tmp_path / "heard"
    program = f"import sys; open(sys.argv[1]).read(); open({str(heard)!r}, 'w'); print('no address')"
    with (
        pytest.raises(RepositoryError),
        begun(lambda path: [sys.executable, "-c", program, path], cwd=tmp_path) as command,
    ):
        raise RepositoryError("the function ended")
    assert command._process.returncode == -signal.SIGKILL
    assert not heard.exists()
    assert capfd.readouterr().out == ""


def test_the_supervisor_tells_how_its_command_ended(tmp_path: Path) -> None:
    """As a shell does: 128 and the signal's number."""
    reading, writing = os.pipe()
    supervisor = [sys.executable, "-I", str(ROOT / "tools/local/supervisor.py"), str(reading), ""]
    killed = [sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"]
    done = subprocess.run([*supervisor, *killed], pass_fds=[reading], cwd=tmp_path, check=False)
    os.close(reading)
    os.close(writing)
    assert done.returncode == 137
