"""A server behind a proxy, which writes its inner name into the next page's address."""

from collections.abc import Iterator
from typing import Any

from fivetran_runtime import Bearer, Client, Config, Connector, NextLink, Secret


class Acme(Config):
    token: Secret
    url: str = "https://api.acme.example"


app = Connector("acme", config=Acme, client=lambda config: Client(config.url, auth=Bearer(config.token)))


@app.table(key="id", on_missing="delete")
def rows(acme: Client, link: str | None = None) -> Iterator[Any]:
    yield from acme.pages("/rows", NextLink(link, next="next"), rows="results")


@app.check
def can_list(acme: Client) -> None:
    acme.get("/rows")


main = app.handler
