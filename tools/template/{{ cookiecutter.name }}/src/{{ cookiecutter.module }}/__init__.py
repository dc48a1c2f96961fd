"""{{ cookiecutter.title }}: its items, those changed since the last sync.

Made from the template: replace the items with what the source really has, here and in practice.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any

from msgspec import Meta

from fivetran_runtime import Bearer, Client, Config, Connector, Secret, Token

__version__ = "0.1.0"

URL = "https://api.{{ cookiecutter.name }}.example"


class Secrets(Config):
    """What Fivetran sends as secrets."""

    token: Annotated[Secret, Meta(description="An access token.")]
    url: Annotated[str, Meta(description="Where the API is.")] = URL


def connect(secrets: Secrets) -> Client:
    """The source's API, as the owner of the token."""
    return Client(secrets.url, auth=Bearer(secrets.token))


app = Connector("{{ cookiecutter.name }}", version=__version__, config=Secrets, client=connect)


# The lookback has to be longer than one reading takes: an item that changes behind the page being read comes next time.
@app.table(key="id", cursor="updated_at", lookback=timedelta(hours=6))
def items(source: Client, since: datetime | None, bookmark: str | None = None) -> Iterator[Any]:
    """The items changed at or after `since`; all of them on the first sync, when it is None."""
    pages = Token(bookmark, param="bookmark", next="next")
    yield from source.pages("/items", pages, rows="data", updated_since=since)


@app.check
def can_list_items(source: Client) -> None:
    """Fivetran's setup test: one item is enough to tell a wrong token."""
    source.get("/items", limit=1)


main = app.handler
