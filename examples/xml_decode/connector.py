"""Products as XML, in pages, through a function that makes dicts of it."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any

from fivetran_runtime import Bearer, Client, Config, Connector, PageNumber, Secret


class Acme(Config):
    token: Secret
    url: str = "https://api.acme.example"


app = Connector("acme", config=Acme, client=lambda config: Client(config.url, auth=Bearer(config.token)))


def products_in(body: bytes) -> list[dict[str, str | None]]:
    root = ET.fromstring(body)  # noqa: S314 - Python's parser limits entities, and the source is trusted
    if root.tag != "products":
        raise ValueError(f"<{root.tag}> in the place of <products>")
    return [{"id": one.attrib["id"], **{field.tag: field.text for field in one}} for one in root]


@app.table(key="id", on_missing="delete")
def products(acme: Client, page: int = 1) -> Iterator[Any]:
    yield from acme.pages("/products.xml", PageNumber(page), decode=products_in)


@app.check
def can_list(acme: Client) -> None:
    acme.get("/products.xml", decode=products_in)


main = app.handler
