"""Posts with the next page's address in each page; a source that leads in a circle is an error, and no endless sync."""

from collections.abc import Iterator
from typing import Any

from fivetran_runtime import Bearer, Client, Config, Connector, NextLink, Secret


class Acme(Config):
    token: Secret
    url: str = "https://api.acme.example"


app = Connector("acme", config=Acme, client=lambda config: Client(config.url, auth=Bearer(config.token)))


@app.table(key="id", on_missing="delete")
def posts(acme: Client, link: str | None = None) -> Iterator[Any]:
    yield from acme.pages("/posts", NextLink(link, next="paging.next"), rows="data")


@app.check
def can_list(acme: Client) -> None:
    acme.get("/posts")


main = app.handler
