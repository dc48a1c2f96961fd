"""Orders with their lines inside: an edit takes a line away, and only the order's new state shows it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from fivetran_runtime import At, Bearer, Children, Client, Config, Connector, Secret


class Acme(Config):
    token: Secret
    url: str = "https://api.acme.example"


app = Connector("acme", config=Acme, client=lambda config: Client(config.url, auth=Bearer(config.token)))


@app.table(key="id", cursor="updated_at", children={"lines": ["order_id", "number"]})
def orders(acme: Client, since: datetime | None, after: int = 0) -> Iterator[Any]:
    while found := acme.get("/orders", since=since, after=after)["orders"]:
        for order in found:
            yield Children("lines", order.pop("lines"), order_id=order["id"])
            yield order
        after = found[-1]["id"]
        yield At(after=after)


@app.check
def can_list(acme: Client) -> None:
    acme.get("/orders")


main = app.handler
