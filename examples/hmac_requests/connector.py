"""Every request is signed: HMAC-SHA256 over the date, the method, the path and the sorted query."""

import hmac
from collections.abc import Iterator, Mapping
from email.utils import formatdate
from typing import Any
from urllib.parse import urlencode

from fivetran_runtime import Auth, Client, Config, Connector, Offset, OutgoingRequest, Secret


class Acme(Config):
    key: Secret
    url: str = "https://api.acme.example"


class Signature(Auth):
    def __init__(self, key: Secret) -> None:
        self.key = key.reveal().encode()

    def headers(self, request: OutgoingRequest) -> Mapping[str, str]:
        date = formatdate(usegmt=True)
        signed = "\n".join([date, request.method, request.path, urlencode(sorted(request.query))])
        return {"Date": date, "X-Signature": hmac.digest(self.key, signed.encode(), "sha256").hex()}


app = Connector("acme", config=Acme, client=lambda acme: Client(acme.url, auth=Signature(acme.key)))


@app.table(key="id", on_missing="delete")
def items(acme: Client, offset: int = 0) -> Iterator[Any]:
    yield from acme.pages("/items", Offset(offset, size=10), rows="data")


@app.check
def can_list(acme: Client) -> None:
    acme.get("/items", limit=1)


main = app.handler
