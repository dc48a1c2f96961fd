"""What the pages on connecting show is what happens: their commands run here in their order, against both fakes."""

from __future__ import annotations

import json
import re
import shlex
import zipfile
from pathlib import Path

import pytest
from connected_team import GROUP, Team, shown
from fake_fivetran import Made
from small_repository import ROOT

from tools.local.connecting import asked
from tools.locked.connecting.connect import connect
from tools.locked.deploying import deploy_package
from tools.repository.model import Repository

CONNECTING = ROOT / "docs" / "connecting.md"
MOVING = ROOT / "docs" / "moving-to-connector-sdk.md"
COMMAND = re.compile(r"^ +nox -s connect -- ([^#\n]*)", re.MULTILINE)


def sections(page: Path) -> dict[str, str]:
    """A page's parts by their headings."""
    _, *parts = re.split(r"^#+ (.*)$", page.read_text("utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


@pytest.fixture
def casa(team: Team, monkeypatch: pytest.MonkeyPatch, answers: list[str]) -> Team:
    """The groups that the pages have, casa's function deployed, their files there, and a person who says yes."""
    team.live = team.google.deployed("casa")
    team.live.grant(team.fivetran.groups[GROUP].caller)
    function = "  connector: acme\n  environment: dev\n  group: decent_dropsy\n"
    (team.root / "deploy.yaml").write_text(
        f"casa:\n{function}  schema: casa_export\n"
        f"casa-sdk:\n{function}  host: connector_sdk\n  schema: casa_sdk_export\n"
    )
    team.secrets()
    (team.root / "state.json").write_text('{"page": 1}')
    with zipfile.ZipFile(team.root / "casa-sdk.zip", "w") as archive:
        archive.writestr("connector.py", "")
    monkeypatch.setattr(deploy_package, "package", lambda *_: team.root / "casa-sdk.zip")
    monkeypatch.chdir(team.root)
    answers += ["y"] * 20
    return team


def run(casa: Team, command: str, capsys: pytest.CaptureFixture[str]) -> str:
    """One command, its output in a file where the page sends it there; what it printed."""
    words, _, file = command.partition(">")
    shown(capsys)
    connect(Repository(casa.root), asked(shlex.split(words)), casa.api())
    text = shown(capsys)
    if file:
        Path(file.strip()).write_text(text)
    return text


def of_schema(casa: Team, schema: str) -> Made:
    """The connection of a schema."""
    (found,) = [one for one in casa.fivetran.connections.values() if one.config["schema"] == schema]
    return found


def test_every_command_of_connecting_runs_in_its_order(
    casa: Team, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the second and third change nothing, as the page says."""
    commands = COMMAND.findall(CONNECTING.read_text("utf-8"))
    assert len(commands) == 11
    first, again, without_file, *others = commands
    screen = run(casa, first, capsys)
    casa.fivetran.calls.clear()
    assert run(casa, again, capsys).endswith("nothing to do\n")
    assert run(casa, without_file, capsys).endswith("nothing to do\n")
    assert casa.fivetran.writes() == []
    for command in others:
        run(casa, command, capsys)
    (kept,) = Path("build").glob("casa-state-*.json")
    assert json.loads(kept.read_text()) != {"page": 1}
    assert of_schema(casa, "casa_sdk_export").service == "connector_sdk"
    (block,) = re.findall(r"^```\n(casa: .*?)^```$", CONNECTING.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    shown_there = [line for line in block.splitlines() if "[y/N]" not in line]
    assert [_beginning(line) for line in shown_there] == [_beginning(line) for line in screen.splitlines()]


def _beginning(line: str) -> str:
    """What stays the same whatever the ids and addresses are."""
    return re.sub(r" of \w+$", "", line.partition(": ")[0])


def test_reading_everything_again_fills_the_new_schema_and_pauses_the_old(
    casa: Team, capsys: pytest.CaptureFixture[str]
) -> None:
    """With an empty state; the old rows stay where they are."""
    run(casa, "casa --secrets secrets.json", capsys)
    for command in COMMAND.findall(sections(MOVING)["Read everything again"]):
        run(casa, command, capsys)
    old, new = of_schema(casa, "casa_export"), of_schema(casa, "casa_sdk_export")
    assert (old.paused, len(old.rows["tickets"])) == (True, 4)
    assert (new.paused, new.state) == (False, {})


def test_copying_the_state_goes_on_where_the_function_stopped(
    casa: Team, capsys: pytest.CaptureFixture[str]
) -> None:
    """The new connection doesn't sync before it has the state; the last command takes it all back."""
    run(casa, "casa --secrets secrets.json", capsys)
    *commands, unpause, back = COMMAND.findall(sections(MOVING)["Copy state and tables"])
    for command in commands:
        run(casa, command, capsys)
    old, new = of_schema(casa, "casa_export"), of_schema(casa, "casa_sdk_export")
    assert (new.paused, new.succeeded_at, old.paused) == (True, None, True)
    assert new.state == old.state == {"page": 2}
    run(casa, unpause, capsys)
    assert (new.paused, bool(new.succeeded_at)) == (False, True)
    run(casa, back, capsys)
    assert not old.paused


def test_every_message_that_the_page_explains_exists() -> None:
    """In the words of the code."""
    rooms = (ROOT / "tools/locked/connecting", ROOT / "tools/locked/fivetran")
    source = "".join(path.read_text("utf-8") for room in rooms for path in room.glob("*.py"))
    table = sections(CONNECTING)["When it fails"]
    rows = [
        row for row in re.findall(r"^\| ([^|]+?) \|", table, re.MULTILINE) if row not in ("it says", "---")
    ]
    parts = [
        "answers",
        "has no group",
        "the schema",
        "takes no connection as it is",
        "the setup test failed",
        "Fivetran took",
        "can't be reached",
        "isn't known",
        "so it isn't Fivetran's",
    ]
    assert [part for part in parts if part not in source] == []
    assert [row for row, part in zip(rows, parts, strict=True) if part not in row] == []
