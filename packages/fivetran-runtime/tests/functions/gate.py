"""Functions that say who asks by `Authorization: Basic`, each in another way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from fivetran_runtime import (
    Auth,
    Basic,
    Client,
    ClientCredentials,
    Config,
    Connector,
    OutgoingRequest,
    RefreshToken,
    Secret,
)


class Gate(Config):
    user: str
    password: Secret
    url: str


class OwnHeader(Auth):
    """A pair that the author was given already encoded."""

    def __init__(self, pair: str) -> None:
        self._pair = pair

    def headers(self, request: OutgoingRequest) -> Mapping[str, str]:
        return {"Authorization": f"basic {self._pair}"}


def _function(auth: Callable[[Gate], Auth]) -> Any:
    app = Connector(
        "gate", version="1", config=Gate, client=lambda config: Client(config.url, auth=auth(config))
    )

    @app.table(key="id")
    def users(api: Client) -> Iterator[Any]:
        yield from api.get("/users")

    return app.handler


basic = _function(lambda config: Basic(config.user, config.password))
own = _function(
    lambda _: OwnHeader("cHJhY3RpY2UtdXNlcjpwcmFjdGljZS1wYXNzd29yZA==")
)  # pragma: allowlist secret
client_credentials = _function(
    lambda config: ClientCredentials(
        f"{config.url}/token", client_id=config.user, client_secret=config.password, basic=True
    )
)
refresh_token = _function(
    lambda config: RefreshToken(
        f"{config.url}/token",
        client_id=config.user,
        client_secret=config.password,
        refresh_token=Secret("long-lived-token"),
        basic=True,
    )
)
