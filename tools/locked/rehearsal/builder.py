"""What Google's builder does with an upload, step by step, with its own flags.

From https://github.com/GoogleCloudPlatform/buildpacks (cmd/python/functions_framework, cmd/python/pip, 2026-08-22): every
file is compiled, the functions-framework is looked for by a regular expression, pip installs requirements.txt into a user
base that is the layer, its files are compiled, and `pip check` has the last word.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tools.environments.uv import find_uv
from tools.locked.rehearsal.pythons import Python, alone
from tools.repository.errors import RepositoryError

FRAMEWORK = re.compile(r"^functions-framework\b([^-]|$)", re.MULTILINE)
"""The builder's own: at a line's start, in lower case, with a hyphen."""

PIP = (
    "install", "--requirement", "requirements.txt", "--upgrade", "--upgrade-strategy", "only-if-needed",
    "--no-warn-script-location", "--no-warn-conflicts", "--force-reinstall", "--no-compile",
    "--disable-pip-version-check", "--no-cache-dir", "--user",
)  # fmt: skip
"""pip's arguments in the builder."""

OF_THE_MACHINE = (
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "PIP_CERT", "PIP_INDEX_URL",
    "REQUESTS_CA_BUNDLE", "SSL_CERT_DIR", "SSL_CERT_FILE",
)  # fmt: skip
"""How this machine reaches an index; nothing else of its settings has a say."""


@dataclass(frozen=True)
class Layer:
    """What was installed: the user base that holds it, how many distributions, and the seconds it took.

    `seconds` is None where the same pins had been installed for the same Python before.
    """

    path: Path
    distributions: int
    seconds: float | None


def unpack(members: Mapping[str, bytes], workspace: Path) -> None:
    """Write an upload's files under `workspace`. RepositoryError for a name that leads out of it."""
    for name, content in members.items():
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise RepositoryError(f"the upload has a file {name!r}, which leads out of it")
        path = workspace / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def build(python: Python, workspace: Path, layers: Path) -> Layer:
    """Build what was unpacked at `workspace`. RepositoryError in the failing step's words.

    The layer lies under `layers`; one that the same Python made of the same pins before is taken again.
    """
    requirements = (workspace / "requirements.txt").read_text("utf-8")
    if not FRAMEWORK.search(requirements):
        raise RepositoryError(
            "Google's builder sees no functions-framework in requirements.txt and would install versions of its own: "
            "add `functions-framework` to the connector's dependencies, then lock"
        )
    compile_everything(python, workspace)
    layer = layers / _key(python, workspace, requirements)
    with alone(layer):
        seconds = None if layer.exists() else _install(python, workspace, layer)
        layer.touch()
    _forget_old(layers)
    return Layer(layer, sum(1 for _ in layer.glob("lib/*/site-packages/*.dist-info")), seconds)


def _forget_old(layers: Path) -> None:
    """Remove the layers that no rehearsal has used for a month."""
    for layer in layers.glob("[0-9]*"):
        if layer.stat().st_mtime < time.time() - 30 * 86400:
            shutil.rmtree(layer, ignore_errors=True)


def compile_everything(python: Python, workspace: Path) -> None:
    """Compile every file of the upload: a syntax error in any fails the build."""
    _run(python, workspace, workspace, "compileall", "-f", "-q", ".")


def resolve_only(version: str, workspace: Path) -> str:
    """What uv says of installing requirements.txt on a Python that isn't here. RepositoryError if nothing fits."""
    uv = find_uv()
    if uv is None:
        raise RepositoryError(
            'uv isn\'t here, and nothing else resolves for another Python: pip install "nox[uv]"'
        )
    command = [
        uv, "pip", "install", "--dry-run", "--python-version", version, "--only-binary", ":all:", "--require-hashes",
        "--python-platform", "x86_64-manylinux_2_28", "--target", "layer", "--requirement", "requirements.txt",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=workspace, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RepositoryError(
            f"requirements.txt can't be installed on Python {version}:\n{done.stderr.strip()}"
        )
    lines = [line for line in done.stderr.splitlines() if line.startswith("Would install")]
    return lines[0] if lines else "nothing to install"


def _install(python: Python, workspace: Path, layer: Path) -> float:
    """Install into a folder beside the layer, and name it the layer once it is whole; the seconds it took."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=layer.parent, prefix=".installing-") as folder:
        base = Path(folder) / "layer"
        _run(python, base, workspace, "pip", *PIP)
        _run(python, base, workspace, "compileall", "--invalidation-mode", "unchecked-hash", "-q", str(base))
        _run(python, base, workspace, "pip", "check", "--disable-pip-version-check")
        base.rename(layer)
    return time.monotonic() - started


def _run(python: Python, layer: Path, workspace: Path, *module: str) -> str:
    """Run a module as the builder does; what it prints."""
    here = {key: os.environ[key] for key in OF_THE_MACHINE if key in os.environ}
    with tempfile.TemporaryDirectory() as home:
        environment = {
            **here, "PATH": os.defpath, "HOME": home, "PIP_CONFIG_FILE": os.devnull, **python.variables(layer)
        }  # fmt: skip
        done = subprocess.run(
            [str(python.program), "-m", *module],
            cwd=workspace, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
    if done.returncode:
        said = "\n".join(part for part in (done.stdout.strip(), done.stderr.strip()) if part)
        raise RepositoryError(f"the build failed at `python -m {' '.join(module[:2])}`:\n{said}")
    return done.stdout


def _key(python: Python, workspace: Path, requirements: str) -> str:
    """Names a layer: the Python, the pins without the comments, and the wheels' bytes."""
    pins = [line for line in requirements.splitlines() if not line.lstrip().startswith("#")]
    total = hashlib.sha256("\n".join([str(python.program), python.version, *pins]).encode())
    for wheel in sorted(workspace.glob("wheels/*")):
        total.update(hashlib.sha256(wheel.read_bytes()).digest())
    return f"{python.version}-{total.hexdigest()[:16]}"
