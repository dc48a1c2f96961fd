"""CASA: the projects and users of Mozilla's CASA, which Biztera hosts.

Both tables are listed in full on every sync, because Biztera cannot be asked for changes only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from msgspec import Meta

from fivetran_runtime import Bearer, Client, Config, Connector, Keyset, Offset, Secret

__version__ = "0.2.1"


class CasaConfig(Config):
    """What Fivetran sends as secrets."""

    access_token: Annotated[
        Secret, Meta(description="A Biztera access token that may read projects and users.")
    ]
    url: Annotated[str, Meta(description="Where Biztera's API is.")] = "https://biztera.com/api/v1"


app = Connector(
    "casa",
    version=__version__,
    config=CasaConfig,
    client=lambda config: Client(config.url, auth=Bearer(config.access_token)),
    replaces_state=("fetch_more_projects", "fetch_more_users", "projects_bookmark", "users_offset"),
)


# Biztera refuses the bookmark it offers in nextPage; the last project's own id works, a number or a text.
@app.table(key="id", on_missing="delete")
def projects(casa: Client, bookmark: int | str | None = None) -> Iterator[Any]:
    """All projects."""
    paginator = Keyset(bookmark, param="bookmark", more="metadata.nextPage", at="bookmark")
    yield from casa.pages("/projects", paginator, rows="data")


# Pages overlap, so that a user deleted meanwhile pulls no other one out of sight.
@app.table(key="id", on_missing="delete")
def users(casa: Client, offset: int = 0) -> Iterator[Any]:
    """All users."""
    yield from casa.pages("/users", Offset(offset, overlap=10))


@app.check
def can_list_users(casa: Client) -> None:
    """One user is enough to tell a wrong token."""
    casa.get("/users", limit=1, offset=0)


main = app.handler
