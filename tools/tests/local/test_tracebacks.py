"""What a person reads whose connector does not start: the line of their own, and what was raised there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tools.local.processes import server
from tools.local.syncing import LISTENING
from tools.local.tracebacks import sentence
from tools.repository.errors import RepositoryError

MODULE = "connectors/acme/src/connector_acme/__init__.py"
ADVICE = (
    "A package is installed from the dependencies of connectors/acme/pyproject.toml:"
    " add it there, then nox -s lock -- acme"
)


def log_of(folder: Path, text: str) -> str:
    """What Python says that imports a connector with this text, from outside of it."""
    file = folder / MODULE
    file.parent.mkdir(parents=True)
    file.write_text(text, "utf-8")
    code = f"import sys; sys.path.insert(0, {str(file.parents[1])!r}); import connector_acme"
    ran = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    return f"Starting\n{ran.stderr}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import json\ndef f(:\n", f"{MODULE}:2: SyntaxError: invalid syntax"),
        ("from json import Nothing\n", f"{MODULE}:1: ImportError: cannot import name 'Nothing' from 'json'"),
        ("\n\nraise KeyError\n", f"{MODULE}:3: KeyError"),
        (
            "import json\njson.loads('{')\n",
            f"{MODULE}:2: json.decoder.JSONDecodeError: Expecting property name",
        ),
        ("import pandaz\n", f"{MODULE}:1: ModuleNotFoundError: No module named 'pandaz'\n{ADVICE}"),
    ],
)
def test_a_connector_that_cannot_be_imported_is_one_sentence(text: str, said: str, tmp_path: Path) -> None:
    """File and line of its own code, also where a library raised it; a package that is missing with where to add it."""
    found = sentence(log_of(tmp_path, text), tmp_path / "connectors" / "acme")
    assert found is not None
    assert found.startswith(said)


@pytest.mark.parametrize(
    "log", ["", "gunicorn: error: no such option", "Traceback (most recent call last):\n"]
)
def test_what_is_not_the_connectors_own_is_no_sentence(log: str, tmp_path: Path) -> None:
    """Then the end of the log is shown as it is."""
    assert sentence(log, tmp_path / "connectors" / "acme") is None
    assert sentence(log_of(tmp_path, "raise KeyError\n"), tmp_path / "connectors" / "other") is None


def test_a_server_that_does_not_start_says_it(tmp_path: Path) -> None:
    """In the place of its log's last lines, which are frames of Python's; where the whole is, it says too."""
    code = tmp_path / "connectors" / "acme"
    (tmp_path / MODULE).parent.mkdir(parents=True)
    (tmp_path / MODULE).write_text("nothing\n", "utf-8")
    command = [sys.executable, str(tmp_path / MODULE)]
    with (
        server("the function", command, log=tmp_path / "log", cwd=tmp_path, code=code) as running,
        pytest.raises(RepositoryError) as failure,
    ):
        running.wait_for(LISTENING, seconds=30)
    assert str(failure.value) == (
        f"the function ended (exit 1) instead of starting.\n{MODULE}:1: NameError: name 'nothing' is not defined\n"
        f"The whole traceback is in {running.log}"
    )
