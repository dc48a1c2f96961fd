"""A report as CSV with semicolons, and an export as one JSON object a line: files that may be larger than a call."""

from collections.abc import Iterator
from typing import Any

from fivetran_runtime import Bearer, Client, Config, Connector, Secret


class Acme(Config):
    token: Secret
    url: str = "https://api.acme.example"


app = Connector("acme", config=Acme, client=lambda config: Client(config.url, auth=Bearer(config.token)))


@app.table(key="number", on_missing="delete")
def orders(acme: Client, resume: dict[str, Any] | None = None) -> Iterator[Any]:
    yield from acme.csv("/orders.csv", resume, delimiter=";", columns=["number"])


@app.table(key="id", on_missing="delete")
def events(acme: Client, resume: dict[str, Any] | None = None) -> Iterator[Any]:
    yield from acme.lines("/events.jsonl", resume)


@app.check
def can_read(acme: Client) -> None:
    next(acme.csv("/orders.csv", None, delimiter=";", columns=["number"]), None)


main = app.handler
