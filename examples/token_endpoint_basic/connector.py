"""A token endpoint that takes id and secret by Basic authentication, and wants to know the audience."""

from collections.abc import Iterator
from typing import Any

from fivetran_runtime import Client, ClientCredentials, Config, Connector, Offset, Secret


class Acme(Config):
    client_id: str
    client_secret: Secret
    url: str = "https://api.acme.example"


def connect(config: Acme) -> Client:
    auth = ClientCredentials(
        f"{config.url}/oauth/token",
        client_id=config.client_id,
        client_secret=config.client_secret,
        parameters={"audience": "https://api.acme.example"},
        basic=True,
    )
    return Client(config.url, auth=auth)


app = Connector("acme", config=Acme, client=connect)


@app.table(key="id", on_missing="delete")
def items(acme: Client, offset: int = 0) -> Iterator[Any]:
    yield from acme.pages("/items", Offset(offset, size=10), rows="data")


@app.check
def can_list(acme: Client) -> None:
    acme.get("/items", limit=1)


main = app.handler
