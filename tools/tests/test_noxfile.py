from __future__ import annotations

import ast
import subprocess
import sys

import pytest
from small_repository import ROOT


def test_an_older_python_can_read_the_noxfile() -> None:
    """A SyntaxError would be all it says; so the file keeps to what Python 3.6 parses."""
    text = (ROOT / "noxfile.py").read_text("utf-8")
    ast.parse(text, feature_version=(3, 6))
    assert "from __future__ import annotations" not in text


def test_an_older_python_gets_one_sentence() -> None:
    """It says what is needed and what to type, and nothing else is printed."""
    program = "import sys, runpy; sys.version_info = (3, 9, 18); runpy.run_path('noxfile.py')"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("This repository needs Python 3.11 or newer, and this nox runs on 3.9:")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("session", ["check", "mutants", "types"])
def test_a_session_asked_for_help_gives_it_and_does_nothing_else(session: str) -> None:
    """Its own usage, as somebody types it; not a traceback, and not the whole run."""
    done = subprocess.run(
        [sys.executable, "-m", "nox", "-s", session, "--", "--help"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"usage: nox -s {session} -- [-h]" in done.stdout
    assert "Success: no issues" not in done.stdout


def test_an_error_that_is_sentences_ends_in_one_full_stop() -> None:
    """Nox puts one behind whatever a session ends with."""
    program = """if True:
        import runpy, types
        noxfile = runpy.run_path("noxfile.py")
        def wrong(session):
            raise noxfile["RepositoryError"]("It is a plain function. Keep it on `host: function`.")
        noxfile["reports_errors"](wrong)(types.SimpleNamespace(error=print))
    """
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout == "It is a plain function. Keep it on `host: function`\n", done.stderr
