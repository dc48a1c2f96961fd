"""A refresh token that holds for one exchange, which gives the next one: they are kept in the state, encrypted."""

from collections.abc import Iterator
from typing import Any

from fivetran_runtime import Client, Config, Connector, Offset, RefreshToken, Secret


class Acme(Config):
    client_id: str
    client_secret: Secret
    refresh_token: Secret
    url: str = "https://api.acme.example"


def connect(config: Acme) -> Client:
    auth = RefreshToken(
        f"{config.url}/oauth/token",
        client_id=config.client_id,
        client_secret=config.client_secret,
        refresh_token=config.refresh_token,
        single_use=True,
    )
    return Client(config.url, auth=auth)


app = Connector("acme", config=Acme, client=connect)


@app.table(key="id", on_missing="delete")
def items(acme: Client, offset: int = 0) -> Iterator[Any]:
    yield from acme.pages("/items", Offset(offset, size=10), rows="data")


main = app.handler
