"""Fivetran's Connector SDK: the one release that may be used here, and in no lock but its own."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tools.environments.virtual_environments import connector_sdk_environment, connector_sdk_lock
from tools.repository.model import Repository

ROOT = Path(__file__).parents[3]
FORBIDDEN = re.compile(
    r"^(fivetran[-_.]connector[-_.]sdk[-_.]core|fivetran[-_.]cli|fivetran[-_.]connector[-_.]sdk(?!==2\.13\.1 |-core))(?![-\w]).*$",
    re.MULTILINE | re.IGNORECASE,
)
"""3.x and its core have another licence; 2.13.1 is the last release under MIT."""


def test_no_lock_names_another_release_of_the_sdk_its_core_or_its_command() -> None:
    """Whoever upgrades a lock gets what its licence forbids here, unless this fails."""
    tracked = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "*requirements*.txt"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    found = {name: FORBIDDEN.findall((ROOT / name).read_text("utf-8")) for name in tracked}
    assert "tools/requirements-connector-sdk.txt" in found
    assert not {name: lines for name, lines in found.items() if lines}


@pytest.mark.parametrize(
    "line",
    [
        "fivetran-connector-sdk==3.0.0 \\",
        "fivetran_connector_sdk==2.13.2 \\",
        "fivetran-connector-sdk-core==3.0.1 \\",
        "fivetran-cli==1.0.0 \\",
    ],
)
def test_such_a_line_is_found(line: str) -> None:
    """However the name is written."""
    assert FORBIDDEN.search(f"requests==2.34.2 \\\n{line}\n")
    assert not FORBIDDEN.search("fivetran-connector-sdk==2.13.1 \\\n")


@pytest.mark.connector("casa")
def test_a_connectors_own_requirements_win_over_the_sdks() -> None:
    """As at Fivetran, where the SDK is installed beneath them; and it is in no other environment."""
    repository = Repository(ROOT)
    environment = connector_sdk_environment(repository, repository.connector("casa"))
    assert environment.beneath == (connector_sdk_lock(repository),)
    assert connector_sdk_lock(repository) not in environment.locks
