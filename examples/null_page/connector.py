"""A list whose last page has null where the rows should be."""

from collections.abc import Iterator
from typing import Any

from fivetran_runtime import Bearer, Client, Config, Connector, PageToken, Secret


class Acme(Config):
    token: Secret
    url: str = "https://api.acme.example"


app = Connector("acme", config=Acme, client=lambda config: Client(config.url, auth=Bearer(config.token)))


@app.table(key="id", on_missing="delete")
def users(acme: Client, token: str | None = None) -> Iterator[Any]:
    yield from acme.pages("/users", PageToken(token, next="next_token"), rows="users", no_rows="null")


@app.check
def can_list(acme: Client) -> None:
    acme.get("/users")


main = app.handler
