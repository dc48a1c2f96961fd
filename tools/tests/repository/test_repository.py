from __future__ import annotations

from pathlib import Path

import pytest
from small_repository import Write, add_project

from tools.repository.errors import RepositoryError
from tools.repository.model import Repository, group, requirement_extras, requirement_name


def test_projects_are_found_in_the_folders(small: Repository) -> None:
    """A folder with its two files is a project; nobody has to list it."""
    assert list(small.connectors) == ["acme", "other-one"]
    assert list(small.packages) == ["fivetran-runtime"]
    assert small.subjects == ["acme", "other-one", "fivetran-runtime", "tools"]
    assert small.connector("acme").version == "0.1.0"


@pytest.mark.parametrize("missing", ["pyproject.toml", "src/connector_acme/__init__.py"])
def test_half_a_connector_is_an_error_with_its_name(small: Repository, missing: str) -> None:
    """A connector whose file was forgotten isn't silently untested."""
    (small.root / "connectors/acme" / missing).unlink()
    with pytest.raises(
        RepositoryError, match=rf"connectors/acme: this folder is half a connector: it has no {missing}"
    ):
        Repository(small.root).connectors  # noqa: B018 - the search is what raises


def test_every_half_connector_is_named_at_once(small: Repository, write: Write) -> None:
    """Whoever cleans up sees the whole work."""
    write("connectors/first/README.md", "")
    write("connectors/second/README.md", "")
    with pytest.raises(RepositoryError) as raised:
        Repository(small.root).connectors  # noqa: B018
    assert [problem.where for problem in raised.value.problems] == ["connectors/first", "connectors/second"]


def test_what_runs_leave_behind_is_no_connector(small: Repository, write: Write) -> None:
    """Caches of a connector that lives on another branch disturb nobody."""
    write("connectors/removed/src/connector_removed/__pycache__/x.pyc", "")
    write("connectors/removed/.pytest_cache/README.md", "")
    assert list(Repository(small.root).connectors) == ["acme", "other-one"]


def test_a_badly_named_folder_is_refused(small: Repository) -> None:
    """A name that can't be deployed is found before it is deployed."""
    (small.root / "connectors/acme").rename(small.root / "connectors/Acme_1")
    source = small.root / "connectors/Acme_1/src"
    (source / "connector_acme").rename(source / "connector_Acme_1")
    with pytest.raises(RepositoryError, match="try `acme-1`"):
        Repository(small.root).connectors  # noqa: B018


def test_finding_nothing_is_an_error(tmp_path: Path) -> None:
    """A run that tests nothing must not be green."""
    with pytest.raises(RepositoryError, match="no folder under connectors/ or packages/"):
        Repository(tmp_path).subjects  # noqa: B018


def test_local_dependencies_are_those_of_this_repository(small: Repository) -> None:
    """Only a package with a folder here is installed from a folder."""
    found = small.local_dependencies(small.connector("acme"), test=True)
    assert [package.name for package in found] == ["fivetran-runtime"]


def test_dependency_groups_include_each_other() -> None:
    """A group may be built from another, as the standard has it."""
    pyproject = {"dependency-groups": {"test": ["a", {"include-group": "more"}], "more": ["b"]}}
    assert group(pyproject, "test") == ["a", "b"]


@pytest.mark.parametrize(
    "text", ["requests", "requests>=2", "requests[socks] ; python_version > '3'", " requests @ file:x"]
)
def test_the_name_of_a_requirement(text: str) -> None:
    """Whatever follows it, the name is what it starts with."""
    assert requirement_name(text) == "requests"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("fivetran-runtime", "`fivetran-runtime` is a package's name already"),
        ("tools", "`tools` is what the repository's own tools are called"),
    ],
)
def test_a_connector_cant_be_called_what_something_else_is(
    small: Repository, write: Write, name: str, expected: str
) -> None:
    """`nox -s tests -- NAME` would mean two things, and a test job of the name two jobs."""
    add_project(
        write, f"connectors/{name}", f"connector_{name.replace('-', '_')}", name=f"fivetran-connector-{name}"
    )
    with pytest.raises(RepositoryError, match=f"^connectors/{name}: {expected}"):
        _ = Repository(small.root).connectors


def test_the_tools_are_no_project_and_arent_offered_as_one(small: Repository) -> None:
    """`nox -s bump -- tools patch`: what can be bumped is listed, and nothing else is suggested."""
    with pytest.raises(RepositoryError) as raised:
        small.project("tools")
    assert "`tools`." in str(raised.value)
    assert "Did you mean" not in str(raised.value)
    assert str(raised.value).count("tools") == 1


@pytest.mark.parametrize(
    ("text", "extras"),
    [
        ("requests", []),
        ("requests>=2", []),
        ("requests[socks, Use_Chardet]>=2 ; python_version > '3'", ["socks", "use-chardet"]),
        (" fivetran-runtime [crypto] @ file:x", ["crypto"]),
        ("requests[]", []),
    ],
)
def test_the_extras_of_a_requirement(text: str, extras: list[str]) -> None:
    """As indexes compare their names."""
    assert requirement_extras(text) == extras


def test_an_extra_of_a_package_of_ours_is_what_a_connector_asks_for(small: Repository, write: Write) -> None:
    """And nothing for a connector that does not."""
    write(
        "packages/fivetran-runtime/pyproject.toml",
        '[project]\nname = "fivetran-runtime"\n[project.optional-dependencies]\ncrypto = ["cryptography>=44"]\n',
    )
    pyproject = small.connector("acme").pyproject_file
    pyproject.write_text(pyproject.read_text().replace('"fivetran-runtime"', '"fivetran-runtime[crypto]"'))
    again = Repository(small.root)
    runtime = again.packages["fivetran-runtime"]
    assert again.extra_requirements(again.connector("acme"), runtime) == ["cryptography>=44"]
    assert again.extra_requirements(again.connector("other-one"), runtime) == []
    [local] = again.local_dependencies(again.connector("acme"), test=False)
    assert local == runtime
