"""The same in two tasks: one starts the sync, a sensor waits for its end.

Worth it when starting and waiting need different pools or time-outs. `wait_for_completion=False` is what makes it right: an
operator that waits itself, followed by a sensor, waits for a second sync that never comes.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow import DAG
from fivetran_provider_async.operators import FivetranOperator
from fivetran_provider_async.sensors import FivetranSensor

with DAG(
    dag_id="fivetran_acme_with_sensor",
    schedule="0 3 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=30)},
    tags=["fivetran"],
) as dag:
    start = FivetranOperator(
        task_id="fivetran_start",
        connector_id="{{ var.value.acme_connector_id }}",
        deferrable=False,
        wait_for_completion=False,  # returns the time of the last completed sync, which the sensor compares with
        max_active_tis_per_dag=1,
    )
    wait = FivetranSensor(
        task_id="fivetran_wait",
        connector_id="{{ var.value.acme_connector_id }}",
        completed_after_time="{{ ti.xcom_pull(task_ids='fivetran_start') }}",
        deferrable=False,
        mode="reschedule",  # frees the worker between two looks
        poke_interval=30,
        timeout=timedelta(hours=7).total_seconds(),
    )
    start >> wait
