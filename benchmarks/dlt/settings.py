"""dlt's settings as its page "Optimizing dlt" advises, and a pipeline into a DuckDB file that keeps nothing elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

import dlt

SETTINGS = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "ERROR",
    "DATA_WRITER__BUFFER_MAX_ITEMS": "50000",  # rows held before they are written: fewer, larger writes
    "EXTRACT__DATA_WRITER__FILE_MAX_ITEMS": "50000",  # several files, for the workers that follow
    "SCHEMA__NAMING": "direct",
}


@contextmanager
def pipeline(database: str, *, workers: int = 1) -> Iterator[dlt.Pipeline]:
    """A pipeline with these settings, into the file `database`; `workers` are processes that normalize."""
    os.environ.update({**SETTINGS, "NORMALIZE__WORKERS": str(workers)})
    with TemporaryDirectory() as folder:
        yield dlt.pipeline(
            "benchmark",
            pipelines_dir=folder,
            destination=dlt.destinations.duckdb(database),
            dataset_name="benchmark",
        )
