"""Runs the example DAGs in the Airflow of this interpreter: `python -m tools.airflow.dag_run DAGS_FOLDER HOME`.

Each runs once against a connection that syncs and once against one that fails. What counts is what the API was asked and how
the tasks ended, not that a process exited with 0. HOME is Airflow's, an empty folder.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import subprocess
import sys
import time
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tools.airflow.fivetran_api import KEY, SECRET, Connection, FivetranApi, served

TASKS = {
    "fivetran_acme": ("fivetran_import",),
    "fivetran_acme_with_sensor": ("fivetran_start", "fivetran_wait"),
}
"""The example DAGs, and the tasks that each is to consist of."""


def configure(home: Path, dags: Path) -> None:
    """Point Airflow at an empty home, the example DAGs and the practice key; before it is imported."""
    os.environ.update(
        AIRFLOW_HOME=str(home),
        AIRFLOW__CORE__DAGS_FOLDER=str(dags),
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        AIRFLOW__CORE__UNIT_TEST_MODE="False",
        AIRFLOW__LOGGING__LOGGING_LEVEL="ERROR",
        AIRFLOW_CONN_FIVETRAN_DEFAULT=json.dumps({"conn_type": "fivetran", "login": KEY, "password": SECRET}),
        AIRFLOW_VAR_ACME_CONNECTOR_ID="syncs",
    )


def migrate() -> None:
    """Make Airflow's database. RuntimeError with its output if it can't."""
    airflow = Path(sys.executable).with_name("airflow")
    done = subprocess.run([airflow, "db", "migrate"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"airflow db migrate: {done.stdout[-2000:]}{done.stderr[-2000:]}")


def dag_bag(dags: Path) -> Any:
    """The DAGs as Airflow's scheduler loads them. RuntimeError with its messages if one doesn't load."""
    try:
        from airflow.dag_processing.dagbag import DagBag  # noqa: PLC0415 - Airflow 3
    except ImportError:
        from airflow.models.dagbag import DagBag  # noqa: PLC0415 - Airflow 2
    bag = DagBag(dag_folder=str(dags))
    if bag.import_errors or set(bag.dags) != set(TASKS):
        raise RuntimeError(f"DAGs {sorted(bag.dags)}, import errors: {bag.import_errors}")
    return bag


def run(dag: Any, connection: str) -> dict[str, str]:
    """Run a DAG once against a connection; how each task ended."""
    os.environ["AIRFLOW_VAR_ACME_CONNECTOR_ID"] = connection
    for task in dag.tasks:
        task.retries = 0  # half an hour between two tries is for production
        for name in ("poll_frequency", "poke_interval"):
            if hasattr(task, name):
                setattr(task, name, 1)
        if getattr(task, "mode", "") == "reschedule":
            task.mode = "poke"  # `dag.test` has no scheduler that would take the task up again
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        result = dag.test()
    return {one.task_id: str(one.state) for one in result.get_task_instances()}


def problems(dag: Any, api: FivetranApi) -> list[str]:
    """What is wrong with a DAG's two runs: how its tasks ended, and what the API was asked."""
    first, *rest = TASKS[dag.dag_id]
    found: list[str] = []
    for connection in ("syncs", "fails"):
        api.requests.clear()
        ended = run(dag, connection)
        failed = connection == "fails"
        expected = dict.fromkeys((first, *rest), "success")
        expected |= {rest[-1] if rest else first: "failed"} if failed else {}
        if ended != expected:
            found.append(f"{dag.dag_id} on a connection that {connection}: {ended}, not {expected}")
        asked = [what for what, _ in api.requests]
        if asked.count(f"POST /v1/connectors/{connection}/force") != 1:
            found.append(
                f"{dag.dag_id} on a connection that {connection}: one sync was to be started: {asked}"
            )
    state = api.connections["syncs"]
    if state.paused or state.schedule_type != "manual":
        found.append(
            f"{dag.dag_id}: the connection is to be unpaused and left to Airflow's schedule: {state}"
        )
    return found


def main(dags: Path, home: Path) -> int:
    """Load and run all; 1 with what is wrong."""
    started = time.monotonic()
    configure(home, dags)
    warnings.simplefilter("ignore")  # Airflow's own, of its own libraries
    migrate()
    migrated = time.monotonic()
    logging.disable(logging.CRITICAL)  # a failing sync is expected here, and Airflow logs it with a traceback
    # Imported only now: Airflow reads its environment when it is imported.
    from fivetran_provider_async.hooks import FivetranHook  # noqa: PLC0415

    bag = dag_bag(dags)
    found: list[str] = []
    for name in TASKS:
        with served(Connection("syncs"), Connection("fails", fails=True)) as api:
            FivetranHook.api_protocol, FivetranHook.api_host = "http", api.host
            found += problems(bag.dags[name], api)
    ran = time.monotonic()
    for what in found:
        print(what, file=sys.stderr)
    if not found:
        print(
            f"Airflow {version('apache-airflow')}: {len(TASKS)} DAGs load, run, and fail when the sync fails"
            f" (database {migrated - started:.0f} s, runs {ran - migrated:.0f} s)"
        )
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()))
