"""Stages exactly what Google receives for one function, in build/FUNCTION/: the same bytes from the same commit.

gcloud uploads a folder, and everything in it. So the folder is made from nothing each time, of files that git tracks,
and holds main.py, the connector's package, wheels/ and requirements.txt. There is no .gcloudignore: gcloud's walk drops
almost everything under an allow-list that begins with `*`, and without .git files or node_modules at the top it ignores
nothing of its own (gcloud 528, command_lib/functions/source_util.py; tested on the zip that it uploads). In-repository
packages go as hashed wheels, since pip in Google's builder refuses anything unhashed beside hashed lines.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from tools.environments.locks import locks_of
from tools.locked.declared.deployments import Deployment, deployment
from tools.locked.deploying.package import MEMBER_MOMENT, package
from tools.locked.deploying.tracked import ignored_files, tracked_at_top, tracked_files
from tools.repository.errors import RepositoryError, at, run_as_command
from tools.repository.model import Project, Repository

MOMENT = 1580601600
"""2020-02-02T00:00:00Z, hatchling's choice: the time of every file, for a checkout's own would differ each time."""

OTHER_HOSTS = ("connector_sdk",)
"""Folders of the runtime that a function needs nothing of."""

MAIN = '"""Made by `nox -s bundle`: what Google calls."""\n\nfrom {module} import main as main\n'


def stage(repository: Repository, one: Deployment, *, stale_lock: bool = False) -> Path:
    """Make build/FUNCTION/ from nothing and return it, whole or not at all.

    RepositoryError if a lock is stale (unless `stale_lock`, which a person forces) or missing, a wheel can't be built,
    or a file of the package couldn't arrive as it is.
    """
    if not one.is_function:
        raise RepositoryError(f"{one.key}: `host: {one.host}` has a package, and no folder for Google")
    project = repository.connector(one.connector)
    ships = locks_of(repository, project.name)[0]
    if (stale := list(ships.problems(repository.root))) and not (stale_lock and ships.file.is_file()):
        raise RepositoryError(stale)
    folder = repository.root / "build" / one.key
    folder.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{one.key}-") as made:
        staged = Path(made) / "bundle"
        _fill(staged, repository, project, ships.file)
        _normalize(staged)
        shutil.rmtree(folder, ignore_errors=True)
        staged.rename(folder)
    return folder


def _fill(folder: Path, repository: Repository, project: Project, lock: Path) -> None:
    source = project.path / "src"
    files = tracked_files(repository.root, source / project.module)
    _write(folder / "main.py", MAIN.format(module=project.module).encode())
    for file in files:
        _write(folder / file.path.relative_to(source), file.path.read_bytes())
    packages = repository.local_dependencies(project, test=False)
    wheels = [
        build_wheel(repository, package, folder / "wheels", without=OTHER_HOSTS) for package in packages
    ]
    requirements = lock.read_bytes() + "".join(map(requirement, wheels)).encode()
    _write(folder / "requirements.txt", requirements)


def build_wheel(
    repository: Repository, package: Project, folder: Path, *, without: Sequence[str] = ()
) -> Path:
    """The package's wheel in `folder`, of what git tracks, except in folders named `without`.

    The same bytes each time. RepositoryError in hatchling's words.
    """
    files = [
        *tracked_at_top(repository.root, package.path),
        *tracked_files(repository.root, package.path / "src"),
    ]
    sources = tuple(
        (file.path.relative_to(package.path).as_posix(), file.path.read_bytes())
        for file in files
        if file.path.parent.name not in without
    )
    name, content = _built(at(package.path, repository.root), sources)
    _write(folder / name, content)
    return folder / name


@cache
def _built(where: str, sources: tuple[tuple[str, bytes], ...]) -> tuple[str, bytes]:
    """A wheel's name and bytes: once a process, for 300 functions stand on one runtime."""
    with tempfile.TemporaryDirectory() as made:
        for name, content in sources:
            _write(Path(made) / "sources" / name, content)
        command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", made]
        done = subprocess.run(
            command,
            cwd=Path(made) / "sources",
            env=_BUILD_ENVIRONMENT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RepositoryError(f"{where}: hatchling can't build its wheel:\n{done.stderr.strip()}")
        wheel = next(Path(made).glob("*.whl"))
        return wheel.name, _uncompressed(wheel)


_BUILD_ENVIRONMENT = {"PATH": os.defpath, "SOURCE_DATE_EPOCH": str(MOMENT), "LC_ALL": "C.UTF-8"}
"""Nothing of the caller's: a variable of theirs must not reach the bytes."""


def _uncompressed(wheel: Path) -> bytes:
    """The wheel without compression: zlib's bytes differ between builds of Python, and gcloud compresses anyway."""
    made = io.BytesIO()
    with zipfile.ZipFile(wheel) as packed, zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as plain:
        for name in packed.namelist():
            member = zipfile.ZipInfo(name, MEMBER_MOMENT)
            member.create_system = 3  # Unix, on whatever it is made
            member.external_attr = 0o100644 << 16
            plain.writestr(member, packed.read(name))
    return made.getvalue()


def requirement(wheel: Path) -> str:
    """The line that installs a staged wheel and no other: pip resolves the path from where Google runs it."""
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return f"./wheels/{wheel.name} --hash=sha256:{digest}\n"


def files_of(folder: Path) -> dict[str, str]:
    """A bundle's files and the sha256 of each, sorted by name as the uploaded zip has it."""
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: hashlib.sha256(found[name].read_bytes()).hexdigest() for name in sorted(found)}


def digest(folder: Path) -> str:
    """The digest of a bundle, 64 hexadecimal digits: names and bytes of all its files, sorted."""
    lines = "".join(f"{name} {content}\n" for name, content in files_of(folder).items())
    return hashlib.sha256(lines.encode()).hexdigest()


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _normalize(folder: Path) -> None:
    """Modes and times that no umask and no checkout decides: gcloud's zip keeps both."""
    for path in sorted([folder, *folder.rglob("*")], reverse=True):
        path.chmod(0o755 if path.is_dir() else 0o644)
        os.utime(path, (MOMENT, MOMENT))


def listing(folder: Path, root: Path) -> Iterator[str]:
    """What a person is shown of a bundle: each file with its size, then how many, how much, and the digest."""
    sizes = {name: (folder / name).stat().st_size for name in files_of(folder)}
    for name, size in sizes.items():
        yield f"{size:>9,}  {at(folder, root)}/{name}"
    yield f"{sum(sizes.values()):>9,}  bytes in {len(sizes)} files"
    yield f"sha256 {digest(folder)}"


def left_out(repository: Repository, one: Deployment) -> Sequence[str]:
    """Files in the package's folder that git ignores, so that they aren't shipped; caches aside."""
    project = repository.connector(one.connector)
    found = ignored_files(repository.root, project.path / "src" / project.module)
    return [at(path, repository.root) for path in found]


def main(arguments: list[str]) -> int:
    """Stage the function named and list what would be uploaded."""
    repository = Repository(Path.cwd())
    one = deployment(repository, arguments[0])
    if not one.is_function:
        print(at(package(repository, one), repository.root))
        return 0
    for line in listing(stage(repository, one), repository.root):
        print(line)
    for name in left_out(repository, one):
        print(f"left out, since git ignores it: {name}")
    return 0


if __name__ == "__main__":
    run_as_command(main)
