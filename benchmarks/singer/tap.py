"""The tap: one stream, paged by offset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from singer_sdk import RESTStream, Tap
from singer_sdk import typing as th
from singer_sdk.pagination import BaseOffsetPaginator

from benchmarks.arguments import PAGE

_TEXTS = ("title", "body", "status", "email")
_NUMBERS = ("account_id", "priority", "seconds_open")


class _Pages(BaseOffsetPaginator):
    def has_more(self, response: Any) -> bool:
        """Whether the total is not reached."""
        return bool(response.json()["next"])


class Tickets(RESTStream[int]):
    """The tickets."""

    name = "tickets"
    path = "/tickets"
    primary_keys = ("id",)
    records_jsonpath = "$.data[*]"
    schema = th.PropertiesList(
        th.Property("id", th.IntegerType, required=True),
        *(th.Property(name, th.StringType) for name in _TEXTS),
        *(th.Property(name, th.IntegerType) for name in _NUMBERS),
        th.Property("created_at", th.DateTimeType),
        th.Property("updated_at", th.DateTimeType),
        th.Property("is_public", th.BooleanType),
        th.Property("requester", th.ObjectType(additional_properties=True)),
        th.Property("tags", th.ArrayType(th.StringType)),
    ).to_dict()

    @property
    def url_base(self) -> str:
        """The source's address."""
        return str(self.config["url"])

    def get_new_paginator(self) -> _Pages:
        """Pages by offset."""
        return _Pages(start_value=0, page_size=PAGE)

    def get_url_params(
        self, context: Mapping[str, Any] | None, next_page_token: int | None
    ) -> dict[str, Any]:
        """Which page is asked for."""
        return {"offset": next_page_token or 0, "limit": PAGE}


class TapTickets(Tap):
    """The tap."""

    name = "tap-tickets"
    config_jsonschema = th.PropertiesList(th.Property("url", th.StringType, required=True)).to_dict()

    def discover_streams(self) -> list[Tickets]:
        """Its one stream."""
        return [Tickets(self)]


if __name__ == "__main__":
    TapTickets.cli()
