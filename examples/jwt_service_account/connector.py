"""A service account signs a JWT with its key, which the token endpoint exchanges for an access token."""

import time
from collections.abc import Iterator
from typing import Any

import jwt

from fivetran_runtime import Client, Config, Connector, FetchedToken, Offset, Secret

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class Acme(Config):
    email: str
    private_key: Secret
    url: str = "https://api.acme.example"


def connect(config: Acme) -> Client:
    api = Client(config.url)

    def token() -> Any:
        claims = {"iss": config.email, "aud": "https://api.acme.example", "exp": time.time() + 300}
        signed = jwt.encode(claims, config.private_key.reveal(), "ES256")
        return api.post("/token", form={"grant_type": GRANT, "assertion": signed}, idempotent=True)

    return Client(config.url, auth=FetchedToken(token))


app = Connector("acme", config=Acme, client=connect)


@app.table(key="id", on_missing="delete")
def items(acme: Client, offset: int = 0) -> Iterator[Any]:
    yield from acme.pages("/items", Offset(offset, size=10), rows="data")


@app.check
def can_list(acme: Client) -> None:
    acme.get("/items", limit=1)


main = app.handler
