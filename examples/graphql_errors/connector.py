"""GraphQL: the position is a variable, and an answer with errors is never taken for a whole one, whatever data it has."""

from collections.abc import Iterator
from typing import Any

from fivetran_runtime import Bearer, Client, Config, Connector, PageToken, Secret


class Acme(Config):
    token: Secret
    url: str = "https://api.acme.example"


app = Connector("acme", config=Acme, client=lambda config: Client(config.url, auth=Bearer(config.token)))

ISSUES = "query($after: String) { issues(after: $after) { nodes { id title } pageInfo { hasNextPage endCursor } } }"


@app.table(key="id", on_missing="delete")
def issues(acme: Client, after: str | None = None) -> Iterator[Any]:
    place = "data.issues.pageInfo"
    pages = PageToken(after, next=f"{place}.endCursor", more=f"{place}.hasNextPage", param="variables.after")
    asked = {"query": ISSUES, "variables": {}}
    yield from acme.pages("/graphql", pages, rows="data.issues.nodes", json=asked)


@app.check
def can_ask(acme: Client) -> None:
    acme.post("/graphql", json={"query": ISSUES, "variables": {}})


main = app.handler
