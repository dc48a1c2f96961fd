"""Sync a Fivetran connection every night, and only then run what reads its tables.

Copy this file into your DAGs folder. It runs on Airflow 2.10 and 3 with `airflow-provider-fivetran-async`; set the
connection `fivetran_default` (login: API key, password: API secret) and the variable `acme_connector_id`, which is the
connection's ID in Fivetran (*Setup*, *Connection ID*).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow import DAG
from fivetran_provider_async.operators import FivetranOperator

with DAG(
    dag_id="fivetran_acme",
    schedule="0 3 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,  # a missed night is not made up for: the next sync brings all that changed
    default_args={"retries": 2, "retry_delay": timedelta(minutes=30)},
    tags=["fivetran"],
) as dag:
    # The operator waits for the sync's end and fails when the sync does, so no sensor is needed after it. It waits in
    # its worker (`deferrable=False`), so that `max_active_tis_per_dag` really keeps two syncs from overlapping.
    FivetranOperator(
        task_id="fivetran_import",
        connector_id="{{ var.value.acme_connector_id }}",
        deferrable=False,
        max_active_tis_per_dag=1,
        execution_timeout=timedelta(hours=7),  # Fivetran itself ends a sync after six
    )
