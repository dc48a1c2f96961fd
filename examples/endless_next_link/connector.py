"""A log that always gives a link, for what is still to come: an empty page is its end; a circle of links is an error."""

from collections.abc import Iterator
from typing import Any

from fivetran_runtime import Bearer, Client, Config, Connector, NextLink, Secret


class Acme(Config):
    token: Secret
    url: str = "https://api.acme.example"


app = Connector("acme", config=Acme, client=lambda config: Client(config.url, auth=Bearer(config.token)))


@app.table(key="id")
def events(acme: Client, link: str | None = None) -> Iterator[Any]:
    yield from acme.pages("/events", NextLink(link, empty="end"))


@app.check
def can_list(acme: Client) -> None:
    acme.get("/events")


main = app.handler
