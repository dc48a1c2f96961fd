"""How large a function is: what of its upload is ours, and all that Google's builder installs for it."""

from __future__ import annotations

import compileall
import io
import shutil
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from tools.environments.locks import locks_of
from tools.environments.virtual_environments import VirtualEnvironment
from tools.locked.declared.deployments import deployment
from tools.locked.deploying.bundle import stage
from tools.repository.model import Repository

MEASURED = "casa"
"""The function that is measured: a plain connector of one source, without a library of its own."""

_REQUIREMENTS = "requirements.txt"
_NOT_INSTALLED = shutil.ignore_patterns("pip", "pip-*", "__pycache__", "_virtualenv*")
"""What an environment is made with here, and is not the function's."""


@dataclass(frozen=True)
class BundleSize:
    """Bytes of the upload that are ours, compressed; bytes of all that is installed, compiled; how many distributions that is."""

    ours: int
    installed: int
    distributions: int


def bundle_size(repository: Repository) -> BundleSize:
    """The size of one function. RepositoryError if there is no bundle of it, or its requirements cannot be installed."""
    staged = stage(repository, deployment(repository, MEASURED))
    site = next(_environment(repository).path.glob("lib/python*/site-packages"))
    with tempfile.TemporaryDirectory(prefix="bundle-") as folder:
        return BundleSize(compressed_size(staged), *installed_size(staged, site, Path(folder) / "function"))


def compressed_size(staged: Path) -> int:
    """What the bundle takes in a zip, as gcloud makes one, but for its requirements.txt: only others' names and hashes are in it."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in sorted(staged.rglob("*")):
            if file.is_file() and file.name != _REQUIREMENTS:
                packed.write(file, file.relative_to(staged).as_posix())
    return len(made.getvalue())


def installed_size(staged: Path, site: Path, folder: Path) -> tuple[int, int]:
    """Put a bundle and what it requires into `folder`, compiled as pip does it: how many bytes, and how many distributions."""
    shutil.copytree(site, folder, ignore=_NOT_INSTALLED)
    for wheel in staged.glob("wheels/*.whl"):
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(folder)
    shutil.copytree(staged, folder, ignore=shutil.ignore_patterns("wheels"), dirs_exist_ok=True)
    compileall.compile_dir(folder, quiet=2)
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return size, sum(1 for _ in folder.glob("*.dist-info"))


def _environment(repository: Repository) -> VirtualEnvironment:
    """What the connector's requirements make: nothing of its tests, and nothing of this repository."""
    ships = locks_of(repository, MEASURED)[0]
    path = repository.root / ".nox" / "environments" / "benchmark-bundle"
    return VirtualEnvironment(path, (ships.file,), lock_command=f"nox -s lock -- {MEASURED}").prepare()
