from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.repository.errors import RepositoryError
from tools.repository.names import (
    NAME,
    dataset,
    distribution,
    import_name,
    name_problem,
    require_known_sessions,
    respelt,
    sessions_asked_for,
    unknown,
)


@pytest.mark.parametrize("name", ["a", "acme", "acme-billing", "s3", "a1-2b-3"])
def test_names_of_the_rule_are_taken(name: str) -> None:
    """Lower-case words joined by hyphens need no explanation."""
    assert name_problem(name) is None


@pytest.mark.parametrize(
    "name", ["Acme", "acme_billing", "3com", "acme--x", "-acme", "acme-", "ac me", "ä", "a" * 51, ""]
)
def test_other_names_are_refused_with_a_reason(name: str) -> None:
    """Whoever mistypes a name reads what is wrong with that very name."""
    problem = name_problem(name)
    assert problem
    assert name in problem


@given(st.text(max_size=80))
def test_a_suggestion_is_always_a_name(text: str) -> None:
    """What is suggested instead would be taken."""
    suggestion = respelt(text)
    assert suggestion is None or name_problem(suggestion) is None


@given(st.from_regex(NAME, fullmatch=True), st.from_regex(NAME, fullmatch=True))
def test_different_names_never_meet(one: str, other: str) -> None:
    """No two connectors share a distribution, an import or a dataset."""
    for spelling in (import_name, distribution, dataset):
        assert (spelling(one) == spelling(other)) == (one == other)


def test_an_unknown_name_gets_the_nearest_and_the_list() -> None:
    """A typing error is one look away from a fix."""
    message = str(unknown("connector", "bugzila", ["casa", "bugzilla"]))
    assert "Did you mean `bugzilla`?" in message
    assert "bugzilla, casa" in message


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-s", "snyc"], "There is no session `snyc`. Did you mean `sync`?"),
        (["--sessions", "lint", "tets"], "Did you mean `tests`?"),
        (["-s", "tests(acm)"], "There is no connector or package `acm`. Did you mean `acme`?"),
    ],
)
def test_an_unknown_session_gets_the_nearest_match(arguments: list[str], said: str) -> None:
    """Nox itself would only say that it isn't found."""
    asked = sessions_asked_for(arguments)
    with pytest.raises(RepositoryError, match=re.escape(said)):
        require_known_sessions(asked, ["lint", "sync", "tests"], ["acme", "other"])


@pytest.mark.parametrize(
    "arguments", [[], ["-l"], ["-s", "sync", "--", "snyc"], ["-k", "tst"], ["-s", "tests(acme)"]]
)
def test_what_is_no_session_or_is_one_passes(arguments: list[str]) -> None:
    """Arguments of sessions and nox's other options are not looked at."""
    require_known_sessions(sessions_asked_for(arguments), ["lint", "sync", "tests"], ["acme", "other"])
