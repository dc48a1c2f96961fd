"""The example DAGs of docs/airflow, run for real: each Airflow in its own environment, against a Fivetran API on loopback."""
