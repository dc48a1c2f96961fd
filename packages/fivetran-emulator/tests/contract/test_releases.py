from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mutants.matrix import subject_of
from mutants.reference import Reference

from fivetran_emulator.contract.check import NotRun, Violation
from fivetran_emulator.contract.checks import named
from fivetran_emulator.contract.checks.state import record
from fivetran_emulator.contract.releases import (
    Release,
    ReleasedTable,
    breaks,
    fits,
    numbers,
    read,
    version_of,
    write,
)


def release(
    version: str = "1.0.0", secrets: Mapping[str, Any] | None = None, **tables: ReleasedTable
) -> Release:
    return Release(version, tables or {"users": users()}, dict(secrets or {}), {"version": 1})


def users(*key: str, **columns: str) -> ReleasedTable:
    return ReleasedTable(list(key) or ["id"], {"id": "integer", **(columns or {"name": "text"})})


@pytest.mark.parametrize(
    ("later", "said"),
    [
        (release("1.1.0", users=users(age="integer")), "users.name is missing, unlike in 1.0.0"),
        (release("1.1.0", people=users()), "table users is missing, unlike in 1.0.0"),
        (release("1.1.0", users=users("name")), "the key of users is name, not id, unlike in 1.0.0"),
        (release("1.1.0", users=users(name="list")), "users.name is list, not text, unlike in 1.0.0"),
        (release("1.1.0", {"token": "required"}), "the secret token is required now, unlike in 1.0.0"),
    ],
)
def test_what_takes_away_breaks(later: Release, said: str) -> None:
    """Tables, columns, keys, kinds, secrets that were not needed."""
    assert breaks(release("1.0.0"), later) == [said]
    assert breaks(release("1.0.0"), Release("2.0.0", later.tables, later.secrets, {})) == []


def test_what_adds_does_not_break() -> None:
    """Columns and tables that are new, values where there were none, fractions, secrets that may be left out."""
    earlier = release(users=users(name="null", age="integer", email="text"), secrets={"token": "required"})
    later = release(
        "1.2.0",
        {"token": "required", "limit": "optional"},
        users=users(name="text", age="number", email="null", city="text"),
        groups=users(),
    )
    assert breaks(earlier, later) == []


def test_before_the_first_major_version_the_minor_one_may_break() -> None:
    """As semver has it for 0.x."""
    assert breaks(release("0.1.0"), release("0.1.1", people=users()))
    assert not breaks(release("0.1.0"), release("0.2.0", people=users()))


def test_every_difference_from_the_record_is_reported() -> None:
    """Also those that break nobody: a field that is new upstream, a column that has become empty."""
    seen = {"users": users(name="null", city="text", id="text"), "groups": users()}
    recorded = {"users": users(name="text", age="integer"), "teams": users()}
    assert list(fits(recorded, seen)) == [
        "users.age is missing",
        "table teams is missing",
        "users.city is new",
        "users.id is text, not integer",
        "users.name has no value any more",
        "table groups is new",
    ]


def test_a_record_is_not_overwritten_with_less(tmp_path: Path) -> None:
    """The version has to be raised first; what was there stays."""
    path = tmp_path / "released.json"
    write(path, release("1.0.0"))
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"users\.name is missing, unlike in 1\.0\.0"):
        write(path, release("1.0.0", users=users(age="integer")))
    assert path.read_bytes() == before
    write(path, release("1.10.0", users=users(name="text", age="integer")))
    write(path, release("1.9.0"))
    with pytest.raises(
        ValueError, match=r"users\.city is missing.*\n1\.9\.5 cannot promise less: raise it to 2\.0\.0"
    ):
        write(path, release("1.9.5", users=users(name="text", city="text")))
    write(path, release("2.0.0", users=users(age="integer")))
    assert [one.version for one in read(path)] == ["1.0.0", "1.9.0", "1.10.0", "2.0.0"]


@pytest.mark.parametrize(
    "text", ["<<<<<<< HEAD", "{}", "", '{"made by": "", "releases": [{"version": "1"}]}']
)
def test_a_record_that_cannot_be_read_is_reported(tmp_path: Path, text: str) -> None:
    """A merge that went wrong is no release that never was."""
    path = tmp_path / "released.json"
    path.write_text(text, "utf-8")
    subject = replace(subject_of(Reference), released=path)
    for check in ("C31", "C35", "C50"):
        with pytest.raises(Violation, match=r"released\.json is not a record of releases"):
            named(check).run(subject)


def test_without_a_record_the_checks_are_not_run(tmp_path: Path) -> None:
    """And say how to make one."""
    subject = replace(subject_of(Reference), released=tmp_path / "released.json")
    for check in ("C35", "C50"):
        with pytest.raises(NotRun, match="--write-released"):
            named(check).run(subject)


def test_a_record_holds_what_the_connector_does(tmp_path: Path) -> None:
    """Written once more, it is the same file."""
    path = tmp_path / "released.json"
    assert record(replace(subject_of(Reference), released=path)).startswith("1.1.0 is recorded")
    [latest] = json.loads(path.read_text("utf-8"))["releases"]
    assert latest["secrets"] == {"token": "required", "url": "required"}
    assert latest["tables"]["tickets"]["columns"]["price"] == "number"
    before = path.read_bytes()
    record(replace(subject_of(Reference), released=path))
    assert path.read_bytes() == before


def test_a_connector_without_a_version_cannot_be_recorded(tmp_path: Path) -> None:
    """There would be nothing to record it under."""
    with pytest.raises(ValueError, match="__version__"):
        record(replace(subject_of(Reference), released=tmp_path / "released.json", version=None))


def test_the_version_is_the_sources(tmp_path: Path) -> None:
    """Not that of an installed package, which may be an older one."""
    assert version_of(tmp_path) is None
    source = tmp_path / "src" / "connector_acme"
    source.mkdir(parents=True)
    for line in ('__version__ = "1.2.3"', "__version__ = '1.2.3'", '__version__: str = "1.2.3"'):
        (source / "__init__.py").write_text(f'"""Acme."""\n\n{line}\n', "utf-8")
        assert version_of(tmp_path) == "1.2.3"


@pytest.mark.parametrize(
    "version", ["1.0", "1.0.0rc1", "-1.0.0", " 1.0.0", "1_0.0.0", "01.0.0", "\uff11.0.0"]
)
def test_a_version_is_three_numbers(version: str) -> None:
    """Or there would be no order among them, and no telling which may break."""
    with pytest.raises(ValueError, match="is not three numbers"):
        numbers(version)


def test_releases_are_held_against_every_one_before_them(tmp_path: Path) -> None:
    """What 1.1.0 took away is not given back by 1.2.0, and not forgiven by 2.0.0."""
    path = tmp_path / "released.json"
    for version in ("1.0.0", "1.1.0", "2.0.0"):
        record(replace(subject_of(Reference), released=path, version=version))
    kept = json.loads(path.read_text("utf-8"))
    kept["releases"][1]["tables"]["users"]["columns"].pop("age")
    path.write_text(json.dumps(kept), "utf-8")
    with pytest.raises(Violation, match=r"users\.age is missing, unlike in 1\.0\.0"):
        named("C50").run(replace(subject_of(Reference), released=path))


def test_the_columns_are_those_of_the_version_that_is_tested(tmp_path: Path) -> None:
    """A fix of an older one is not held against the newest."""
    path = tmp_path / "released.json"
    record(replace(subject_of(Reference), released=path, version="1.0.0"))
    kept = json.loads(path.read_text("utf-8"))
    newer = {**kept["releases"][0], "version": "2.0.0", "tables": {}}
    path.write_text(json.dumps({**kept, "releases": [*kept["releases"], newer]}), "utf-8")
    named("C35").run(replace(subject_of(Reference), released=path, version="1.0.7"))
    with pytest.raises(Violation, match="table users is new"):
        named("C35").run(replace(subject_of(Reference), released=path, version="2.0.0"))
