"""The HTTP client that tables get: JSON in, JSON out, and everything that goes wrong on the way.

One retry loop around sending a request *and reading its body*: a connection that breaks in the middle of a page is
as ordinary as one that is refused. urllib3's own retries see neither the body nor the time the function has left.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache, partial
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

import msgspec
import requests
import urllib3

from fivetran_runtime.auth import Anonymous, Auth
from fivetran_runtime.budget import MB
from fivetran_runtime.clock import clock
from fivetran_runtime.config import Secret
from fivetran_runtime.errors import ConfigurationError, DefectError, TransientError
from fivetran_runtime.invocation import running
from fivetran_runtime.pages import Page, Style, read_pages
from fivetran_runtime.places import Place
from fivetran_runtime.records import At
from fivetran_runtime.retrying import Delay, FailedRequest, backoff, retry_after

RETRIED = frozenset({429, 502, 503, 504})
"""Statuses that say "later"; every other one is an answer."""
TRIES = 5
_NOT_NOW = frozenset({408, 425})  # the client did nothing wrong but come too slowly or too early
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5
_NOT_HTTP = (requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader, UnicodeError)
_EXCERPT = 300
_MOST_SAID = 100_000


@dataclass(frozen=True)
class Reply:
    """What the source answered: status, headers and decoded JSON, None where the body is empty."""

    url: str
    status: int
    headers: Mapping[str, str]
    json: Any


class Client:
    """A source's API under one address.

    Args:
        url: where paths are relative to, e.g. "https://api.acme.example/v2".
        auth: who asks: `Bearer`, `Basic`, `HeaderKey`, `QueryKey`, `ClientCredentials`, `RefreshToken`.
        headers: sent with every request.
        connect_timeout: seconds to wait for a connection.
        read_timeout: seconds to wait for the next bytes of an answer.
        rate: at most this many requests per time, as "10/s", "300/min" or "5000/h".
        hosts: further hosts that links and redirects may lead to; they get no credentials.
        most_bytes: the longest body that is read.

    Raises:
        ConfigurationError: the address is not http or https.
    """

    def __init__(
        self,
        url: str,
        *,
        auth: Auth | None = None,
        headers: Mapping[str, str] | None = None,
        connect_timeout: float = 10,
        read_timeout: float = 60,
        rate: str | None = None,
        hosts: tuple[str, ...] = (),
        most_bytes: int = 64 * MB,
    ) -> None:
        if not _is_web_address(url):
            message = f"The address {url.partition('?')[0].rpartition('@')[2]!r} is not one of a web server."
            raise ConfigurationError(message, hint="It starts with https:// and a host name.")
        self.url = url
        self._auth = auth or Anonymous()
        self._headers = {"Accept": "application/json", **(headers or {})}
        self._timeouts = (connect_timeout, read_timeout)
        self._delay = Delay(rate)
        self._hosts = hosts
        self._most_bytes = most_bytes
        self._session = requests.Session()
        # requests would search the environment for each request, and ~/.netrc for credentials; see _environment.
        self._session.trust_env = False
        self._environment = cache(_environment)

    def get(self, path: str, /, **query: Any) -> Any:
        """The JSON at a path.

        Args:
            path: relative to the client's address, or a whole address on the same host.
            query: parameters; None is left out, lists are repeated, instants are sent as RFC 3339 text.

        Raises:
            ConfigurationError: the source refused the request (a status from 400 to 499).
            TransientError: the source did not answer properly, after retries.
            DefectError: the answer is larger than `most_bytes`.
        """
        return self.request("GET", path, query=query).json

    def post(
        self,
        path: str,
        /,
        *,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        repeat: bool = False,
        **query: Any,
    ) -> Any:
        """POST JSON or a form, and give the JSON that comes back.

        Args:
            path: as for `get`.
            json: the body, as JSON.
            form: the body, as a form.
            repeat: whether asking twice does no harm. Only then is a failed request sent again.
            query: as for `get`.

        Raises:
            As `get`.
        """
        return self.request("POST", path, query=query, json=json, form=form, repeat=repeat).json

    def pages(
        self,
        path: str,
        style: Style,
        *,
        rows: Place | None = None,
        row: Callable[[Any], Any] | None = None,
        at: Mapping[str, Any] | None = None,
        **query: Any,
    ) -> Iterator[Any]:
        """Rows of all pages, with an `At` between pages: `yield from client.pages("/users", Offset(offset))`.

        Args:
            path: what is listed.
            style: how the source pages, and the position to begin at.
            rows: where in the body the rows are, e.g. "data", "result.items" or ["odd.name"]; by default the body is
                the list.
            row: makes a row of what the source lists.
            at: further arguments of every `At`, e.g. the project whose tickets are listed.
            query: parameters of every request.

        Raises:
            DefectError: a page has no rows where they should be, or does not say what follows; or the next position
                was there before, or leads to another host.
            TransientError: a page is empty although the source says that more rows follow.
            Others as `get`.
        """

        def ask(target: str, more: Mapping[str, Any]) -> Page:
            reply = self.request("GET", target, query={**query, **more})
            sizes = frozenset(value for value in query.values() if type(value) is int)
            return Page(shown(reply.url), reply.json, reply.headers, sizes, partial(self._follow, reply.url))

        for item in read_pages(ask, path, style, rows=rows, at=at or {}):
            yield item if row is None or isinstance(item, At) else row(item)

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        repeat: bool | None = None,
    ) -> Reply:
        """Send a request until it is answered; see `get` and `post`."""
        url = self._address(path)
        repeat = method in ("GET", "HEAD") if repeat is None else repeat
        renewed, tries = False, 0
        while True:
            try:
                reply = self._send(method, url, query or {}, json, form)
            except FailedRequest as failed:
                tries += 1
                self._before_retry(failed, tries, repeat=repeat, what=f"{method} {shown(url)}")
                continue
            if reply.status == 401 and not renewed and self._auth.renew():
                renewed = True
                continue
            return self._accepted(method, reply)

    def _address(self, path: str) -> str:
        if urlsplit(path).scheme:
            self._require_host(path)
            return path
        return self.url.rstrip("/") + "/" + path.lstrip("/") if path else self.url

    def _follow(self, page: str, link: str) -> str:
        """The address to ask for a link on a page, as it may stand in the state: without the client's own key."""
        url = without(frozenset(self._auth.query()), urljoin(page, link))
        if not self._is_allowed(url):
            message = f"{shown(page)}: the link to the next page leads to {shown(url)}, another host."
            raise DefectError(message, hint="If that is meant, name it in the client's hosts=.")
        return url

    def _is_allowed(self, url: str) -> bool:
        return self._is_own(url) or urlsplit(url).hostname in self._hosts

    def _require_host(self, url: str) -> None:
        if not self._is_allowed(url):
            message = f"{shown(self.url)} leads to {shown(url)}, another host."
            raise DefectError(message, hint="If that is meant, name it in the client's hosts=.")

    def _is_own(self, url: str) -> bool:
        return _origin(url) == _origin(self.url)

    def _before_retry(self, failed: FailedRequest, tries: int, *, repeat: bool, what: str) -> None:
        if not repeat or tries == TRIES:
            count = f" {tries} times" if tries > 1 else ""
            msg = f"{what}: {failed.what}{count}."
            raise TransientError(msg, status=failed.status)
        seconds = backoff(tries) if failed.retry_after is None else failed.retry_after
        invocation = running()
        invocation.wait(seconds, f"waiting after {what}: {failed.what}")
        invocation.retries += 1

    def _send(
        self, method: str, url: str, query: Mapping[str, Any], json: Any, form: Mapping[str, str] | None
    ) -> Reply:
        # A source's link carries the query of the page before; asking for `state=open&state=open` is another question.
        carried = {name for name, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True)}
        parameters = [(name, value) for name, value in _parameters(query) if name not in carried]
        for _ in range(_MOST_REDIRECTS + 1):
            response, body = self._exchange(method, url, parameters, json, form)
            if response.status_code not in _REDIRECTS or "Location" not in response.headers:
                return _reply(url, response, body)
            url, parameters = urljoin(response.url, response.headers["Location"]), []
            self._require_host(url)
            if response.status_code == 303:
                method, json, form = "GET", None, None
        msg = f"{method} {shown(self.url)}: more than {_MOST_REDIRECTS} redirects."
        raise TransientError(msg)

    def _exchange(
        self,
        method: str,
        url: str,
        parameters: list[tuple[str, str]],
        json: Any,
        form: Mapping[str, str] | None,
    ) -> tuple[requests.Response, bytes]:
        """One request and its body."""
        invocation = running()
        invocation.wait(self._delay.seconds(), "keeping to the rate limit")
        invocation.budget.require(0, "asking the source")
        headers, credentials = dict(self._headers), self._auth.query()
        # A source's link or redirect may repeat them, whichever host it leads to.
        url = without(frozenset(credentials), url)
        if self._is_own(url):
            headers |= self._auth.headers()
            parameters = [*parameters, *credentials.items()]
        invocation.requests += 1
        try:
            request = requests.Request(method, url, params=parameters, json=json, data=form, headers=headers)
            with self._session.send(
                self._session.prepare_request(request),
                timeout=self._timeouts_within(invocation.budget.remaining()),
                **self._environment(_root(url)),
                stream=True,
                allow_redirects=False,
            ) as response:
                body = self._body(response)
        except _NOT_HTTP:  # the error's text may hold the credential
            message = f"{shown(url)}: the request cannot be sent; a header or the address is not valid HTTP."
            raise ConfigurationError(message, hint="Is there a line break in a pasted key?") from None
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            # The error's own text holds the whole address, query and key included.
            raise FailedRequest(_what_broke(error)) from None
        if response.status_code in RETRIED:
            wait = retry_after(response.headers.get("Retry-After"), clock().now())
            msg = f"HTTP {response.status_code}"
            raise FailedRequest(msg, status=response.status_code, retry_after=wait)
        return response, body

    def _timeouts_within(self, remaining: float) -> tuple[float, float]:
        connect, read = self._timeouts
        return min(connect, max(0.1, remaining)), min(read, max(0.1, remaining))

    def _body(self, response: requests.Response) -> bytes:
        pieces, size = [], 0
        # read1 gives what has come; read, and requests' iter_content, would wait for whole pieces past every budget.
        while piece := response.raw.read1(1 << 17, decode_content=True):
            size += len(piece)
            if size > self._most_bytes:
                message = f"{shown(response.url)} answered more than {self._most_bytes / MB:g} MB."
                raise DefectError(message, hint="Ask for smaller pages.")
            running().budget.require(0, "reading an answer")
            pieces.append(piece)
        return b"".join(pieces)

    def _accepted(self, method: str, reply: Reply) -> Reply:
        if 200 <= reply.status < 300:
            return reply
        said = f": {_excerpt(reply.json)}" if reply.json not in (None, "") else ""
        message = f"{method} {shown(reply.url)}: HTTP {reply.status}{said}"
        if reply.status in (401, 403):
            raise ConfigurationError(
                message, hint="Check the credentials and what they may read.", status=reply.status
            )
        if 400 <= reply.status < 500 and reply.status not in _NOT_NOW:
            raise ConfigurationError(message, status=reply.status)
        raise TransientError(message, status=reply.status)


def _reply(url: str, response: requests.Response, body: bytes) -> Reply:
    try:
        decoded = msgspec.json.decode(body) if body.strip() else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        decoded = _undecodable(url, response, body)
    except RecursionError:
        message = f"{shown(url)} answered JSON that is nested too deeply to be read."
        raise DefectError(message, hint="Ask the source for fewer levels, if it can be asked.") from None
    return Reply(url, response.status_code, response.headers, decoded)


def _undecodable(url: str, response: requests.Response, body: bytes) -> str:
    """What to make of a body that is not JSON: an error's text will do, a success without data will not."""
    # Cleaned before it is cut: half a secret is no longer found.
    text = running().redactor.clean(body[:_MOST_SAID].decode("utf-8", "replace"))[:_EXCERPT]
    if not response.ok:
        return text
    kind = response.headers.get("Content-Type", "no content type").split(";")[0]
    if kind.endswith("json"):
        msg = "an answer that is not whole JSON"
        raise FailedRequest(msg)
    message = f"{shown(url)} answered HTTP {response.status_code} with {kind}, not JSON: {text[:80]!r}."
    raise TransientError(message, hint="Is the address right? A login or maintenance page looks like this.")


def _excerpt(value: Any) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return running().redactor.clean(" ".join(text.split()))[:_EXCERPT]


def _what_broke(error: Exception) -> str:
    match error:
        case requests.ConnectTimeout():
            return "no connection in time"
        case requests.Timeout() | urllib3.exceptions.ReadTimeoutError():
            return "no answer in time"
        case requests.exceptions.SSLError():
            return "the TLS certificate was refused"
        case urllib3.exceptions.ProtocolError() | urllib3.exceptions.DecodeError():
            return "the answer broke off"
        case requests.ConnectionError() if "NameResolution" in repr(error):
            return "the host name is unknown"
        case requests.ConnectionError() if "refused" in str(error):
            return "connection refused"
    return "the connection broke"


def _parameters(query: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in query.items():
        for one in value if isinstance(value, list | tuple) else [value]:
            if one is not None:
                yield name, _parameter(one)


def _parameter(value: Any) -> str:
    match value:
        case Secret():
            return value.reveal()
        case bool():
            return "true" if value else "false"
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
    return str(value)


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, brackets that do not close
        return False


def _root(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _environment(url: str) -> dict[str, Any]:
    """What the environment says of a host: the proxy to take, and the certificates to trust, as requests reads them."""
    bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    return {"proxies": requests.utils.get_environ_proxies(url), "verify": bundle or True}


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def shown(url: str) -> str:
    """An address for people: without its query, which may hold a key, and without user and password."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"


def without(keys: frozenset[str], url: str) -> str:
    """A link without the client's own key: it goes into the state, and the client adds the key anyway."""
    parts = urlsplit(url)
    if not keys & {name for name, _ in parse_qsl(parts.query)}:
        return url
    query = [
        (name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in keys
    ]
    return urlunsplit(parts._replace(query=urlencode(query)))
