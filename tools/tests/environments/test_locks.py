from __future__ import annotations

import re

import pytest
from small_repository import Write

from tools.environments.locks import Lock, locks_of, source_problems
from tools.locked.checks.pins import Pin, pin_problems, pins_of
from tools.repository.model import Repository

HASH = "--hash=sha256:" + "0" * 64


def shipped(repository: Repository) -> Lock:
    """The lock of what acme ships, read again."""
    return locks_of(Repository(repository.root), "acme")[0]


def make(repository: Repository, *pins: str) -> Lock:
    """Write acme's shipped lock with these pins, as made from today's inputs."""
    lock = shipped(repository)
    body = "".join(f"{pin} \\\n    {HASH}\n" for pin in pins)
    lock.file.write_text(lock.header(repository.root) + body, "utf-8")
    return lock


def problems(repository: Repository) -> list[str]:
    """What is wrong with acme's shipped lock, without a network."""
    lock = shipped(repository)
    found = [*lock.problems(repository.root), *pin_problems(repository, lock)]
    return [problem.what for problem in found]


def test_a_lock_made_from_todays_inputs_is_current(small: Repository) -> None:
    """Nothing is reported that needs no fix."""
    make(small, "requests==2.32.0", "urllib3==2.2.0")
    assert problems(small) == []


def test_a_missing_lock_is_named_with_the_command(small: Repository) -> None:
    """The way out stands beside the problem."""
    (found,) = shipped(small).problems(small.root)
    assert (found.where, found.fix) == ("connectors/acme/requirements.txt", "run `nox -s lock -- acme`")


@pytest.mark.parametrize(
    "file", ["connectors/acme/pyproject.toml", "packages/fivetran-runtime/pyproject.toml"]
)
def test_a_new_requirement_makes_the_lock_stale(small: Repository, file: str) -> None:
    """Also one of the runtime, which every connector ships."""
    make(small, "requests==2.32.0")
    path = small.root / file
    path.write_text(
        re.sub(r"dependencies = \[", 'dependencies = ["msgspec", ', path.read_text("utf-8")), "utf-8"
    )
    assert any("was made from another connectors/acme/pyproject.toml" in what for what in problems(small))


def test_a_new_requirement_of_an_extra_makes_the_lock_stale_where_it_is_asked_for(small: Repository) -> None:
    """What ships with `fivetran-runtime[crypto]` has to be in the lock; another connector's stays as it is."""
    pyproject = small.root / "connectors/acme/pyproject.toml"
    pyproject.write_text(pyproject.read_text().replace('"fivetran-runtime"', '"fivetran-runtime[crypto]"'))
    before = [
        [lock.digest() for lock in locks_of(Repository(small.root), name)] for name in ("acme", "other-one")
    ]
    runtime = small.root / "packages/fivetran-runtime/pyproject.toml"
    extra = '\n[project.optional-dependencies]\ncrypto = ["cryptography>=44"]\n'
    runtime.write_text(runtime.read_text("utf-8") + extra, "utf-8")
    after = [
        [lock.digest() for lock in locks_of(Repository(small.root), name)] for name in ("acme", "other-one")
    ]
    assert before[0][0] != after[0][0]
    assert before[1] == after[1]


def test_a_comment_doesnt_make_the_lock_stale(small: Repository) -> None:
    """Only what decides a lock's content counts."""
    make(small, "requests==2.32.0")
    path = small.root / "connectors/acme/pyproject.toml"
    path.write_text("# a remark\n" + path.read_text("utf-8"), "utf-8")
    assert problems(small) == []


def test_the_test_lock_follows_the_shipped_one(small: Repository) -> None:
    """Tests run with the very versions that ship: new pins there make the test lock stale."""
    make(small, "requests==2.32.0")
    before = locks_of(small, "acme")[1].digest()
    make(small, "requests==2.32.1")
    assert locks_of(small, "acme")[1].digest() != before


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"requests>=2 {HASH}", "`requests>=2` isn't one exact version"),
        (f"requests==2.* {HASH}", "`requests==2.*` isn't one exact version"),
        (f"requests @ https://example.org/requests.whl {HASH}", "isn't one exact version"),
        ("requests==2.32.0", "requests has no hash"),
        (f"requests==2.30.0 {HASH}", "requests is pinned to 2.30.0, but >=2.31 is asked for"),
        (f"urllib3==2.2.0 {HASH}", "requests is required but not pinned"),
        (f"fivetran-runtime==9.9.9 {HASH}", "fivetran-runtime is of this repository"),
    ],
)
def test_a_lock_that_would_install_something_else_is_refused(
    small: Repository, line: str, expected: str
) -> None:
    """Nothing unpinned, unhashed, unfit or of our own name is ever asked of an index."""
    lock = shipped(small)
    lock.file.write_text(f"{lock.header(small.root)}{line}\n", "utf-8")
    assert any(expected in what for what in problems(small))


def test_pins_are_read_with_markers_and_lines() -> None:
    """A universal lock may name a distribution twice, each with its marker."""
    text = f"# head\nnumpy==1.0 ; python_version < '3.12' \\\n    {HASH} \\\n    {HASH}\n    # via pandas\nnumpy==2.0 ; python_version >= '3.12' \\\n    {HASH}\n"
    assert list(pins_of(text)) == [Pin("numpy", "1.0", 2, 2), Pin("numpy", "2.0", 1, 6)]


@pytest.mark.index
@pytest.mark.connector("casa")
def test_compiling_twice_changes_nothing(whole: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    """`lock --check` on a fresh clone finds every lock as it would make it."""
    from tools.environments.locks import lock

    lock(whole, ["casa"], check=True)
    assert capsys.readouterr().out.count("current") == 2


def test_a_lock_needs_no_network_to_be_checked(small: Repository, write: Write) -> None:
    """`nox -s check` works on a train."""
    write("connectors/acme/requirements.txt", "requests==2.32.0\n")
    assert problems(small)


def test_what_is_no_project_has_no_sources_to_name(small: Repository) -> None:
    """The tools' lock and Airflow's come from the root's groups: making every lock goes past them."""
    assert source_problems(small, "tools") == []
    assert source_problems(small, "airflow") == []
