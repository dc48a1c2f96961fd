from __future__ import annotations

import pytest
from generated_repository import commit_all, git
from small_repository import Write

from tools.locked.checks.checks import Result, run
from tools.repository.model import Repository

SOURCE = "connectors/acme/src/connector_acme/x.py"
PRACTICE = "connectors/acme/practice.py"
TEST = "connectors/acme/tests/test_x.py"

# Put together here, so that the check finds none of them in this file.
AWS = "AKIA" + "IOSFODNN7EXAMPLE"
GITHUB = "ghp" + "_wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx"
SLACK = "xox" + "b-34532454-e039d02840a0b9379c"
STRIPE = "sk" + "_live_ReTllpYQYfIZu2Jnf2lAPFjD"
SENDGRID = "SG" + ".ngeVfQFYQlKU0ufo8x5d1A.TwL2iGABf9DHoTf-09kqeF8tAmbihYzrnopKc-1s5cr"
KEY = "-----BEGIN " + "PRIVATE KEY-----"
RANDOM = "c3VwZXIgbG9uZyBz" + "dHJpbmcgc2hvdWxkIGNhdXNlIGVub3VnaCBlbnRyb3B5"
HEX = "2b00042f7481c7b0" + "56c4b410d28f33cf"
MADE_UP = "correct-horse-" + "battery"


def result(repository: Repository) -> Result:
    """What the check says once everything is committed."""
    commit_all(repository.root, "all of it")
    return run(Repository(repository.root), ["secrets"])["secrets"]


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (SOURCE, f'KEY = "{AWS}"'),
        (SOURCE, f"# was {GITHUB}"),
        (SOURCE, f'x = "{RANDOM}"'),
        (SOURCE, f'x = "{HEX}"'),
        (SOURCE, f'URL = "https://robot:{MADE_UP}@api.acme.com"'),
        ("deploy.yaml", f"acme:\n  connector: acme\n  environment: dev\n  env: {{API_PASSWORD: {MADE_UP}}}"),
        ("connectors/acme/README.md", f'```json\n{{"api_key": "{MADE_UP}"}}\n```'),
        (PRACTICE, f'secrets = {{"token": "{SLACK}"}}'),
        (TEST, f'TOKEN = "{STRIPE}"'),
        (TEST, f'TOKEN = "{SENDGRID}"'),
        ("connectors/acme/tests/key.json", f'{{"private_key": "{KEY}\\nMIIE"}}'),
        ("docs/key.txt", f"\n\n{KEY}\nMIIE"),
    ],
)
def test_a_committed_secret_is_found_and_not_repeated(
    small: Repository, write: Write, path: str, line: str
) -> None:
    """What a provider issues anywhere, what is called or looks like a secret outside of tests; never its value."""
    write(path, line + "\n")
    problems = list(result(small))
    assert problems
    assert {problem.where.partition(":")[0] for problem in problems} == {path}
    shown = "".join(map(str, problems))
    assert "revoke it" in shown
    assert all(value not in shown for value in (AWS, GITHUB, SLACK, STRIPE, SENDGRID, RANDOM, HEX, MADE_UP))


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (PRACTICE, f'secrets = {{"password": "{MADE_UP}", "api_key": "{RANDOM}"}}'),
        (TEST, f'PASSWORD = "{MADE_UP}"\nURL = "https://robot:{MADE_UP}@localhost"'),
        ("connectors/acme/tests/released.json", '{"secrets": {"api_key": "required"}}'),
        ("connectors/acme/README.md", '```json\n{"api_key": "<api_key>"}\n```'),
        ("connectors/acme/requirements.txt", f"requests==2.32.0 --hash=sha256:{HEX}{HEX}"),
        (SOURCE, f'x = "{RANDOM}"  # pragma: allowlist secret'),
        (SOURCE, 'COMMIT = "0123456789"'),
    ],
)
def test_what_opens_nothing_is_no_alarm(small: Repository, write: Write, path: str, line: str) -> None:
    """Practice sources and tests make up passwords by the dozen; a pragma vouches for a line."""
    write(path, line + "\n")
    assert list(result(small)) == []


def test_only_what_git_tracks_is_looked_at(small: Repository, write: Write) -> None:
    """A real source's secrets lie beside the connector, ignored."""
    write(".gitignore", "real-secrets.json\n")
    write("connectors/acme/real-secrets.json", f'{{"token": "{GITHUB}"}}\n')
    assert list(result(small)) == []
    git(small.root, "add", "--force", "connectors/acme/real-secrets.json")
    assert len(list(run(small, ["secrets"])["secrets"])) == 1


def test_without_git_it_says_that_nothing_was_looked_at(small: Repository) -> None:
    """It isn't silently green."""
    found = run(small, ["secrets"])["secrets"]
    assert found.not_checked.startswith("this isn't a git repository")
