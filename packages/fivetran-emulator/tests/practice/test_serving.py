from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from fivetran_emulator.practice import PracticeError, Source, serving
from fivetran_emulator.practice.serving import load

PRACTICE = """
from fivetran_emulator.practice import Bearer, Offset, Source

source = Source(access=Bearer("t"))
source.listing("/rows", [{"id": 1}], pages=Offset())
secrets = {"token": "t", "urls": ["{url}/v1"], "nested": {"url": "{url}"}, "count": 3}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "practice.py"
    path.write_text(text)
    return path


@contextmanager
def started(path: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    command = [sys.executable, "-m", "fivetran_emulator.practice", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


def complaint(folder: Path, text: str) -> str:
    with pytest.raises(PracticeError) as raised:
        load(written(folder, text))
    return str(raised.value)


def test_the_command_tells_one_line_and_serves(tmp_path: Path) -> None:
    """The line has the address and the secrets, `{url}` filled in at every depth; requests are answered at once."""
    with started(written(tmp_path, PRACTICE)) as (_, announced):
        url = announced["url"]
        assert announced["secrets"] == {
            "token": "t",
            "urls": [f"{url}/v1"],
            "nested": {"url": url},
            "count": 3,
        }
        answer = requests.get(f"{url}/rows", headers={"Authorization": "Bearer t"}, timeout=10)
        assert answer.json() == {"data": [{"id": 1}]}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_ends_quietly_when_it_is_stopped(tmp_path: Path, number: signal.Signals) -> None:
    """Exit code 0 and nothing on stderr."""
    with started(written(tmp_path, PRACTICE)) as (process, _):
        process.send_signal(number)
        _, errors = process.communicate(timeout=10)
        assert (process.returncode, errors) == (0, "")


def test_the_command_tells_a_mistake_without_a_traceback(tmp_path: Path) -> None:
    """Exit code 2; the file and what to change on stderr, nothing on stdout."""
    command = [sys.executable, "-m", "fivetran_emulator.practice", str(tmp_path / "none.py")]
    run = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (run.returncode, run.stdout) == (2, "")
    assert "none.py" in run.stderr
    assert "Traceback" not in run.stderr


def test_the_source_for_a_sync_takes_precedence(tmp_path: Path) -> None:
    """`sync_source()` is served instead of `source`, and not made before it is needed."""
    path = written(tmp_path, PRACTICE + "\ndef sync_source():\n    return max\n")
    assert load(path).source_for_sync() is max


def test_everything_missing_is_reported_at_once(tmp_path: Path) -> None:
    """Both names in one message, with the file."""
    text = complaint(tmp_path, "secrets = []")
    assert text.count("practice.py") == 2
    assert "`source`" in text
    assert "`secrets`" in text


@pytest.mark.parametrize(
    ("text", "place"),
    [("\n\nsource = nobody", "practice.py:3: NameError"), ("x = (", "practice.py:1: SyntaxError")],
)
def test_a_mistake_in_the_file_is_reported_with_its_line(tmp_path: Path, text: str, place: str) -> None:
    """File, line, and what Python said."""
    assert place in complaint(tmp_path, text)


def test_a_request_that_takes_long_holds_up_no_other() -> None:
    """The first request is answered only once the second one has been."""
    source, second_came = Source(), threading.Event()
    source.route("/first")(lambda _request: second_came.wait(10))
    source.route("/second")(lambda _request: second_came.set())
    with serving(source) as url, ThreadPoolExecutor() as pool:
        first = pool.submit(requests.get, f"{url}/first", timeout=20)
        assert requests.get(f"{url}/second", timeout=10).status_code == 200
        assert first.result().json() is True


def test_an_asgi_application_is_served_too() -> None:
    """By the same server, so whatever is put in front of a source works for it as well."""
    pytest.importorskip(
        "a2wsgi", reason="a2wsgi is in the test environment of connectors with an ASGI source"
    )

    async def app(scope: dict[str, Any], _receive: Any, send: Any) -> None:
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]}
        )
        await send({"type": "http.response.body", "body": scope["path"].encode()})

    with serving(app) as url:
        assert requests.get(f"{url}/hello", timeout=10).text == "/hello"
