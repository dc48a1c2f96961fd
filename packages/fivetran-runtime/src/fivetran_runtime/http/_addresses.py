"""Web addresses: what a person typed, what requests are sent to, and where links and redirects may lead.

Addresses are parsed and put together from their parts, never glued: an address may come with a user and a password, a
query, or a path, and each of them holds for every request.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import parse_qsl, unquote, urlencode, urljoin, urlsplit, urlunsplit

import msgspec

from fivetran_runtime.config import Secret
from fivetran_runtime.errors import ConfigurationError

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
    def parse(cls, typed: str) -> Address:
        """The address that somebody typed.

        Raises:
            ConfigurationError: it is not one of a web server; says why, for where the text itself is hidden.
        """
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


def _is_loopback(host: str | None) -> bool:
    return host is not None and (host == "localhost" or host.startswith("127.") or host == "::1")


_INNER_NAMES = (".local", ".localdomain", ".internal", ".lan", ".intranet", ".svc", ".corp", ".home.arpa")
_INNER_NUMBERS = re.compile(r"10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|169\.254\.")


def _is_inner(host: str | None) -> bool:
    """Whether a host's name says something inside of a network only."""
    if host is None:
        return False
    if ":" in host:
        return host.startswith(("fc", "fd", "fe80:")) or _is_loopback(host)
    if "." not in host:
        return True
    if host.replace(".", "").isdigit():
        return _is_loopback(host) or _INNER_NUMBERS.match(host) is not None
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
