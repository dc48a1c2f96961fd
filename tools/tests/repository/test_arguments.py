from __future__ import annotations

import pytest

from tools.repository.arguments import Arguments
from tools.repository.errors import RepositoryError


@pytest.fixture
def arguments() -> Arguments:
    parser = Arguments("sync")
    parser.add_argument("name")
    parser.add_argument("--secrets")
    return parser


def test_an_option_mistyped_is_named_with_the_one_meant(arguments: Arguments) -> None:
    """Nobody reads a manual for a missing letter."""
    with pytest.raises(RepositoryError, match=r"what is `--secret`\? Did you mean `--secrets`\?"):
        arguments.read(["acme", "--secret", "file"])


def test_a_near_miss_is_not_passed_on(arguments: Arguments) -> None:
    """`--secret` must not become an option of another program, which may take it for something else."""
    with pytest.raises(RepositoryError, match="Did you mean `--secrets`"):
        arguments.read_known(["acme", "--secret=file"])


def test_other_options_are_passed_on(arguments: Arguments) -> None:
    """The emulator's own options reach it untouched and in order."""
    options, others = arguments.read_known(["acme", "--json", "--schema", "x"])
    assert options.name == "acme"
    assert others == ["--json", "--schema", "x"]


def test_what_is_missing_is_said_with_the_usage(arguments: Arguments) -> None:
    """One message holds both the mistake and the form."""
    with pytest.raises(RepositoryError, match=r"required: name\nusage: nox -s sync --"):
        arguments.read([])
