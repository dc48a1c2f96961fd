from __future__ import annotations

import re
from pathlib import Path

from mutants.reference import Reference

from fivetran_emulator.contract import Trials
from fivetran_emulator.practice import Source

PAGE = Path(__file__).parents[4] / "docs" / "contract.md"
PRACTICE = "from mutants.source import practice\nsource, secrets = practice().source, practice().secrets\n"


def practice_file(folder: Path) -> Path:
    path = folder / "practice.py"
    path.write_text(PRACTICE, "utf-8")
    return path


def test_what_the_page_shows_works(tmp_path: Path) -> None:
    """A trial of the page's own, on the reference connector: a row goes while it is read."""
    [block] = [
        one
        for one in re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
        if "Trials" in one
    ]
    practice_file(tmp_path)
    names = {"main": Reference(), "Path": Path, "__file__": str(tmp_path / "tests" / "test_acme.py")}
    exec(block, names)  # noqa: S102 - our own page
    assert len(names["trial"].connection.warehouse.tables["tickets"]) == 35  # type: ignore[attr-defined]


def test_each_trial_has_the_source_as_it_was(tmp_path: Path) -> None:
    """What one changes, the next does not see."""
    trials = Trials(Reference(), practice=practice_file(tmp_path))
    trials().rows["users"].remove("u01")
    assert len(trials().rows["users"]) == 47


def test_another_source_may_take_its_place(tmp_path: Path) -> None:
    """Asked with the same secrets; limits are those of a deployment."""
    other = Source()
    other.route("/me")(lambda _request: {"id": 1})
    trial = Trials(Reference(), practice=practice_file(tmp_path))(other, timeout_s=7)
    assert trial.limits == {"FIVETRAN_TIMEOUT_S": "7"}
    assert trial.connection.call(setup_test=True).reply.status == 200
    assert "HTTP 404" in trial.connection.sync().exchanges[-1].error
