"""C35, C50: what earlier releases promised, from the record in tests/released.json."""

from __future__ import annotations

import re
from itertools import combinations

from fivetran_emulator.contract.check import NotRun, Violation, check
from fivetran_emulator.contract.checks.security import required_secrets
from fivetran_emulator.contract.releases import Release, breaks, fits, following, numbers, tables_of, write
from fivetran_emulator.contract.subject import PracticeSubject

__all__ = ["CHECKS", "record"]

_COMMAND = "nox -s tests -- NAME -k C35 --write-released"


def record(subject: PracticeSubject) -> str:
    """Write what the connector promises now under its present version; a sentence that says so.

    Raises ValueError when the version must be raised first, or there is none.
    """
    if subject.version is None or subject.released is None:
        raise ValueError("there is no __version__ in src/*/__init__.py to record it under")
    write(subject.released, _now(subject, subject.version))
    return f"{subject.version} is recorded in {subject.released.parent.name}/{subject.released.name}"


def _now(subject: PracticeSubject, version: str) -> Release:
    required = required_secrets(subject)
    secrets = subject.trial().connection.secrets
    return Release(
        version,
        tables_of(subject.clean.connection),
        {key: "required" if key in required else "optional" for key in sorted(secrets)},
        subject.clean.state,
    )


def _recorded(subject: PracticeSubject) -> list[Release]:
    if not subject.releases:
        raise NotRun(f"no release is recorded; do so before the first one is deployed: {_COMMAND}")
    return subject.releases


def _latest(subject: PracticeSubject) -> Release:
    """The last release up to the present version."""
    recorded = _recorded(subject)
    version = subject.version
    if version is None or not re.fullmatch(r"\d+\.\d+\.\d+", version):
        return recorded[-1]
    upto = [one for one in recorded if numbers(one.version) <= numbers(version)]
    return upto[-1] if upto else recorded[0]


@check("C35", "columns as released", risk="change its columns without a word when the source renames a field")
def released_columns(subject: PracticeSubject) -> None:
    """Tables, keys and columns are those recorded for the last release, with the same kinds of values."""
    latest = _latest(subject)
    if differs := list(fits(latest.tables, tables_of(subject.clean.connection))):
        raise Violation(
            "; ".join(differs),
            expected=f"the tables of {latest.version} in tests/released.json",
            cause=f"a field that the source has renamed; or a change that is meant: then {_COMMAND} records it",
            reproduce=["an undisturbed sync"],
        )


@check("C50", "an update breaks nobody", risk="break queries when it is updated")
def compatible_releases(subject: PracticeSubject) -> None:
    """Within a major version no table, column or key goes, no column changes its kind, and no secret becomes required."""
    for earlier, later in combinations(_recorded(subject), 2):
        if not (broken := breaks(earlier, later)):
            continue
        raise Violation(
            "; ".join(broken),
            expected=f"a version that says so, {following(earlier.version)} or later, not {later.version}",
            cause="a column renamed or dropped in a small release: queries and connections that rely on it break",
        )


CHECKS = [released_columns, compatible_releases]
