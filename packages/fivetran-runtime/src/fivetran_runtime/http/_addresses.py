"""Web addresses: what a person typed, what requests are sent to, and where links and redirects may lead.

Addresses are parsed and put together from their parts, never glued: an address may come with a user and a password, a
query, or a path, and each of them holds for every request.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urljoin, urlsplit, urlunsplit

import msgspec

from fivetran_runtime._arguments import wrong
from fivetran_runtime._invocation.redaction import Redactor
from fivetran_runtime.config import Secret
from fivetran_runtime.errors import ConfigurationError, DefectError
from fivetran_runtime.http.auth import Credentials

_PORTS = {"http": 80, "https": 443}


class Address(msgspec.Struct, frozen=True):
    """A source's address.

    Attributes:
        url: scheme, host, port and path; where paths are relative to.
        query: its parameters, which belong to every request.
        user, password: who asks, if the address says it.
    """

    url: str
    query: tuple[tuple[str, str], ...] = ()
    user: str | None = None
    password: Secret | None = None

    @classmethod
    def parse(cls, typed: Any) -> Address:
        """The address that somebody typed.

        Raises:
            ConfigurationError: it is not one of a web server; says why, for where the text itself is hidden.
            DefectError: it is no text.
        """
        if not isinstance(typed, str):
            raise wrong("Client", "url", typed, "an address, such as 'https://api.acme.example/v2'")
        typed = typed.strip()
        if why := _fault(typed):
            shown = typed.partition("?")[0].rpartition("@")[2]
            message = f"The address {shown!r} is not one of a web server: it {why}."
            raise ConfigurationError(message, hint="It starts with https:// and a host name.")
        parts = urlsplit(typed)
        return cls(
            url=urlunsplit((parts.scheme, _host(typed), parts.path, "", "")),
            query=tuple(parse_qsl(parts.query, keep_blank_values=True)),
            user=unquote(parts.username) if parts.username else None,
            password=Secret(unquote(parts.password or "")) if parts.username else None,
        )

    def join(self, path: str) -> str:
        """The address of a path, whose query stays its own."""
        if not path:
            return self.url
        path, _, query = path.partition("?")
        url = self.url.rstrip("/") + "/" + path.lstrip("/") if path else self.url
        return f"{url}?{query}" if query else url

    def is_own(self, url: str) -> bool:
        """Whether an address is on this host, or on it by a safer way than was typed."""
        return _origin(url) == _origin(self.url) or (
            urlsplit(url).hostname == urlsplit(self.url).hostname
            and (_origin(self.url)[0], _origin(self.url)[2]) == ("http", 80)
            and (_origin(url)[0], _origin(url)[2]) == ("https", 443)
        )

    def resolve(self, link: str, base: str) -> str:
        """Where a link leads: without a user of its own, and by TLS to a host that is asked by TLS.

        A server behind something else that speaks TLS for it does not know, and writes http:// in its links.
        """
        url = urljoin(base, link.strip())
        parts, own = urlsplit(url), urlsplit(self.url)
        url = urlunsplit(parts._replace(netloc=_host(url), fragment=""))
        is_same_server = parts.hostname == own.hostname and parts.port in (None, 80, own.port)
        if (own.scheme, parts.scheme) == ("https", "http") and is_same_server:
            return urlunsplit(parts._replace(scheme="https", netloc=_host(self.url), fragment=""))
        return url

    def seen_from_outside(self, url: str, page: str, *, own_host: bool) -> str | None:
        """An address that a server behind a proxy wrote with its inner name, as the client asks it; None for others.

        Args:
            url: the address.
            page: that of the page it stands on: the path has to be the same, or the end of it where the proxy adds one.
            own_host: whether every host's name is an inner one; else those are that exist inside a network only, unless
                the client itself is inside.
        """
        parts, own = urlsplit(url), urlsplit(page)
        is_inner = own_host or (
            parts.hostname != own.hostname
            and _is_inner(parts.hostname)
            and (_is_loopback(own.hostname) or not _is_inner(own.hostname))
        )
        fits = parts.path.startswith("/") and f"/{own.path.strip('/')}".endswith(
            parts.path.rstrip("/") or "//"
        )
        if not is_inner or not fits or parts.scheme not in _PORTS or not self.is_own(page):
            return None
        return urlunsplit(own._replace(query=parts.query, fragment=""))


class Hosts:
    """The hosts that a client asks: its own, with its credentials, and those that links and redirects may lead to.

    Args:
        address: the client's own.
        allowed: the names of others.
        credentials: what is in no link that is kept.

    Raises:
        DefectError: `allowed` are no names of hosts.
    """

    def __init__(self, address: Address, allowed: Any, credentials: Credentials) -> None:
        is_list = isinstance(allowed, Collection) and not isinstance(allowed, str | Mapping)
        if not is_list or not all(type(host) is str and host and "/" not in host for host in allowed):
            raise wrong("Client", "allowed_hosts", allowed, "names of hosts, such as ('files.acme.example',)")
        self.address = address
        self._allowed = allowed
        self._credentials = credentials

    def target(self, path: str) -> str:
        """The address of a path, or one that was given whole.

        Raises:
            StrangerError: it is on a host that is not asked.
        """
        if not isinstance(path, str):
            raise wrong("", "path", path, "a path such as '/users', or a whole address")
        if "://" not in path.partition("?")[0]:
            return self.address.join(path)
        url = self.address.resolve(path, self.address.url)
        if not self._is_allowed(url):
            what, hint = self._elsewhere(url)
            message = f"{shown(self.address.url)} leads to {shown(url)}, {what}."
            # As of a position that is no longer known: where the address was changed while a list was being read, the
            # reading begins again at the new one.
            raise StrangerError(message, hint=hint, status=410)
        return url

    def follow(self, page: str, link: str, own_host: bool = False) -> str:
        """The address to ask for a link on a page, as it may stand in the state: without the client's own key.

        Raises:
            DefectError: it leads to another host, or holds a credential where it cannot be taken out.
        """
        url = self.address.resolve(link, page)
        if not self._is_allowed(url):
            url = self.address.seen_from_outside(url, page, own_host=own_host) or url
        url = self._without_credentials(url)
        if not self._is_allowed(url):
            what, hint = self._elsewhere(url)
            message = f"{shown(page)}: the link to the next page leads to {shown(url)}, {what}."
            raise DefectError(message, hint=_OTHER_PATH_HINT if own_host else hint)
        if self._credentials_in_links().clean(url) != url:
            message = f"{shown(page)}: the link to the next page has the client's credentials in its path."
            raise DefectError(message, hint="A link goes into the state, so it cannot be followed.")
        return url

    def redirected(self, url: str, location: str, *, has_body: bool) -> str:
        """Where a redirect leads.

        Raises:
            ConfigurationError: to a host that is not asked.
            DefectError: to another one than the client's own, with a body.
        """
        target = self.address.resolve(location, url)
        if not self._is_allowed(target):
            what, hint = self._elsewhere(target)
            message = f"{shown(url)} redirects to {shown(target)}, {what}."
            raise ConfigurationError(message, hint=f"Is the address right? {hint}")
        if has_body and not self.address.is_own(target):
            message = f"{shown(url)} redirects a request with a body to {shown(target)}, another host."
            raise DefectError(
                message, hint="A body goes only where it was meant to: ask that host by itself."
            )
        return target

    def _without_credentials(self, url: str) -> str:
        """A link without what the client adds anyway: its key, under any name, and what its address says."""
        names = {*self._credentials.names, *(name for name, _ in self.address.query)}
        clean = self._credentials_in_links().clean
        return without(url, lambda name, value: name in names or clean(value) != value)

    def _credentials_in_links(self) -> Redactor:
        sure = (text for text in self._credentials.texts() if len(text) >= _SURE)
        return Redactor(sure, in_parts=False)  # a part of one may be anything's name

    def _elsewhere(self, url: str) -> tuple[str, str]:
        """What an address is that is not the client's own, and what to do."""
        if host_of(url) == host_of(self.address.url):
            return "the same host by another scheme or port", _ADDRESS_HINT
        return "another host", _HOSTS_HINT

    def _is_allowed(self, url: str) -> bool:
        return self.address.is_own(url) or host_of(url) in self._allowed


class StrangerError(DefectError, ConfigurationError):
    """An address is not on the client's own host, nor on one of `allowed_hosts`: the source's doing, or a person's."""


_ADDRESS_HINT = "If the source is there, give the client that address: its credentials go nowhere else."
_HOSTS_HINT = "If that is meant, name it in the client's allowed_hosts=."
_OTHER_PATH_HINT = (
    "own_host=True is set, and the link's path is not that of the page, nor the end of it. If the other host is meant, name it in "
    "the client's allowed_hosts=."
)
_SURE = 8  # a text of this length is not in a link by chance


def _is_loopback(host: str | None) -> bool:
    return host is not None and (host == "localhost" or host.startswith("127.") or host == "::1")


_INNER_NAMES = (".local", ".localdomain", ".internal", ".lan", ".intranet", ".svc", ".corp", ".home.arpa")
_INNER_NUMBERS = r"10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|169\.254\."


def _is_inner(host: str | None) -> bool:
    """Whether a host's name says something inside of a network only."""
    if host is None:
        return False
    if ":" in host:
        return host.startswith(("fc", "fd", "fe80:")) or _is_loopback(host)
    if "." not in host:
        return True
    if host.replace(".", "").isdigit():
        return _is_loopback(host) or re.match(_INNER_NUMBERS, host) is not None
    return host.endswith(_INNER_NAMES)


def _fault(typed: str) -> str | None:
    if not typed:
        return "is empty"
    if any(one.isspace() for one in typed):
        return "has a blank or a line break in it"
    scheme, divided, _ = typed.partition("://")
    if not divided:
        return "does not start with https://"
    if scheme.lower() not in _PORTS:
        return "starts with something other than https:// or http://"
    return None if host_of(typed) else "has no host name, or a port that is none"


def _host(url: str) -> str:
    """Host and port, without user and password."""
    return urlsplit(url).netloc.rpartition("@")[2]


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def host_of(url: str) -> str | None:
    """The host's name; None for what is no address of a web server."""
    try:
        parts = urlsplit(url)
        is_web = parts.scheme in _PORTS and parts.port != 0
    except ValueError:  # a port that is no number, brackets that do not close
        return None
    return parts.hostname if is_web else None


def root(url: str) -> str:
    """Scheme, host and port."""
    return f"{urlsplit(url).scheme}://{_host(url)}"


def shown(url: str) -> str:
    """An address for people: without its query, which may hold a key, and without user and password."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an address that is none"
    return f"{parts.scheme}://{_host(url)}{parts.path}"


def parameters_of(url: str) -> set[str]:
    """The names of an address's parameters."""
    return {name for name, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True)}


def without(url: str, is_left_out: Callable[[str, str], bool]) -> str:
    """An address without some of its parameters; as it was where there are none of them."""
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    kept = [(name, value) for name, value in query if not is_left_out(name, value)]
    return url if kept == query else urlunsplit(parts._replace(query=urlencode(kept)))
