"""What a new connector may be made for: how its source knows its caller, and how its source pages.

The template has the shape of a connector, these values what differs. So a name of the runtime's or of the practice
kit's is written once.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SecretKey:
    """One of the connector's secrets: its key, what it means, and its value in the practice source."""

    key: str
    meaning: str
    practice: str
    hidden: bool = True


@dataclass(frozen=True)
class Auth:
    """How a source knows its caller.

    `client` is the runtime's object, `access` the practice kit's; `session` are the statements that set up a session of
    requests in a connector written by hand. All are Python source.
    """

    secrets: tuple[SecretKey, ...] = ()
    client: str = ""
    access: str = ""
    session: tuple[str, ...] = ()

    @property
    def imports(self) -> tuple[str, ...]:
        """What the connector imports from the runtime for it."""
        return _called(self.client)

    @property
    def practice_imports(self) -> tuple[str, ...]:
        """What practice.py imports from the practice kit for it."""
        return _called(self.access)


@dataclass(frozen=True)
class Pages:
    """How a source pages.

    `parameter` is the table function's position, `style` the runtime's object, `served` the practice kit's; `moves` where
    a row that goes pulls another one out of sight, so that a table has to be listed in full on each sync. `following`
    is what a connector written by hand adds to the query for the next page, or None after the last. All are Python source.
    """

    parameter: str = ""
    style: str = ""
    moves: bool = False
    served: str = ""
    following: str = ""

    @property
    def imports(self) -> tuple[str, ...]:
        """What the connector imports from the runtime for it."""
        return _called(self.style) or ("At",)

    @property
    def practice_imports(self) -> tuple[str, ...]:
        """What practice.py imports from the practice kit for it."""
        return _called(self.served) or ("Listed", "Page")


def _called(source: str) -> tuple[str, ...]:
    """The name that an expression calls; none of an empty one."""
    return (source.partition("(")[0],) if source else ()


AUTHS = {
    "bearer": Auth(
        secrets=(SecretKey("token", "An access token.", "practice-token"),),
        client="Bearer(secrets.token)",
        access="Bearer(TOKEN)",
        session=('session.headers["Authorization"] = f"Bearer {secrets[\'token\']}"',),
    ),
    "basic": Auth(
        secrets=(
            SecretKey("user", "The user's name.", "practice-user", hidden=False),
            SecretKey("password", "The user's password.", "practice-password"),
        ),
        client="Basic(secrets.user, secrets.password)",
        access="Basic(USER, PASSWORD)",
        session=('session.auth = (secrets["user"], secrets["password"])',),
    ),
    "key": Auth(
        secrets=(SecretKey("key", "An API key.", "practice-key"),),
        client='HeaderKey("X-Api-Key", secrets.key)',
        access='HeaderKey("X-Api-Key", KEY)',
        session=('session.headers["X-Api-Key"] = secrets["key"]',),
    ),
    "oauth2": Auth(
        secrets=(
            SecretKey("client_id", "The id of an OAuth2 client.", "practice-client", hidden=False),
            SecretKey("client_secret", "The client's secret.", "practice-client-secret"),
        ),
        client=(
            'ClientCredentials(f"{secrets.url}/oauth/token", client_id=secrets.client_id, '
            "client_secret=secrets.client_secret)"
        ),
        access="ClientCredentials(CLIENT_ID, CLIENT_SECRET)",
        session=(
            "form = {",
            '    "grant_type": "client_credentials",',
            '    "client_id": secrets["client_id"],',
            '    "client_secret": secrets["client_secret"],',
            "}",
            'response = session.post(f"{url}/oauth/token", data=form, timeout=SECONDS)',
            "response.raise_for_status()",
            'session.headers["Authorization"] = f"Bearer {response.json()[\'access_token\']}"',
        ),
    ),
    "none": Auth(),
}
"""By the name that `--auth` takes."""

PAGES = {
    "offset": Pages(
        parameter="offset: int = 0",
        style="Offset(offset, overlap=10)",
        served="Offset()",
        following='{"offset": query.get("offset", 0) + len(body["data"])} if body["data"] else None',
    ),
    "page": Pages(
        parameter="page: int = 1",
        style='PageNumber(page, more="has_next")',
        moves=True,
        served='PageNumber(more="has_next")',
        following='{"page": query.get("page", 1) + 1} if body["has_next"] else None',
    ),
    "token": Pages(
        parameter="bookmark: str | None = None",
        style='PageToken(bookmark, param="bookmark", next="next")',
        served='PageToken(param="bookmark")',
        following='{"bookmark": body["next"]} if body["next"] else None',
    ),
    "link": Pages(
        parameter="link: str | None = None",
        style='NextLink(link, next="next")',
        served='NextLink(next="next")',
        following='dict(parse_qsl(urlsplit(body["next"]).query)) if body["next"] else None',
    ),
    "keyset": Pages(
        parameter="after_id: int | None = None",
        style='Keyset(after_id, param="after_id", at="after_id")',
        served='Keyset(param="after_id")',
        following='{"after_id": body["data"][-1]["id"]} if body["data"] else None',
    ),
    "none": Pages(parameter="after_id: int = 0"),
}
"""By the name that `--pages` takes."""

NAMES = ("Client", "Config", "Connector")
"""What every connector on the runtime imports from it."""


@dataclass(frozen=True)
class Choices:
    """What a new connector is made for. `description` is a sentence for its README and pyproject.toml."""

    auth: Auth = AUTHS["bearer"]
    pages: Pages = PAGES["token"]
    plain: bool = False
    description: str = ""

    @property
    def lists_all(self) -> bool:
        """Whether each sync lists everything; else only what has changed."""
        return self.pages.moves and not self.plain

    @property
    def imports(self) -> str:
        """The names its code imports from the runtime."""
        secret = ("Secret",) if self.auth.secrets else ()
        return ", ".join(sorted({*NAMES, *secret, *self.auth.imports, *self.pages.imports}))

    @property
    def practice_imports(self) -> str:
        """The names its practice.py imports from the practice kit."""
        request = () if self.pages.served else ("Request",)
        return ", ".join(
            sorted({"Source", *request, *self.auth.practice_imports, *self.pages.practice_imports})
        )
