"""A log-in with user and password gives a session, which every request shows in a header."""

from collections.abc import Iterator
from typing import Any

from fivetran_runtime import Client, Config, Connector, FetchedToken, Offset, Secret


class Acme(Config):
    user: str
    password: Secret
    url: str = "https://api.acme.example"


def connect(config: Acme) -> Client:
    login = Client(config.url)

    def log_in() -> Any:
        who = {"user": config.user, "password": config.password.reveal()}
        return login.post("/sessions", json=who, idempotent=True)["session"]

    return Client(config.url, auth=FetchedToken(log_in, header="X-Session"))


app = Connector("acme", config=Acme, client=connect)


@app.table(key="id", on_missing="delete")
def items(acme: Client, offset: int = 0) -> Iterator[Any]:
    yield from acme.pages("/items", Offset(offset, size=10), rows="data")


@app.check
def can_list(acme: Client) -> None:
    acme.get("/items", limit=1)


main = app.handler
