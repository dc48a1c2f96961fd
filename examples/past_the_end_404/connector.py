"""404 twice: behind the last page of a list, and for a group that has no epics at all."""

from collections.abc import Iterator
from typing import Any

from fivetran_runtime import Bearer, Client, Config, Connector, PageNumber, Secret


class Acme(Config):
    token: Secret
    url: str = "https://api.acme.example"


app = Connector("acme", config=Acme, client=lambda config: Client(config.url, auth=Bearer(config.token)))


@app.table(key="id", on_missing="delete")
def links(acme: Client, page: int = 1) -> Iterator[Any]:
    yield from acme.pages("/links", PageNumber(page, size=5), rows="results", past_end=404)


def groups(acme: Client) -> Iterator[Any]:
    yield from (group["id"] for group in acme.get("/groups")["items"])


@app.table(key="id", on_missing="delete", parents=groups)
def epics(acme: Client, group_id: int, page: int = 1) -> Iterator[Any]:
    yield from acme.pages(f"/groups/{group_id}/epics", PageNumber(page, size=5), no_rows=404, past_end=404)


@app.check
def can_list(acme: Client) -> None:
    acme.get("/groups")


main = app.handler
