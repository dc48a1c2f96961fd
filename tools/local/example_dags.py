"""The example DAGs of docs/airflow, run for real: Airflow can start syncs in the place of Fivetran's own schedule."""

from __future__ import annotations

import tempfile

from tools.environments.virtual_environments import airflow_environments
from tools.local.processes import foreground
from tools.repository.errors import RepositoryError
from tools.repository.model import Repository


def run(repository: Repository) -> None:
    """Run them on each Airflow that is locked. RepositoryError names those where something was wrong."""
    failed = []
    for name, environment in airflow_environments(repository).items():
        python = str(environment.prepare().python)
        with tempfile.TemporaryDirectory() as home:
            command = [python, "-m", "tools.airflow.dag_run", "docs/airflow", home]
            if foreground(command, cwd=repository.root):
                failed.append(name)
    if failed:
        raise RepositoryError(f"The example DAGs don't run as they should on {', '.join(failed)}")
