"""An OData listing: rows under value, and the next page's address under a name that holds a dot itself."""

from collections.abc import Iterator
from typing import Any

from fivetran_runtime import Bearer, Client, Config, Connector, NextLink, Secret


class Acme(Config):
    token: Secret
    url: str = "https://api.acme.example"


app = Connector("acme", config=Acme, client=lambda config: Client(config.url, auth=Bearer(config.token)))


@app.table(key="id", on_missing="delete")
def users(acme: Client, link: str | None = None) -> Iterator[Any]:
    pages = NextLink(link, next="@odata.nextLink")
    yield from acme.pages("/users?$select=id,name", pages, rows="value")


@app.check
def can_list(acme: Client) -> None:
    acme.get("/users")


main = app.handler
