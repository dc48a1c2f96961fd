"""Makes a package of the Connector SDK, build/KEY.zip: the same bytes from the same commit.

It holds what Fivetran's own command uploads of such a folder: connector.py, the connector and the runtime as folders, since a
local wheel can't be required there, requirements.txt, and the setup form as the SDK writes it. Fivetran installs the
requirements itself: pins without hashes, for its tools rewrite the file line by line, and without `requests` and the
SDK, which are there (https://fivetran.com/docs/connector-sdk/working-with-connector-sdk/project-dependencies).
"""

from __future__ import annotations

import io
import re
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tools.environments.locks import locks_of
from tools.environments.virtual_environments import connector_sdk_environment
from tools.local.connector_sdk import CONNECTOR, NO_CONNECTOR, has_connector
from tools.locked.deploying.tracked import tracked_files
from tools.repository.errors import RepositoryError, at
from tools.repository.model import Project, Repository, requirement_name
from tools.repository.names import normalized

if TYPE_CHECKING:
    from tools.locked.declared.deployments import Deployment

MEMBER_MOMENT = (2020, 2, 2, 0, 0, 0)
"""The time of every file in an archive: a checkout's own would differ each time."""

PREINSTALLED = frozenset({"requests", "fivetran-connector-sdk"})
"""Distributions that Fivetran has installed, in versions of its own."""

OF_FUNCTIONS = frozenset({"functions-framework"})
"""What only a function's host needs of a connector's requirements."""

DROPPED = frozenset({"__pycache__", "lib", "include", "files", "crash-reports"})
"""Folders that Fivetran's command leaves out (fivetran_connector_sdk 2.13.1, constants.EXCLUDED_DIRS), as it does hidden ones."""

_PIN = re.compile(r"^(?P<pin>(?P<name>[A-Za-z0-9._-]+)==[^\s\\;]+(?: ; [^\\]+?)?) *\\?$")
_FORM = "fivetran_emulator.connector_sdk.form"


def package(repository: Repository, one: Deployment) -> Path:
    """Make build/KEY.zip and return it, whole or not at all.

    RepositoryError if the connector is a plain function, a lock is stale, a folder would be left out by Fivetran's command,
    or the SDK can't make the form of it.
    """
    project = repository.connector(one.connector)
    if not has_connector(project):
        raise RepositoryError(NO_CONNECTOR.format(name=project.name))
    ships = locks_of(repository, project.name)[0]
    if stale := list(ships.problems(repository.root)):
        raise RepositoryError(stale)
    files = dict(_files(repository, project))
    if dropped := sorted(name for name in files if DROPPED & {*name.split("/")[:-1]} or "/." in f"/{name}"):
        raise RepositoryError(
            f"{at(project.path, repository.root)}: Fivetran's command would leave out {', '.join(dropped)}; rename"
        )
    files["connector.py"] = CONNECTOR.format(module=project.module).encode()
    pins = requirements(repository, project, ships.file.read_text("utf-8"))
    files["requirements.txt"] = "".join(f"{pin}\n" for pin in pins).encode()
    files["configuration_form.pb"] = _form(repository, project, files)
    made = repository.root / "build" / f"{one.key}.zip"
    made.parent.mkdir(exist_ok=True)
    unfinished = made.with_suffix(".unfinished")
    unfinished.write_bytes(archive(files))
    return unfinished.replace(made)


def _files(repository: Repository, project: Project) -> Iterator[tuple[str, bytes]]:
    """The connector's package and those of this repository that it stands on, of what git tracks."""
    for part in (project, *repository.local_dependencies(project, test=False)):
        source = part.path / "src"
        for file in tracked_files(repository.root, source):
            yield file.path.relative_to(source).as_posix(), file.path.read_bytes()


def requirements(repository: Repository, project: Project, lock: str) -> list[str]:
    """The pins of a lock that have to be installed there, sorted: what is asked for, and what that needs."""
    asked = [*project.requirements(test=False)]
    for local in repository.local_dependencies(project, test=False):
        asked += [*local.requirements(test=False), *repository.extra_requirements(project, local)]
    wanted = {normalized(requirement_name(text)) for text in asked} - PREINSTALLED - OF_FUNCTIONS
    pins = dict(_pins(lock))
    grown = True
    while grown:
        more = {name for name, (_, asking) in pins.items() if wanted & asking} - PREINSTALLED
        grown = not more <= wanted
        wanted |= more
    return [pin for name, (pin, _) in sorted(pins.items()) if name in wanted]


def _pins(lock: str) -> Iterator[tuple[str, tuple[str, set[str]]]]:
    """Each distribution of a lock: its pin without hashes, and the distributions that ask for it, as uv notes them."""
    for entry in re.split(r"\n(?=[A-Za-z0-9])", f"\n{lock}"):
        if found := _PIN.match(entry.split("\n")[0]):
            noted = re.findall(r"^ +# +(?:via +)?([A-Za-z0-9._-]+)", entry, re.MULTILINE)
            yield normalized(found["name"]), (found["pin"].strip(), {normalized(name) for name in noted})


def _form(repository: Repository, project: Project, files: Mapping[str, bytes]) -> bytes:
    """The setup form as the SDK encodes it, made of the package's own files in an environment with the SDK."""
    environment = connector_sdk_environment(repository, project).prepare()
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        command = [str(environment.python), "-B", "-m", _FORM, folder]
        done = subprocess.run(command, capture_output=True, check=False, cwd=folder)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise RepositoryError(
            f"{at(project.path, repository.root)}: the Connector SDK can't make its setup form:\n{said}"
        )
    return done.stdout


def archive(files: Mapping[str, bytes]) -> bytes:
    """The files as a zip, without compression: zlib's bytes differ between builds of Python."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as packed:
        for name in sorted(files):
            member = zipfile.ZipInfo(name, MEMBER_MOMENT)
            member.create_system = 3  # Unix, on whatever it is made
            member.external_attr = 0o100644 << 16
            packed.writestr(member, files[name])
    return made.getvalue()
