"""Stages exactly what Google receives for one function, in build/FUNCTION/: the same bytes from the same commit.

gcloud uploads a folder, and everything in it. So the folder is made from nothing each time and holds no more than
what runs: an allow-list in .gcloudignore says so a second time. In-repository packages go as hashed wheels, since pip
in Google's builder refuses anything unhashed beside hashed lines.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.environments.locks import locks_of
from tools.locked.deploying.deployments import Deployment, deployment
from tools.repository.errors import RepositoryError, at, run_as_command
from tools.repository.model import Project, Repository

IGNORE = """\
# Made by `nox -s bundle`: nothing but this is uploaded.
*
!main.py
!requirements.txt
!{module}/
!{module}/**
!wheels/
!wheels/*.whl
"""

WORTHLESS = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")


def stage(repository: Repository, one: Deployment) -> Path:
    """Make build/FUNCTION/ anew and return it. RepositoryError if a lock is stale or a wheel can't be built."""
    project = repository.connector(one.connector)
    ships = locks_of(repository, project.name)[0]
    if stale := list(ships.problems(repository.root)):
        raise RepositoryError(stale)
    folder = repository.root / "build" / one.key
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "wheels").mkdir(parents=True)
    (folder / "main.py").write_text(
        f'"""Made by `nox -s bundle`: what Google calls."""\n\nfrom {project.module} import main as main\n',
        "utf-8",
    )
    shutil.copytree(project.path / "src" / project.module, folder / project.module, ignore=WORTHLESS)
    wheels = [
        build_wheel(package, folder / "wheels")
        for package in repository.local_dependencies(project, test=False)
    ]
    (folder / "requirements.txt").write_text(
        ships.file.read_text("utf-8") + "".join(map(requirement, wheels)), "utf-8"
    )
    (folder / ".gcloudignore").write_text(IGNORE.format(module=project.module), "utf-8")
    return folder


def build_wheel(package: Project, folder: Path) -> Path:
    """The package's wheel in `folder`. hatchling makes the same bytes each time, or RepositoryError says why not."""
    with tempfile.TemporaryDirectory() as made:
        command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", made]
        done = subprocess.run(command, cwd=package.path, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RepositoryError(f"{package.path}: hatchling can't build its wheel:\n{done.stderr.strip()}")
        wheel = next(Path(made).glob("*.whl"))
        return Path(shutil.copy(wheel, folder / wheel.name))


def requirement(wheel: Path) -> str:
    """The line that installs a staged wheel and no other: pip resolves the path from where Google runs it."""
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return f"./wheels/{wheel.name} --hash=sha256:{digest}\n"


def digest(folder: Path) -> str:
    """The digest of a bundle: names and bytes of all its files, sorted."""
    total = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{path.relative_to(folder).as_posix()} {content}\n".encode())
    return total.hexdigest()


def main(arguments: list[str]) -> int:
    """Stage the function named and list what would be uploaded."""
    repository = Repository(Path.cwd())
    folder = stage(repository, deployment(repository, arguments[0]))
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        print(f"{path.stat().st_size:>9,}  {at(path, repository.root)}")
    print(f"sha256 {digest(folder)}")
    return 0


if __name__ == "__main__":
    run_as_command(main)
