from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from continuation_api import serving
from small_repository import ROOT

from tools.locked.ci.continuation import KEY, main, post
from tools.repository.errors import RepositoryError

CONFIG = "version: 2.1\nparameters:\n  everything:\n    type: boolean\n    default: false\n"


def test_the_configuration_arrives_as_it_is() -> None:
    """Byte for byte, once, with no parameters."""
    with serving() as api:
        post(CONFIG + "# ä\n", api=api.url, key="the-key")
    assert api.posted == [CONFIG + "# ä\n"]


def test_a_pipeline_started_with_a_parameter_continues() -> None:
    """What it was started with is declared and isn't sent again, which CircleCI would refuse as a conflict."""
    with serving(everything=True) as api:
        post(CONFIG, api=api.url, key="the-key")
    assert len(api.posted) == 1


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        (CONFIG, "another", "401 Invalid or already used"),
        ("setup: true\n" + CONFIG, "the-key", "400 A set-up configuration"),
        ("version: 2.1\n", "the-key", r"400 Unexpected argument\(s\): everything"),
        ("a: 1\na: 2\n", "the-key", "400 configuration: not YAML"),
    ],
)
def test_a_refusal_is_final_and_says_why(text: str, key: str, said: str) -> None:
    """One request, CircleCI's words, never the key."""
    with serving(everything=True) as api:
        with pytest.raises(RepositoryError, match=f"CircleCI refuses to continue: {said}") as refusal:
            post(text, api=api.url, key=key, pause_s=0)
        assert len(api.requests) == 1
    assert key not in str(refusal.value)


def test_a_key_is_good_for_one_continuation() -> None:
    """A second post is red, so nobody believes that it has changed anything."""
    with serving() as api:
        post(CONFIG, api=api.url, key="the-key")
        with pytest.raises(RepositoryError, match="already used"):
            post(CONFIG, api=api.url, key="the-key")
    assert len(api.posted) == 1


def test_only_where_no_answer_came_is_it_tried_again(capsys: pytest.CaptureFixture[str]) -> None:
    """Two connections that end without a word, then an answer; each is reported."""
    with serving() as api:
        api.silent = 2
        post(CONFIG, api=api.url, key="the-key", pause_s=0)
        assert len(api.requests) == 3
    assert len(api.posted) == 1
    assert capsys.readouterr().err.count("no answer") == 2


def test_where_no_answer_ever_comes_it_is_red() -> None:
    """A port where nobody listens: five attempts, then what to do."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(RepositoryError, match="hasn't answered 5 times; start a new pipeline"):
        post(CONFIG, api=f"http://127.0.0.1:{port}", key="the-key", pause_s=0)


def test_without_a_key_the_switch_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dynamic configuration is off in older projects; that is what a missing key means."""
    file = tmp_path / "continue.yml"
    file.write_text(CONFIG, "utf-8")
    monkeypatch.delenv(KEY, raising=False)
    with pytest.raises(RepositoryError, match="dynamic configuration"):
        main([str(file)])


def test_more_than_circleci_takes_is_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """8 MB are the limit."""
    file = tmp_path / "continue.yml"
    file.write_text("#" * 8_000_001, "utf-8")
    monkeypatch.setenv(KEY, "the-key")
    with pytest.raises(RepositoryError, match="8 MB"):
        main([str(file)])


def test_it_runs_on_any_python_without_an_environment() -> None:
    """It must post where the tools' environment couldn't be made: nothing but the standard library is imported."""
    program = (
        "import sys; sys.path[:] = [p for p in sys.path if 'site-packages' not in p]\n"
        "import tools.locked.ci.continuation\n"
        "assert not {'yaml', 'requests'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-S", "-c", program], cwd=ROOT, check=True)
