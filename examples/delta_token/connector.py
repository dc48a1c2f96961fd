"""A calendar that gives a sync token with its last page, and then answers with what changed and was cancelled since."""

from collections.abc import Iterator
from typing import Any

from fivetran_runtime import At, Bearer, Client, Config, Connector, Delete, Keep, Secret


class Acme(Config):
    token: Secret
    url: str = "https://api.acme.example"


app = Connector("acme", config=Acme, client=lambda config: Client(config.url, auth=Bearer(config.token)))


@app.table(key="id", keeps="sync", on_missing="delete")
def events(acme: Client, page: str | None = None, sync: str | None = None) -> Iterator[Any]:
    while True:
        answer = acme.get("/events", pageToken=page, syncToken=sync)
        for event in answer["items"]:
            yield Delete(id=event["id"]) if event["status"] == "cancelled" else event
        if not (page := answer.get("nextPageToken")):
            yield Keep(sync=answer["nextSyncToken"])
            return
        yield At(page=page)


@app.check
def can_list(acme: Client) -> None:
    acme.get("/events")


main = app.handler
