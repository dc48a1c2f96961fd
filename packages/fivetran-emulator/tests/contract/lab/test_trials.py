from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from mutants.reference import Reference

from fivetran_emulator.contract import Trial, Trials
from fivetran_emulator.contract.lab.trial import trials_of
from fivetran_emulator.errors import PracticeError
from fivetran_emulator.practice import Source

PAGE = Path(__file__).parents[5] / "docs" / "contract.md"
PRACTICE = "from mutants.source import practice\nsource, secrets = practice().source, practice().secrets\n"


def practice_file(folder: Path) -> Path:
    path = folder / "practice.py"
    path.write_text(PRACTICE, "utf-8")
    return path


def test_what_the_page_shows_works(tmp_path: Path) -> None:
    """A test of the page's own, on the reference connector: a row disappears while it is read."""
    [block] = [
        one
        for one in re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
        if "new_trial" in one
    ]
    trials: list[Trial] = []
    made = Trials(Reference(), practice=practice_file(tmp_path))
    names: dict[str, Any] = {}
    exec(block, names)  # noqa: S102 - our own page

    def new_trial(**limits: object) -> Trial:
        trials.append(made(**limits))
        return trials[-1]

    names["test_a_ticket_that_disappears_while_it_is_read"](new_trial)
    assert len(trials[0].connection.warehouse.tables["tickets"]) == 35


def test_trials_are_of_the_connector_in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own main and practice source, as the fixtures have it; without a connector the message says what to do."""
    practice_file(tmp_path)
    with pytest.raises(PracticeError, match=r"once; there is none.*Run pytest in a connector's folder"):
        trials_of(tmp_path)
    package = tmp_path / "src" / "connector_of_a_trial"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("from mutants.reference import Reference\nmain = Reference()\n")
    monkeypatch.syspath_prepend(str(package.parent))
    assert trials_of(tmp_path)().connection.sync().complete


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
