"""The state, read and changed by hand."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import Emulator, Json

from fivetran_emulator.protocol.kept_state import merged

STATE_PAGE = (Path(__file__).parents[4] / "docs" / "state.md").read_text("utf-8")
OURS: Json = {
    "version": 1,
    "connector": "acme",
    "tables": {
        "tickets": {
            "mark": "2026-01-31T12:00:00Z",
            "since": "2026-01-31T11:50:00Z",
            "at": {"page": 7},
            "seen": "2026-02-01T08:00:00Z",
        },
        "users": {"mark": 42},
    },
    "sync": {"id": "S1", "done": ["users"]},
}


def synced(emulator: Emulator, state: Json) -> None:
    emulator.answering({"state": state})


def kept(emulator: Emulator) -> object:
    return json.loads(emulator.look("state", "get", "--json").out)


def test_get_prints_the_state_as_it_was_sent(emulator: Emulator) -> None:
    """Behaviour 27: byte for byte with `--json`."""
    emulator.answering(b'{"state": {"b": 1.0,  "a": []}}')
    assert emulator.look("state", "get", "--json").out == '{"b": 1.0,  "a": []}\n'


def test_get_explains_each_table_in_a_sentence(emulator: Emulator) -> None:
    """Behaviour 27: where each table stands, for states as fivetran-runtime writes them."""
    synced(emulator, OURS)
    assert emulator.look("state", "get").out.splitlines()[-3:] == [
        (
            "tickets: read completely up to 2026-01-31T12:00:00Z; a pass is open, asking for 2026-01-31T11:50:00Z on"
            ' and goes on at {"page":7}'
        ),
        "users: read completely up to 42",
        "A sync is under way: users done in it.",
    ]


def test_a_foreign_state_is_printed_without_a_word(emulator: Emulator) -> None:
    """Behaviour 27: what another function means by its state is its own affair."""
    synced(emulator, {"cursor": "x"})
    assert emulator.look("state", "get").out == '{\n  "cursor": "x"\n}\n'


def test_get_fails_when_none_was_ever_written(emulator: Emulator) -> None:
    """Behaviour 27: as Fivetran's REST API does."""
    assert emulator.answering(b"no json").status == 1
    outcome = emulator.look("state", "get")
    assert outcome.status == 2
    assert "no state was ever written for `main`" in outcome.err


@pytest.mark.parametrize("action", ["set", "patch"])
def test_null_changes_nothing(emulator: Emulator, action: str) -> None:
    """Behaviour 27: as Fivetran's REST API has it."""
    synced(emulator, OURS)
    assert emulator.look("state", action, "null").status == 0
    assert kept(emulator) == OURS


def test_set_replaces_the_state_and_the_next_sync_begins_there(emulator: Emulator, tmp_path: Path) -> None:
    """Behaviour 27: from the command line or a file."""
    synced(emulator, {"cursor": 1})
    (tmp_path / "state.json").write_text('{"cursor":  2}')
    assert emulator.look("state", "set", f"@{tmp_path / 'state.json'}").status == 0
    synced(emulator, {"cursor": 3})
    assert emulator.function.requests[0]["state"] == {"cursor": 2}


def test_patch_moves_one_mark(emulator: Emulator) -> None:
    """Behaviour 27: members that are not named stay, members that are null go."""
    synced(emulator, OURS)
    patch = '{"sync": null, "tables": {"tickets": {"mark": "2025-12-24", "since": null, "at": null, "seen": null}}}'
    assert "tickets: read completely up to 2025-12-24" in emulator.look("state", "patch", patch).out
    assert kept(emulator) == {
        "version": 1,
        "connector": "acme",
        "tables": {"tickets": {"mark": "2025-12-24"}, "users": {"mark": 42}},
    }


def test_reset_makes_the_next_sync_read_everything(emulator: Emulator) -> None:
    """Behaviour 27: rows and tables stay."""
    emulator.answering({"state": OURS, "insert": {"t": [{"a": 1}]}})
    assert "the next sync reads everything" in emulator.look("state", "reset").out
    assert kept(emulator) == {}
    assert emulator.rows("SELECT a FROM t") == [(1,)]


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({**OURS, "version": 2}, "`version` is 2, not 1"),
        ({**OURS, "version": True}, "`version` is true, not 1"),
        ({**OURS, "connector": "other"}, '`connector` is "other", and the state belongs to "acme"'),
        ({"tables": {}}, "`version` is null"),
        ({**OURS, "tables": []}, "`tables` is not an object"),
        ({**OURS, "tables": {"users": 1}}, "`tables.users` is not an object"),
        (
            {**OURS, "tables": {"users": {"mark": 1.5}}},
            "`tables.users.mark` is 1.5, neither a number nor text",
        ),
        (
            {**OURS, "tables": {"users": {"first": True}}},
            "`tables.users.first` is true, neither a number nor text",
        ),
        ({**OURS, "tables": {"users": {"kinds": "int"}}}, '`tables.users.kinds` is "int", not a list'),
        ({**OURS, "tables": {"users": {"at": 3}}}, "`tables.users.at` is 3, not an object"),
        ([], "a state is a JSON object"),
    ],
)
def test_what_the_runtime_cannot_read_is_an_error(emulator: Emulator, changed: object, problem: str) -> None:
    """Behaviour 27: reported before the next sync fails over it; the state stays."""
    synced(emulator, OURS)
    outcome = emulator.look("state", "set", json.dumps(changed))
    assert outcome.status == 2
    assert problem in outcome.err
    assert kept(emulator) == OURS


def test_every_problem_of_a_state_is_reported_at_once(emulator: Emulator) -> None:
    """One attempt shows them all."""
    synced(emulator, OURS)
    outcome = emulator.look("state", "set", '{"version": 9, "connector": "x", "tables": {"t": 1}}')
    assert len([line for line in outcome.err.splitlines() if line.startswith("error: ")]) == 3


@pytest.mark.parametrize("text", re.findall(r"```json\n(.*?)```", STATE_PAGE, re.DOTALL))
def test_the_states_of_the_page_are_let_through(emulator: Emulator, text: str) -> None:
    """Behaviour 27: what docs/state.md shows, whole states and single tables, is accepted."""
    shown = json.loads(text)
    state = shown if "version" in shown else {**OURS, "tables": {"tickets": shown}}
    synced(emulator, {**OURS, "connector": state["connector"]})
    assert emulator.look("state", "set", json.dumps(state)).status == 0
    assert "warning" not in emulator.look("state", "set", json.dumps(state)).out
    assert emulator.look("state", "set", "{}").status == 0


def test_members_that_a_release_added_are_kept_and_stay_quiet(emulator: Emulator) -> None:
    """Behaviour 27: no list of the runtime's members can grow old: what the connection's state has is right."""
    table = {"mark": 1, "restarts": 2, "under": "digest"}
    synced(emulator, {**OURS, "tokens": {}, "tables": {"users": table}})
    said = emulator.look("state", "patch", '{"tables": {"users": {"mark": 0}}}')
    assert (said.status, said.out) == (
        0,
        "users: read completely up to 0\nA sync is under way: users done in it.\n",
    )
    assert kept(emulator)["tables"]["users"] == {**table, "mark": 0}  # type: ignore[index]


@pytest.mark.parametrize("member", re.findall(r"set (?:its )?`\"?(\w+)", STATE_PAGE))
def test_what_the_page_has_people_add_is_no_surprise(emulator: Emulator, member: str) -> None:
    """Behaviour 27: the patches of docs/state.md are made without a warning."""
    synced(emulator, OURS)
    value = json.dumps({"tables": {"users": {member: True if member == "whole" else "x"}}})
    outcome = emulator.look("state", "patch", value)
    assert outcome.status == 0
    assert "warning" not in outcome.out


def test_a_member_that_is_new_is_kept_with_a_warning(emulator: Emulator) -> None:
    """It may be a newer release's, or misspelt: the runtime passes over what it does not know."""
    synced(emulator, OURS)
    changed = {**OURS, "table": {}, "tables": {"users": {"marks": 1}}}
    outcome = emulator.look("state", "set", json.dumps(changed))
    assert outcome.status == 0
    assert (
        "warning: `table` is in no part of the state before; is it spelt as in docs/state.md?" in outcome.out
    )
    assert "warning: `tables.users.marks` is in no part" in outcome.out
    assert kept(emulator) == changed


def test_a_value_that_is_no_json_is_status_2(emulator: Emulator) -> None:
    """The state is not touched."""
    synced(emulator, OURS)
    assert emulator.look("state", "set", "{cursor: 1}").status == 2
    assert kept(emulator) == OURS


json_values = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("ab", max_size=1), inner, max_size=2),
)


@given(json_values, json_values)
def test_a_patch_that_was_made_changes_nothing_again(state: object, patch: object) -> None:
    """Merging twice is merging once, and no member is left null by it."""
    once = merged(state, patch)
    assert merged(once, patch) == once


def test_a_version_that_no_release_reads_is_an_error_and_the_usual_one_never(emulator: Emulator) -> None:
    """Also where the state before is of another function."""
    synced(emulator, {"n": 1})
    assert emulator.look("state", "set", '{"version": 99, "connector": "acme", "tables": {}}').status == 2
    assert emulator.look("state", "set", '{"version": 1, "connector": "acme", "tables": {}}').status == 0
