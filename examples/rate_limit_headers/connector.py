"""A limit that its headers tell of: it is waited for, whether it is refused with 429 or, as GitHub does, with 403."""

from collections.abc import Iterator
from typing import Any

from fivetran_runtime import Bearer, Client, Config, Connector, Offset, Secret


class Acme(Config):
    token: Secret
    url: str = "https://api.acme.example"


app = Connector("acme", config=Acme, client=lambda config: Client(config.url, auth=Bearer(config.token)))


@app.table(key="id", on_missing="delete")
def repositories(acme: Client, offset: int = 0) -> Iterator[Any]:
    yield from acme.pages("/repositories", Offset(offset, size=5))


@app.check
def can_list(acme: Client) -> None:
    acme.get("/repositories", limit=1)


main = app.handler
