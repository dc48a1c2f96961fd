"""dlt's rest_api source, tuned: nothing is unnested, files are Parquet, two processes normalize them."""

from __future__ import annotations

from dlt.sources.rest_api import rest_api_source

from benchmarks.arguments import PAGE, Task, task
from benchmarks.dlt.settings import pipeline


def load(asked: Task) -> None:
    """Load the tickets by dlt's merge."""
    source = rest_api_source(
        {
            "client": {
                "base_url": asked.url,
                "paginator": {"type": "offset", "limit": PAGE, "total_path": "total"},
            },
            "resources": [
                {
                    "name": "tickets",
                    "primary_key": "id",
                    "write_disposition": "merge",
                    "max_table_nesting": 0,
                    "endpoint": {"path": "tickets", "data_selector": "data"},
                }
            ],
        }
    )
    with pipeline(asked.database, workers=2) as running:
        running.run(source, loader_file_format="parquet").raise_on_failed_jobs()


if __name__ == "__main__":
    load(task())
