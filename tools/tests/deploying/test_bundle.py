from __future__ import annotations

import ast
import hashlib
import os
import re
import shutil
import zipfile
from pathlib import Path

import pytest
from generated_repository import commit_all, generate, git, write_locks

from tools.locked.declared.deployments import deployment, deployments
from tools.locked.deploying.bundle import MOMENT, digest, files_of, left_out, stage
from tools.locked.deploying.package import MEMBER_MOMENT
from tools.locked.rehearsal.functions import LiveFunction
from tools.locked.rehearsal.google import FakeGoogle
from tools.locked.rehearsal.uploading import compare, deploy_command, run_gcloud
from tools.repository.errors import RepositoryError
from tools.repository.model import Repository

gcloud_here = pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud isn't on this machine")


@pytest.fixture
def acme(tmp_path: Path) -> Repository:
    """A repository of one connector, committed."""
    return generate(tmp_path / "repository", ["acme"], git=True)


def bundled(repository: Repository, *, key: str = "acme") -> Path:
    """The bundle of the function called `key`."""
    return stage(repository, deployment(repository, key))


def package(repository: Repository) -> Path:
    """The folder of acme's package."""
    return repository.root / "connectors/acme/src/connector_acme"


def test_a_bundle_holds_what_runs_and_nothing_else(whole: Repository) -> None:
    """No tests, caches, notes or ignore files; every Python file of it compiles, or Google's build would fail."""
    for one in deployments(whole).values():
        folder = stage(whole, one)
        module = whole.connector(one.connector).module
        expected = rf"main\.py|requirements\.txt|{module}/.+|wheels/fivetran_runtime-[\d.]+-py3-none-any\.whl"
        assert [name for name in files_of(folder) if not re.fullmatch(expected, name)] == []
        for path in folder.rglob("*.py"):
            ast.parse(path.read_text("utf-8"))


def test_a_bundle_is_the_same_to_the_byte(
    acme: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In another clone, later, under another umask, locale, time zone and build date: a commit gives one bundle."""
    before = digest(bundled(acme))
    git(tmp_path, "clone", "--quiet", str(acme.root), "elsewhere")
    for name, value in {
        "SOURCE_DATE_EPOCH": "1700000000",
        "LC_ALL": "tr_TR.UTF-8",
        "TZ": "Asia/Tokyo",
    }.items():
        monkeypatch.setenv(name, value)
    umask = os.umask(0o077)
    try:
        folder = bundled(Repository(tmp_path / "elsewhere"))
    finally:
        os.umask(umask)
    assert digest(folder) == before
    assert {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()} == {0o644}
    assert {path.stat().st_mtime for path in folder.rglob("*")} == {MOMENT}


def test_its_wheels_depend_on_no_compression(acme: Repository) -> None:
    """Zlib's bytes differ between builds of Python, and a bundle's digest must not."""
    wheel = next((bundled(acme) / "wheels").iterdir())
    with zipfile.ZipFile(wheel) as archive:
        assert {member.compress_type for member in archive.infolist()} == {zipfile.ZIP_STORED}
        assert {member.date_time for member in archive.infolist()} == {MEMBER_MOMENT}


def test_a_function_ships_nothing_of_other_hosts(acme: Repository) -> None:
    """What the Connector SDK needs would only make a function's bundle larger."""
    wheel = next((bundled(acme) / "wheels").iterdir())
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.startswith("fivetran_runtime/")]
    assert "fivetran_runtime/function/handler.py" in names
    assert [name for name in names if "connector_sdk" in name] == []


def test_what_git_ignores_is_not_shipped_and_is_named(acme: Repository) -> None:
    """A file of real secrets in the package's folder stays on the machine."""
    for name in ("real-secrets.json", "__pycache__/x.pyc"):
        (package(acme) / name).parent.mkdir(exist_ok=True)
        (package(acme) / name).write_text("{}")
    assert [name for name in files_of(bundled(acme)) if "secrets" in name or "pyc" in name] == []
    named = ["connectors/acme/src/connector_acme/real-secrets.json"]
    assert left_out(acme, deployment(acme, "acme")) == named


def test_what_could_not_arrive_as_it_is_is_refused(acme: Repository) -> None:
    """All of it at once, each with the way out: links, submodules, files that aren't there, or that git doesn't know."""
    folder = package(acme)
    (folder / "link.py").symlink_to("__init__.py")
    (folder / "removed.py").write_text("")
    (folder / "large.bin").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    (folder / "back\\slash.txt").write_text("")
    (folder / os.fsdecode(b"\xff.txt")).write_text("")
    commit_all(acme.root, "more")
    commit = git(acme.root, "rev-parse", "HEAD")
    git(
        acme.root,
        "update-index",
        "--add",
        "--cacheinfo",
        f"160000,{commit},{folder.relative_to(acme.root)}/sub",
    )
    (folder / "removed.py").unlink()
    (folder / "new.py").write_text("")
    with pytest.raises(RepositoryError) as error:
        bundled(acme)
    refused = {Path(problem.where).name: problem.what for problem in error.value.problems}
    assert set(refused) == {
        "link.py",
        "removed.py",
        "large.bin",
        "back\\slash.txt",
        "\\xff.txt",
        "sub",
        "new.py",
    }
    assert all(problem.fix for problem in error.value.problems)
    assert not (acme.root / "build/acme").exists()


def test_a_file_of_the_runtime_that_git_does_not_know_is_refused(acme: Repository) -> None:
    """The wheel is made of what the commit has, or not at all."""
    (acme.root / "packages/fivetran-runtime/src/fivetran_runtime/scratch.py").write_text("")
    with pytest.raises(RepositoryError, match=r"scratch\.py: git doesn't track this"):
        bundled(acme)


def test_without_git_there_is_no_bundle(acme: Repository) -> None:
    """In words: what is shipped is what git tracks."""
    shutil.rmtree(acme.root / ".git")
    with pytest.raises(RepositoryError, match="what is shipped"):
        bundled(acme)


def test_a_plain_connector_is_bundled_without_wheels(acme: Repository) -> None:
    """`def main(request)`, without the runtime: main.py, its package and requirements.txt."""
    pyproject = acme.root / "connectors/acme/pyproject.toml"
    pyproject.write_text(pyproject.read_text().replace('    "fivetran-runtime",\n', ""))
    (package(acme) / "__init__.py").write_text(
        '__version__ = "0.1.0"\n\n\ndef main(request):\n    return {}\n'
    )
    fresh = Repository(acme.root)
    write_locks(fresh, ["acme"])
    assert list(files_of(bundled(fresh))) == ["connector_acme/__init__.py", "main.py", "requirements.txt"]


ODD_NAMES = (
    ".gitignore", ".gitattributes", "node_modules/data.json", ".git-blame-ignore-revs", "#x", "a b.txt",
    "naïve-Ω.json", ".hidden/!x", "*", ".gcloudignore",
)  # fmt: skip
"""What gcloud's default ignores, git, or a pattern might swallow."""

ALLOW_LIST = "*\n!main.py\n!requirements.txt\n!connector_acme/\n!connector_acme/**\n!wheels/\n!wheels/*.whl\n"
"""The .gcloudignore that a bundle once had."""


@gcloud_here
@pytest.mark.parametrize("generation", [1, 2])
def test_what_arrives_at_google_is_the_bundle(acme: Repository, generation: int) -> None:
    """Names and bytes of the zip that the real gcloud uploads, whatever the files are called."""
    for name in ODD_NAMES:
        (package(acme) / name).parent.mkdir(exist_ok=True)
        (package(acme) / name).write_text(f"{name}\n")
    git(acme.root, "add", "--force", ".")
    commit_all(acme.root, "odd names")
    (acme.root / "deploy.yaml").write_text(
        f"acme:\n  connector: acme\n  environment: dev\n  generation: {generation}\n  runtime: python312\n"
    )
    with FakeGoogle(project="dev-fivetran") as google:
        folder = bundled(acme)
        live = deploy_to(google, acme, folder)
        assert {f"connector_acme/{name}" for name in ODD_NAMES} <= set(compare(live, folder))


@gcloud_here
def test_an_allow_list_would_be_found_out(acme: Repository) -> None:
    """Gcloud uploads almost nothing under it, whatever it predicts; the build at Google fails, and so does the comparison."""
    with FakeGoogle(project="dev-fivetran") as google:
        folder = bundled(acme)
        (folder / ".gcloudignore").write_text(ALLOW_LIST)
        with pytest.raises(RepositoryError, match=r"missing main\.py"):
            deploy_to(google, acme, folder)
        (folder / ".gcloudignore").unlink()
        with pytest.raises(RepositoryError, match=r"main\.py: in the bundle, but not in the upload"):
            compare(next(iter(google.functions.values())), folder)


def deploy_to(google: FakeGoogle, repository: Repository, folder: Path) -> LiveFunction:
    """Deploy a bundle with the command of a deploy; the function at Google."""
    run_gcloud(google, deploy_command(repository, deployment(repository, "acme"), folder))
    return google.function("acme")


def test_every_line_of_its_requirements_is_hashed(acme: Repository) -> None:
    """The runtime's wheel too; and Google finds functions-framework where its builder looks, at a line's start."""
    folder = bundled(acme)
    text = (folder / "requirements.txt").read_text("utf-8")
    wheel = next((folder / "wheels").iterdir())
    assert f"./wheels/{wheel.name} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n" in text
    assert re.search(r"^functions-framework\b([^-]|$)", text, re.MULTILINE)
    entries = [
        line
        for line in re.sub(r"\\\n", " ", text).splitlines()
        if line.strip() and not line.strip().startswith("#")
    ]
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []


def test_a_stale_lock_is_never_bundled(acme: Repository) -> None:
    """What was tested is what ships, or nothing ships."""
    lock = acme.connector("acme").path / "requirements.txt"
    text = lock.read_text("utf-8")
    lock.write_text(text.replace("# Inputs: sha256:", "# Inputs: sha256:0"), "utf-8")
    with pytest.raises(RepositoryError, match="nox -s lock"):
        bundled(acme)
