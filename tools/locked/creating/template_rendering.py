"""Makes a new connector from tools/template: eight files that sync and pass every check on their first day.

It touches nothing outside connectors/NAME. `nox -s ci_config` makes the test job, and removing the folder and running
that again takes everything back.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from cookiecutter.main import cookiecutter

from tools.environments.locks import lock
from tools.local.scaffolding import next_steps, refuse
from tools.repository.errors import RepositoryError, at, run_as_command
from tools.repository.model import Repository
from tools.repository.names import dataset, distribution, import_name

TEMPLATE = Path(__file__).parents[2] / "template"


def create(repository: Repository, name: str) -> Path:
    """Render the template to connectors/NAME; its path. RepositoryError for a bad name or one that is taken."""
    refuse(repository, name)
    answers = {
        "name": name,
        "title": " ".join(word.capitalize() for word in name.split("-")),
        "module": import_name(name),
        "distribution": distribution(name),
        "dataset": dataset(name),
    }
    connectors = repository.root / "connectors"
    connectors.mkdir(exist_ok=True)
    # default_config: neither a user's ~/.cookiecutterrc nor a question may change what everybody gets.
    cookiecutter(
        str(TEMPLATE), no_input=True, extra_context=answers, output_dir=str(connectors), default_config=True
    )
    return connectors / name


def main(arguments: list[str]) -> int:
    """Create the connector named, with its locks."""
    repository = Repository(Path.cwd())
    name = arguments[0]
    path = create(repository, name)
    print(f"{at(path, repository.root)} made")
    try:
        lock(Repository(repository.root), [name])
    except RepositoryError as error:
        print(
            f"{error}\n\nIts locks couldn't be made. With an index at hand: nox -s lock -- {name}",
            file=sys.stderr,
        )
        return 1
    except BaseException:
        shutil.rmtree(path)
        raise
    print(next_steps(name))
    return 0


if __name__ == "__main__":
    run_as_command(main)
