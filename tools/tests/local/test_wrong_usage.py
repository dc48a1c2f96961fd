from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from small_repository import ROOT

from tools.local.syncing import first_rows, sync
from tools.repository.errors import RepositoryError
from tools.repository.limits import Limits
from tools.repository.model import Repository


def synced(secrets: Path | None, *options: str) -> int:
    return sync(Repository(ROOT), "casa", Limits(), secrets=secrets, options=list(options))


def tried(secrets: Path | None, *options: str) -> int:
    return first_rows(
        Repository(ROOT), "casa", Limits(), tables=[], rows=1, secrets=secrets, options=list(options)
    )


@pytest.mark.index
@pytest.mark.parametrize("run", [synced, tried])
def test_an_unknown_option_is_refused_before_a_server_starts(
    run: Callable[..., int], capfd: pytest.CaptureFixture[str]
) -> None:
    """The emulator's own sentence, and nothing of a server or its log."""
    assert run(None, "--limit", "3") == 2
    said = capfd.readouterr()
    assert "unrecognized arguments: --limit 3" in said.err
    assert "http://" not in said.out + said.err
    assert "log is" not in said.err


@pytest.mark.index
@pytest.mark.parametrize("run", [synced, tried])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "secrets.json cannot be read: No such file"),
        ("token: hush", "secrets.json does not hold one JSON object"),
        ('["hush"]', "secrets.json does not hold one JSON object"),
    ],
)
def test_a_wrong_secrets_file_is_refused_before_a_server_starts(
    run: Callable[..., int], text: str | None, message: str, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Without any of its content."""
    file = tmp_path / "secrets.json"
    if text is not None:
        file.write_text(text, "utf-8")
    with pytest.raises(RepositoryError, match=message) as refused:
        run(file)
    assert "hush" not in str(refused.value)
    assert capfd.readouterr().err == ""
