"""How the API knows its caller: one of the description's security schemes, as the runtime's object for it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tools.locked.creating.choices import AUTHS, Auth, SecretKey
from tools.locked.creating.openapi.document import Document, mapping, sequence, text
from tools.locked.creating.openapi.operations import Listing
from tools.locked.creating.openapi.words import code, markdown

FIELD = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,80}")
"""A header's name (RFC 9110, 5.6.2)."""

OAUTH_URL = SecretKey("oauth_url", "Where an access token is asked for.", "{url}/oauth/token", hidden=False)


@dataclass(frozen=True)
class Login:
    """How the source knows its caller, the address of tokens where there is one, and what a person has to look at."""

    auth: Auth
    oauth_url: str = ""
    questions: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Scheme:
    """A security scheme that can be used: how well it suits a connector, least first."""

    rank: int
    login: Login


def login_of(document: Document, listings: Iterable[Listing]) -> Login:
    """The scheme that most of these lists take, the simplest of several; with questions where none is one of ours."""
    schemes = mapping(mapping(document.root.get("components")).get("securitySchemes"))
    usable = {str(name): found for name, one in schemes.items() if (found := _scheme(document.resolved(one)))}
    asked = Counter(name for one in listings for name in _names(document, one))
    for name in sorted(usable, key=lambda name: (-asked[name], usable[name].rank)):
        if asked[name] or not asked:
            return _with_others(usable[name].login, document, name)
    if schemes and asked:
        kinds = ", ".join(sorted({text(document.resolved(one).get("type"))[:20] for one in schemes.values()}))
        unusable = f"The description asks for credentials of a kind that is not made here ({markdown(kinds)}). Which?"
        return Login(AUTHS["none"], questions=(unusable,))
    return Login(
        AUTHS["none"], questions=("The description names no credentials. Does the source ask for some?",)
    )


def _names(document: Document, listing: Listing) -> Iterator[str]:
    required = listing.security if listing.security is not None else sequence(document.root.get("security"))
    return (str(name) for one in required for name in mapping(one))


def _with_others(login: Login, document: Document, name: str) -> Login:
    """With a question about schemes that are asked for together with this one."""
    together = {
        str(other)
        for one in sequence(document.root.get("security"))
        if name in mapping(one)
        for other in mapping(one)
        if other != name
    }
    if not together:
        return login
    asked = f"Requests need {', '.join(map(code, sorted(together)))} as well: add it in `connect`."
    return Login(login.auth, login.oauth_url, (*login.questions, asked))


def _scheme(scheme: Mapping[Any, Any]) -> _Scheme | None:
    kind, name = text(scheme.get("type")).lower(), text(scheme.get("name"))
    if kind == "http":
        return _http(text(scheme.get("scheme")).lower())
    if kind == "apikey":
        return _key(name, text(scheme.get("in")))
    if kind == "oauth2":
        return _oauth(mapping(scheme.get("flows")))
    if kind == "openidconnect":
        return _token_by_hand()
    return None


def _http(scheme: str) -> _Scheme | None:
    if scheme == "bearer":
        return _Scheme(0, Login(AUTHS["bearer"]))
    return _Scheme(3, Login(AUTHS["basic"])) if scheme == "basic" else None


def _key(name: str, place: str) -> _Scheme | None:
    made = {"header": "HeaderKey", "query": "QueryKey"}.get(place)
    if made is None or not FIELD.fullmatch(name):
        return None
    auth = Auth(AUTHS["key"].secrets, f"{made}({name!r}, secrets.key)", f"{made}({name!r}, KEY)")
    whole = "`key` is sent as it is: does the header `Authorization` want a word before it, such as `Bearer`?"
    questions = (whole,) if name.lower() == "authorization" else ()
    return _Scheme(2 if place == "header" else 4, Login(auth, questions=questions))


def _oauth(flows: Mapping[Any, Any]) -> _Scheme:
    url = text(mapping(flows.get("clientCredentials")).get("tokenUrl"))
    if not url:
        return _token_by_hand()
    client = "ClientCredentials(secrets.oauth_url, client_id=secrets.client_id, client_secret=secrets.client_secret)"
    secrets = (*AUTHS["oauth2"].secrets, OAUTH_URL)
    return _Scheme(1, Login(Auth(secrets, client, AUTHS["oauth2"].access), url))


def _token_by_hand() -> _Scheme:
    asked = (
        "Access tokens come from a log-in in a browser and run out: is there one that stays valid, or is `RefreshToken` "
        "the way?"
    )
    return _Scheme(5, Login(AUTHS["bearer"], questions=(asked,)))
