"""A declarative source read by the CDK in this process; the records of its messages are loaded as they come."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from airbyte_cdk.models import ConfiguredAirbyteCatalogSerializer, Type
from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource

from benchmarks.arguments import PAGE, Task, task
from benchmarks.hand_made.arrow_load import Loader

ROWS_A_LOAD = 50_000
SCHEMA = {"type": "object", "properties": {"id": {"type": "integer"}}, "additionalProperties": True}


def manifest(url: str) -> dict[str, Any]:
    """The source as the connector builder would write it."""
    offset = {"type": "RequestOption", "inject_into": "request_parameter", "field_name": "offset"}
    limit = {"type": "RequestOption", "inject_into": "request_parameter", "field_name": "limit"}
    retriever = {
        "type": "SimpleRetriever",
        "requester": {"type": "HttpRequester", "url_base": url, "path": "/tickets", "http_method": "GET"},
        "record_selector": {
            "type": "RecordSelector",
            "extractor": {"type": "DpathExtractor", "field_path": ["data"]},
        },
        "paginator": {
            "type": "DefaultPaginator",
            "page_token_option": offset,
            "page_size_option": limit,
            "pagination_strategy": {"type": "OffsetIncrement", "page_size": PAGE},
        },
    }
    stream = {
        "type": "DeclarativeStream",
        "name": "tickets",
        "primary_key": "id",
        "retriever": retriever,
        "schema_loader": {"type": "InlineSchemaLoader", "schema": SCHEMA},
    }
    check = {"type": "CheckStream", "stream_names": ["tickets"]}
    return {"version": "6.0.0", "type": "DeclarativeSource", "check": check, "streams": [stream]}


def records(url: str) -> Iterator[Mapping[str, Any]]:
    """The rows among the messages."""
    stream = {"name": "tickets", "json_schema": SCHEMA, "supported_sync_modes": ["full_refresh"]}
    wanted = {"stream": stream, "sync_mode": "full_refresh", "destination_sync_mode": "overwrite"}
    catalog = ConfiguredAirbyteCatalogSerializer.load({"streams": [wanted]})
    source = ConcurrentDeclarativeSource(catalog=catalog, config={}, state=[], source_config=manifest(url))
    for message in source.read(logging.getLogger("airbyte"), {}, catalog, []):
        if message.type is Type.RECORD and message.record:
            yield message.record.data


def load(asked: Task) -> None:
    """Load them, many at a time."""
    loader, rows = Loader(asked.database), records(asked.url)
    while batch := list(islice(rows, ROWS_A_LOAD)):
        loader.load(batch)
    loader.close()


if __name__ == "__main__":
    logging.getLogger("airbyte").setLevel(logging.WARNING)
    load(task())
