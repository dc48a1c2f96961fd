from __future__ import annotations

from datetime import date

import pytest
from small_repository import Write

from tools.locked.deploying.bump import bump
from tools.repository.errors import RepositoryError
from tools.repository.model import Repository

TODAY = date(2026, 3, 2)
CHANGELOG = """# Changelog

## [Unreleased]

### Added

- `tickets`.

## [0.0.9] - 2026-01-01

- First.
"""


@pytest.mark.parametrize(("part", "version"), [("major", "1.0.0"), ("minor", "0.2.0"), ("patch", "0.1.1")])
def test_a_version_is_raised_in_the_source_and_dated_in_the_changelog(
    small: Repository, write: Write, part: str, version: str
) -> None:
    """What was under Unreleased is the new version's; Unreleased is there again, empty."""
    changelog = write("connectors/acme/CHANGELOG.md", CHANGELOG)
    project = small.connector("acme")
    assert bump(small, project, part, today=TODAY) == version
    assert project.init_file.read_text() == f'__version__ = "{version}"\n'
    assert changelog.read_text() == CHANGELOG.replace(
        "## [Unreleased]\n", f"## [Unreleased]\n\n## [{version}] - 2026-03-02\n"
    )
    with pytest.raises(RepositoryError, match="nothing under Unreleased"):
        bump(small, project, part, today=TODAY)


def test_a_package_is_bumped_too_and_a_heading_keeps_its_spelling(small: Repository, write: Write) -> None:
    """Whoever writes Unreleased without brackets gets numbers without."""
    changelog = write("packages/fivetran-runtime/CHANGELOG.md", "# Changelog\n\n## Unreleased\n\n- Faster.\n")
    assert bump(small, small.project("fivetran-runtime"), "minor", today=TODAY) == "0.2.0"
    assert changelog.read_text() == "# Changelog\n\n## Unreleased\n\n## 0.2.0 - 2026-03-02\n\n- Faster.\n"


@pytest.mark.parametrize(
    ("changelog", "expected"),
    [
        ("# Changelog\n\n## [0.1.0] - 2026-01-01\n\n- First.\n", r"no section `## \[Unreleased\]`"),
        (
            "# Changelog\n\n## [Unreleased]\n\n### Added\n\n## [0.1.0]\n\n- First.\n",
            "nothing under Unreleased",
        ),
    ],
)
def test_nothing_is_changed_where_there_is_nothing_to_release(
    small: Repository, write: Write, changelog: str, expected: str
) -> None:
    """A version without a word for whoever runs it isn't made; neither file is touched."""
    file = write("connectors/acme/CHANGELOG.md", changelog)
    with pytest.raises(RepositoryError, match=expected):
        bump(small, small.connector("acme"), "patch", today=TODAY)
    assert file.read_text() == changelog
    assert small.connector("acme").version == "0.1.0"


def test_a_version_of_another_shape_is_a_persons_to_raise(small: Repository, write: Write) -> None:
    """Nobody guesses what follows 1.0.0rc1."""
    write("connectors/acme/CHANGELOG.md", CHANGELOG)
    write("connectors/acme/src/connector_acme/__init__.py", '__version__ = "1.0.0rc1"\n')
    with pytest.raises(RepositoryError, match="by hand"):
        bump(small, small.connector("acme"), "patch", today=TODAY)
