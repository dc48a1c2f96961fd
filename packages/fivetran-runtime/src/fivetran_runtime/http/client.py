"""The HTTP client that tables get: JSON in, JSON out, and everything that goes wrong on the way.

One retry loop around sending a request *and reading its body*: a connection that breaks in the middle of a page is
as ordinary as one that is refused. urllib3's own retries see neither the body nor the time the function has left.
"""

from __future__ import annotations

import json as standard_json
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from email.utils import format_datetime
from functools import cache, partial
from math import inf, isfinite
from typing import Any
from uuid import UUID

import msgspec
import requests
import urllib3

from fivetran_runtime._arguments import kind_of, takes, wrong
from fivetran_runtime._encoding import encode
from fivetran_runtime._invocation import logs
from fivetran_runtime._invocation.budget import MB, OutOfBudget
from fivetran_runtime._invocation.clock import clock
from fivetran_runtime._invocation.context import Invocation, running
from fivetran_runtime._invocation.redaction import Redactor
from fivetran_runtime.config import Secret
from fivetran_runtime.errors import ConfigurationError, ConnectorError, DefectError, TransientError
from fivetran_runtime.http._addresses import Address, host_of, parameters_of, root, shown, without
from fivetran_runtime.http._bodies import (
    NotJsonError,
    charset_of,
    decoded,
    largest_body,
    require_room,
    too_large,
)
from fivetran_runtime.http._deadlines import (
    SHORTEST_TIMEOUT_S,
    UNKNOWN_HOST,
    TimelyAdapter,
    what_broke,
    within,
)
from fivetran_runtime.http._excerpts import excerpt
from fivetran_runtime.http._pages import Page
from fivetran_runtime.http._places import (
    A_PLACE,
    ABSENT,
    Asked,
    Place,
    is_header_name,
    is_place,
    is_there,
    look_up,
    shown_place,
)
from fivetran_runtime.http._retries import (
    Delay,
    FailedRequest,
    answered_with_errors,
    backoff,
    is_rate_limit,
    wait_of,
)
from fivetran_runtime.http.auth import Anonymous, Auth, Basic, Credentials, OutgoingRequest
from fivetran_runtime.http.pagination import NoRows, Paginator, read_pages, require_usable
from fivetran_runtime.operations import At

RETRIED = frozenset({429, 500, 502, 503, 504})
"""Statuses that say "later", or may be meant so; every other one is an answer."""
TRIES = 5
_LIMIT_TRIES = 7  # with waits of 63 s in all: most limits that say nothing are by the minute
_SETUP_TRIES = 2  # a person waits for a setup test
_SETUP_WAIT = 5.0
_UNKNOWN_TRIES = 2
_NOT_NOW = frozenset({408, 425})  # the client did nothing wrong but come too slowly or too early
_NO_CONTENT = 204
_WITH_ROWS = frozenset({200, 203, 206})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS = 5
_REDIRECTED = 300
_NOT_MODIFIED = 304
_NOT_HTTP = (requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader, UnicodeError)
_SURE = 8  # a text of this length is not in a link by chance


class Reply(msgspec.Struct, frozen=True):
    """What the source answered: status, headers and decoded JSON, None where the body is empty; or what `decode=` gave."""

    url: str
    status: int
    headers: Mapping[str, str]
    json: Any


Decode = Callable[[bytes], Any]
"""Makes an object of a body's bytes."""


class Wanted(msgspec.Struct, frozen=True):
    """What is made of a request's answer: JSON, unless it says otherwise.

    Attributes:
        headers: what is sent beside the client's own headers.
        decode: makes something of the bytes of a success.
        is_open: whether the body of a success is left to be read: the reply's `json` is the open answer.
        own: the author's headers for this request, which go to the client's own host only.
        accept: statuses that are an answer, and no error.
    """

    headers: Mapping[str, str] = {}
    is_open: bool = False
    decode: Decode | None = None
    own: Mapping[str, str] = {}
    accept: Collection[int] = ()

    @classmethod
    def by(cls, decode: Any) -> Wanted:
        """JSON, or what an author's function makes of the bytes.

        Raises:
            DefectError: it is no function.
        """
        if decode is None:
            return _JSON
        if not (callable(decode) and takes(decode, b"")):
            hint = 'A query parameter of this name can stand in the path: "/users?decode=all".'
            raise wrong("", "decode", decode, "a function that takes the body's bytes", hint=hint)
        return cls({"Accept": "*/*"}, decode=decode)

    def with_headers(self, headers: Mapping[str, Any] | None, accept: Any) -> Wanted:
        """The same for a request that is sent with headers of the author's, or whose refusal is an answer.

        Raises:
            DefectError: a header has no text.
        """
        if headers is None and not accept:
            return self
        if not isinstance(headers, Mapping | None):
            raise wrong("", "headers", headers, "a dict of names and texts")
        if isinstance(accept, str) or not isinstance(accept, Collection):
            raise wrong("request", "accept", accept, "statuses, such as (404, 410)")
        return msgspec.structs.replace(self, own=_header_texts(headers or {}), accept=accept)

    def headers_beside(self, own: Mapping[str, str]) -> dict[str, str]:
        """Those that are sent: what the author's headers accept counts."""
        is_own = own.get("Accept", _ACCEPT) != _ACCEPT
        return {name: value for name, value in self.headers.items() if name != "Accept" or not is_own}


_ACCEPT = "application/json"
_JSON = Wanted()


class Client:
    """A source's API under one address.

    Args:
        url: where paths are relative to, e.g. "https://api.acme.example/v2". Its query belongs to every request; a
            user and a password in it are sent as `Basic`, unless there is an `auth`.
        auth: who asks: `Bearer`, `Basic`, `HeaderKey`, `QueryKey`, `ClientCredentials`, `RefreshToken`, `FetchedToken`, or
            an `Auth` of your own.
        headers: sent with every request to the client's own host.
        connect_timeout: seconds to wait for a connection, the look-up of the host's name and all its addresses included.
        read_timeout: seconds to wait for an answer's headers, and then for its next bytes. Whatever it is, a request is
            over when the invocation's time is.
        rate: at most this many requests per time, as "10/s", "300/min" or "5000/h".
        allowed_hosts: other hosts that links and redirects may lead to; they get no credentials, no `headers`, and no body
            of a redirected request.
        max_bytes: the longest body that is read whole; by default what fits into the function's memory. `lines` and `csv` read
            bodies of any length.
        errors: where in an object that is answered with success the source says that something went wrong, e.g. "error".
            Such an answer is an error, and asked for again where that does no harm. By default it is "errors" for GraphQL,
            whose partial answers are never taken for whole ones.

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
        allowed_hosts: tuple[str, ...] = (),
        max_bytes: int | None = None,
        errors: Place | None = None,
    ) -> None:
        _require_right(
            headers=headers,
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            rate=rate,
            allowed_hosts=allowed_hosts,
            max_bytes=max_bytes,
            errors=errors,
        )
        if not isinstance(url, str):
            raise wrong("Client", "url", url, "an address, such as 'https://api.acme.example/v2'")
        self._address = Address.parse(url)
        self.url = self._address.url
        self._credentials = Credentials(_auth_of(self._address) if auth is None else auth)
        # One of its parameters may be a key; shorter ones ("json", "v2") are words that messages need.
        running().redactor.add(*(value for _, value in self._address.query if len(value) >= _SURE))
        if self._address.password is not None:  # also where auth= takes its place
            running().redactor.add(self._address.password.reveal())
        self._headers = {"Accept": _ACCEPT, **(headers or {})}
        self._timeouts = (connect_timeout, read_timeout)
        self._delay = Delay(rate) if rate else None
        self._allowed_hosts = allowed_hosts
        self._max_bytes = max_bytes
        self._errors = errors
        self._session = requests.Session()
        # requests would search the environment for each request, and ~/.netrc for credentials; see _environment.
        self._session.trust_env = False
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, TimelyAdapter())
        self._environment = cache(_environment)

    def get(
        self,
        path: str,
        /,
        *,
        headers: Mapping[str, Any] | None = None,
        decode: Decode | None = None,
        **query: Any,
    ) -> Any:
        """The JSON at a path, or what `decode` makes of another body; None for 304, which only answers such headers.

        Args:
            path: relative to the client's address, or a whole address on the same host. A parameter that is called like
                an argument can stand in it: "/users?headers=all".
            headers: for this request, beside the client's: text, a Secret, or an instant, which is sent as HTTP writes it
                (`{"If-Modified-Since": since}`). They go to the client's own host only.
            decode: makes an object of the bytes, for XML and whatever else is no JSON. Where it raises an error of its own,
                such as ValueError or xml's ParseError, the body counts as broken and is asked for again.
            query: parameters: text, numbers, dates, UUIDs, Secrets; True is sent as "true", an instant as RFC 3339 text; a
                list or tuple is repeated, None is left out.

        Raises:
            ConfigurationError: the source refused the request (a status from 400 to 499).
            TransientError: the source did not answer properly, after retries.
            DefectError: a parameter is of another type; or the answer is larger than `max_bytes`, or than the function's memory.
        """
        return self.request("GET", path, query=query, headers=headers, decode=decode).json

    def post(
        self,
        path: str,
        /,
        *,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, Any] | None = None,
        idempotent: bool = False,
        **query: Any,
    ) -> Any:
        """POST JSON or a form, and give the JSON that comes back.

        Args:
            path: as for `get`.
            json: the body, as JSON.
            form: the body, as a form; its fields are sent as parameters of `query` are.
            headers: as for `get`.
            idempotent: whether asking twice does no harm. Only then is a failed request sent again.
            query: as for `get`.

        Raises:
            As `get`.
        """
        reply = self.request(
            "POST", path, query=query, json=json, form=form, headers=headers, idempotent=idempotent
        )
        return reply.json

    def pages(
        self,
        path: str,
        paginator: Paginator,
        *,
        rows: Place | None = None,
        row: Callable[[Any], Any] | None = None,
        at: Mapping[str, Any] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, Any] | None = None,
        no_rows: int | str | Collection[int | str] = (),
        past_end: int | Collection[int] = (),
        decode: Decode | None = None,
        **query: Any,
    ) -> Iterator[Any]:
        """Rows of all pages, with an `At` between pages: `yield from client.pages("/users", Offset(offset))`.

        Args:
            path: what is listed.
            paginator: how the source pages, and the position to begin at.
            rows: where in the body the rows are, e.g. "data", "result.items" or ["odd.name"]; by default the body is
                the list.
            row: makes a row of what the source lists.
            at: arguments to add to every `At`, e.g. the project whose tickets are listed.
            json: the body of a list that is asked for by POST, as a search and GraphQL are. The position goes into it, at
                the place that is the paginator's `param`: `PageToken(after, param="variables.after", ...)`.
            form: the same, as a form.
            headers: as for `get`.
            no_rows: how the source says that there are none, if not with an empty list: "null" where the rows should be;
                "absent" for an object without them; 204, or 304 to what `headers` ask (not for a table whose missing rows are
                deleted: they are there, unchanged); a refusal of the first page such as 404, for a parent that is deleted or
                has none.
            past_end: the status, or statuses, of a page behind the last one, e.g. 404. On the first page it is an error.
            decode: as for `get`; makes the object in which rows and the next page are looked for.
            query: parameters of every request.

        Raises:
            DefectError: a page has no rows where they should be, or does not say what follows; or the next position
                was there before, or leads to another host.
            TransientError: a page is empty, or behind the end, although the source says that more rows follow.
            Others as `get`.
        """
        require_usable(paginator)
        if rows is not None and not is_place(rows):
            raise wrong("pages", "rows", rows, f"{A_PLACE}, or None where the body is the list")
        _require_items("pages", row, at)
        none = NoRows.parse(paginator, no_rows, past_end)
        listing = (
            None if json is None and form is None and headers is None else Asked(query, json, form, headers)
        )
        _require_request(query, json, form, headers)
        sizes = (listing or Asked(query)).sizes() if listing or query else frozenset()
        position = paginator.query()
        if listing or not all(type(param) is str for param in position):
            (listing or Asked(query)).at(dict.fromkeys(position, 0))  # is there room for the next one, too?

        def ask(target: str, position: Mapping[Any, Any], accepted: Collection[int]) -> Page:
            if listing is None and (asked := _with_position(query, position)) is not None:
                reply = self.request("GET", target, query=asked, accept=accepted, decode=decode)
            else:
                reply = self._ask((listing or Asked(query)).at(position), target, accepted, decode)
            follow = partial(self._follow, reply.url)
            return Page(shown(reply.url), reply.json, reply.headers, reply.status, sizes, follow)

        items = read_pages(ask, path, paginator, rows=rows, at=at or {}, no_rows=none)
        if row is None:
            yield from items
        else:
            for item in items:
                yield item if isinstance(item, At) else row(item)

    def lines(
        self,
        path: str,
        /,
        resume: Mapping[str, Any] | None,
        *,
        row: Callable[[Any], Any] | None = None,
        at: Mapping[str, Any] | None = None,
        **query: Any,
    ) -> Iterator[Any]:
        """Rows of a body with one JSON object a line: `yield from client.lines("/export", resume)`.

        The body is read as it comes, unpacked where it is gzip, and may be larger than the memory. Every so many rows there
        is an `At(resume=...)`, at which a later call goes on: the table's function has a parameter
        `resume: dict[str, Any] | None = None`.

        Args:
            path: as for `get`.
            resume: the position to begin at.
            row: makes a row of what the source lists.
            at: arguments to add to every `At`, e.g. the job whose report this is.
            query: as for `get`.

        Raises:
            ExpiredError: the body has changed since the call that it is resumed from; the table begins again.
            TransientError: a line is no JSON object, or the body breaks off, after retries; names the line.
            DefectError: it is no gzip that can be read; or an argument is of another kind.
            Others as `get`.
        """
        from fivetran_runtime.http._records import LinesForm  # noqa: PLC0415 - most connectors read no streams

        yield from self._stream(path, LinesForm(), resume, row, at, query)

    def csv(
        self,
        path: str,
        /,
        resume: Mapping[str, Any] | None,
        *,
        columns: Sequence[str] = (),
        has_header: bool = True,
        delimiter: str = ",",
        quotechar: str = '"',
        escapechar: str | None = None,
        encoding: str | None = None,
        row: Callable[[Any], Any] | None = None,
        at: Mapping[str, Any] | None = None,
        **query: Any,
    ) -> Iterator[Any]:
        """Rows of a body in CSV, or with another delimiter in TSV: `yield from client.csv("/users.csv", resume)`.

        Each row is a dict of texts, an empty field an empty text. Read and resumed as `lines`.

        Args:
            path: as for `get`.
            resume: the position to begin at.
            columns: names that the header has to have, of which one is enough to notice another body; with
                `has_header=False` the names of all columns, in their order.
            has_header: whether the first line names the columns.
            delimiter: what is between fields; a tab for TSV.
            quotechar: what is around fields that hold a delimiter or a line break; "" for none.
            escapechar: what makes the next character an ordinary one.
            encoding: that of the text, e.g. "cp1252"; by default as the body says, else UTF-8.
            row: makes a row of these texts.
            at: as for `lines`.
            query: as for `get`.

        Raises:
            ExpiredError: as for `lines`.
            TransientError: it breaks off, or is no CSV at all, after retries.
            DefectError: a line has more or fewer fields than the header, or text in another encoding; the header lacks a
                column or has one twice; or an argument is of another kind. Names the line.
            Others as `get`.
        """
        from fivetran_runtime.http._records import csv_form  # noqa: PLC0415 - most connectors read no streams

        form = csv_form(
            columns,
            has_header=has_header,
            delimiter=delimiter,
            quotechar=quotechar,
            escapechar=escapechar,
            encoding=encoding,
        )
        yield from self._stream(path, form, resume, row, at, query)

    def _stream(
        self,
        path: str,
        form: Any,
        resume: Any,
        row: Callable[[Any], Any] | None,
        at: Mapping[str, Any] | None,
        query: Any,
    ) -> Iterator[Any]:
        from fivetran_runtime.http import streams  # noqa: PLC0415 - most connectors read no streams

        _require_items(form.name, row, at)
        url = self._target(path)
        what = f"GET {shown(url)}"

        def opened(headers: Mapping[str, str]) -> requests.Response:
            reply = self._answered("GET", url, query, Wanted(headers, is_open=True))
            if not isinstance(reply.json, requests.Response):
                raise TransientError(
                    f"{what} answered HTTP {reply.status}, without rows.", status=reply.status
                )
            return reply.json

        def before_retry(failed: FailedRequest, tries: int) -> None:
            _before_retry(failed, tries, idempotent=True, what=what)

        source = streams.StreamedBody(shown(url), self._timeouts[1], opened, before_retry)
        for item in streams.read(source, form, resume, at or {}):
            yield item if row is None or isinstance(item, At) else row(item)

    def wait(self, seconds: float, why: str) -> None:
        """Wait for something that the source makes, such as a report, before asking for it again.

        Yield an `At` before, with what it is waited for (a job's id). Other tables are read meanwhile. When the call's time
        is up, the call ends in order, the next one goes on at that `At`, and so on for nine answers without a row; then the
        sync ends, and the next one goes on.

        Args:
            seconds: how long, if there is time; it may be less.
            why: what is waited for, e.g. "report 17", as the log is to name it.

        Raises:
            DefectError: the seconds are not a number above 0, or `why` says nothing.
        """
        if type(seconds) not in (int, float) or not 0 < seconds < inf:
            raise DefectError(f"wait(seconds={seconds!r}): it has to be a number of seconds above 0.")
        if type(why) is not str or not why.strip():
            raise DefectError(f'wait(why={why!r}): say what is waited for, as in "report 17".')
        running().wait_for_source(seconds, why)

    def _ask(self, asked: Asked, target: str, accepted: Collection[int], decode: Decode | None) -> Reply:
        """A page of a list that is asked for in another way than by its path and parameters."""
        return self.request(
            asked.method,
            target,
            query=asked.query,
            json=asked.json,
            form=asked.form,
            headers=asked.headers,
            idempotent=True,
            accept=accepted,
            decode=decode,
        )

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, Any] | None = None,
        idempotent: bool | None = None,
        accept: Collection[int] = (),
        decode: Decode | None = None,
    ) -> Reply:
        """Send a request until it is answered; see `get` and `post`. Statuses of `accept` are an answer, and no error."""
        if type(method) is not str or not method.replace("-", "").isalpha():
            raise wrong("request", "method", method, "a method, such as 'PATCH'")
        if not isinstance(idempotent, bool | None):
            raise wrong("", "idempotent", idempotent, "True or False")
        _require_request(query, json, form, headers)
        idempotent = method in ("GET", "HEAD") if idempotent is None else idempotent
        wanted = Wanted.by(decode).with_headers(headers, accept)
        return self._answered(
            method, self._target(path), query or {}, wanted, json=json, form=form, idempotent=idempotent
        )

    def _answered(
        self,
        method: str,
        url: str,
        query: Mapping[str, Any],
        wanted: Wanted,
        *,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        idempotent: bool = True,
    ) -> Reply:
        renewed, tries = False, 0
        while True:
            try:
                reply = self._send(method, url, query, json, form, wanted)
                if self._errors is not None or json is not None:
                    self._require_answer(reply, json)
            except FailedRequest as failed:
                tries += 1
                _before_retry(failed, tries, idempotent=idempotent, what=f"{method} {shown(url)}")
                continue
            if reply.status == 401 and not renewed and self._credentials.renew():
                renewed = True
                continue
            if reply.status in wanted.accept or (reply.status == _NOT_MODIFIED and wanted.own):
                return reply
            return _accepted(method, reply, self._credentials.why_refused if reply.status == 401 else "")

    def _require_answer(self, reply: Reply, json: Any) -> None:
        """Raise for an error that comes with a success, as those of GraphQL do: what is beside it is not whole."""
        is_graphql = isinstance(json, dict) and isinstance(json.get("query"), str)
        place = self._errors if self._errors is not None else "errors" if is_graphql else None
        if place is None or not isinstance(reply.json, dict) or reply.status >= _REDIRECTED:
            return
        errors = look_up(reply.json, place)
        if errors is not ABSENT and is_there(errors):
            where = f"{shown(reply.url)} ({shown_place(place)})"
            raise answered_with_errors(where, errors, is_refusal=is_graphql and "data" not in reply.json)

    def _target(self, path: str) -> str:
        if not isinstance(path, str):
            raise wrong("", "path", path, "a path such as '/users', or a whole address")
        if "://" not in path.partition("?")[0]:
            return self._address.join(path)
        url = self._address.resolve(path, self.url)
        if not self._is_allowed(url):
            what, hint = self._elsewhere(url)
            message = f"{shown(self.url)} leads to {shown(url)}, {what}."
            # As of a position that is no longer known: where the address was changed while a list was being read, the
            # reading begins again at the new one.
            raise StrangerError(message, hint=hint, status=410)
        return url

    def _follow(self, page: str, link: str, own_host: bool = False) -> str:
        """The address to ask for a link on a page, as it may stand in the state: without the client's own key.

        Raises:
            DefectError: it leads to another host, or holds a credential where it cannot be taken out.
        """
        url = self._address.resolve(link, page)
        if not self._is_allowed(url):
            url = self._address.seen_from_outside(url, page, own_host=own_host) or url
        url = self._without_credentials(url)
        if not self._is_allowed(url):
            what, hint = self._elsewhere(url)
            message = f"{shown(page)}: the link to the next page leads to {shown(url)}, {what}."
            raise DefectError(message, hint=hint)
        if self._credentials_in_links().clean(url) != url:
            message = f"{shown(page)}: the link to the next page has the client's credentials in its path."
            raise DefectError(message, hint="A link goes into the state, so it cannot be followed.")
        return url

    def _without_credentials(self, url: str) -> str:
        """A link without what the client adds anyway: its key, under any name, and what its address says."""
        names = {*self._credentials.names, *(name for name, _ in self._address.query)}
        clean = self._credentials_in_links().clean
        return without(url, lambda name, value: name in names or clean(value) != value)

    def _credentials_in_links(self) -> Redactor:
        sure = (text for text in self._credentials.texts() if len(text) >= _SURE)
        return Redactor(sure, in_parts=False)  # a part of one may be anything's name

    def _elsewhere(self, url: str) -> tuple[str, str]:
        """What an address is that is not the client's own, and what to do."""
        if host_of(url) == host_of(self.url):
            return "the same host by another scheme or port", _ADDRESS_HINT
        return "another host", _HOSTS_HINT

    def _is_allowed(self, url: str) -> bool:
        return self._address.is_own(url) or host_of(url) in self._allowed_hosts

    def _send(
        self,
        method: str,
        url: str,
        query: Mapping[str, Any],
        json: Any,
        form: Mapping[str, str] | None,
        wanted: Wanted,
    ) -> Reply:
        parameters = self._parameters_for(url, query)
        for redirects in range(_MAX_REDIRECTS + 1):
            response, body = self._exchange(method, url, parameters, json, form, wanted)
            if body is None:
                return Reply(url, response.status_code, response.headers, response)
            if response.status_code not in _REDIRECTS or "Location" not in response.headers:
                if wanted.decode is not None and response.ok and response.status_code != _NO_CONTENT:
                    return _decoded_by(wanted.decode, url, response, body)
                return _reply(url, response, body, was_redirected=redirects > 0)
            if response.status_code == 303:
                method, json, form = "GET", None, None
            url, parameters = (
                self._redirected(url, response, has_body=not (json is None and form is None)),
                [],
            )
        message = (
            f"{method} {shown(self.url)}: more than {_MAX_REDIRECTS} redirects, the last to {shown(url)}."
        )
        raise ConfigurationError(message, hint="Is the address right, its path included?")

    def _parameters_for(self, url: str, query: Mapping[str, Any]) -> list[tuple[str, str]]:
        # A source's link carries the query of the page before; asking for `state=open&state=open` is another question.
        carried = parameters_of(url)
        if not self._address.is_own(url):
            query = {name: value for name, value in query.items() if not isinstance(value, Secret)}
        return [(name, value) for name, value in _parameters(query) if name not in carried]

    def _redirected(self, url: str, response: requests.Response, *, has_body: bool) -> str:
        target = self._address.resolve(response.headers["Location"], url)
        if not self._is_allowed(target):
            what, hint = self._elsewhere(target)
            message = f"{shown(url)} redirects to {shown(target)}, {what}."
            raise ConfigurationError(message, hint=f"Is the address right? {hint}")
        if has_body and not self._address.is_own(target):
            message = f"{shown(url)} redirects a request with a body to {shown(target)}, another host."
            raise DefectError(
                message, hint="A body goes only where it was meant to: ask that host by itself."
            )
        return target

    def _exchange(
        self,
        method: str,
        url: str,
        parameters: list[tuple[str, str]],
        json: Any,
        form: Mapping[str, str] | None,
        wanted: Wanted,
    ) -> tuple[requests.Response, bytearray | None]:
        """One request and its body; None where that is still to be read."""
        invocation = running()
        if self._delay is not None:
            invocation.wait(self._delay.seconds(), "keeping to the rate limit")
        invocation.budget.require(0, f"asking {shown(url)}")
        request = self._prepared(method, url, parameters, json, form, wanted)
        invocation.count(requests=1)
        connect, read = self._timeouts_within(invocation.budget.remaining())
        try:
            with within(max(SHORTEST_TIMEOUT_S, invocation.budget.remaining()), idle=read) as deadline:
                response = self._session.send(
                    request,
                    timeout=(connect, read),
                    **self._environment(root(url)),
                    stream=True,
                    allow_redirects=False,
                )
                deadline.in_body = True
                if wanted.is_open and response.status_code in _WITH_ROWS and not _unknown_encoding(response):
                    return response, None
                with response:
                    body = self._body(response)
        except _NOT_HTTP:  # the error's text may hold the credential
            raise _unsendable(url) from None
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            # The error's own text holds the whole address, query and key included.
            raise FailedRequest(what_broke(error)) from None
        if response.status_code in RETRIED or response.status_code == 403:
            _require_no_later(url, response, body)
        return response, body

    def _prepared(
        self,
        method: str,
        url: str,
        parameters: list[tuple[str, str]],
        json: Any,
        form: Mapping[str, str] | None,
        wanted: Wanted,
    ) -> requests.PreparedRequest:
        """The request as it is sent, with what says who asks."""
        headers, parameters = self._own(url, parameters)
        headers |= wanted.headers_beside(headers)
        if wanted.own and self._address.is_own(url):
            headers |= wanted.own
        data: Any = None if form is None else [*_parameters(form, "form field")]
        if json is not None:
            data = _json_body(json)
            headers.setdefault("Content-Type", "application/json")
        request = requests.Request(method, url, params=parameters, data=data, headers=headers)
        try:
            prepared = self._session.prepare_request(request)
        except _NOT_HTTP:
            raise _unsendable(url) from None
        self._authenticate(prepared, is_own=self._address.is_own(url))
        return prepared

    def _own(
        self, url: str, parameters: list[tuple[str, str]]
    ) -> tuple[dict[str, str], list[tuple[str, str]]]:
        """The client's headers, and the parameters with those of its address, for its own host; else neither."""
        if not self._address.is_own(url):
            return {"Accept": self._headers["Accept"]}, parameters
        there = {*parameters_of(url), *(name for name, _ in parameters)}
        fixed = [(name, value) for name, value in self._address.query if name not in there]
        return {**self._headers}, [*parameters, *fixed]

    def _authenticate(self, request: requests.PreparedRequest, *, is_own: bool) -> None:
        """Put on a request what says who asks, if it goes to the client's own host."""
        seen = _outgoing(request)
        query = self._credentials.query(seen)
        # A source's link or redirect may repeat them, whichever host it leads to.
        url = without(seen.url, lambda name, _: name in self._credentials.names)
        if url != seen.url:
            request.url = url
            seen = _outgoing(request)
            query = self._credentials.query(seen) if is_own else {}
        if not is_own:
            return
        headers = self._credentials.headers(seen)
        try:
            request.prepare_headers({**request.headers, **headers})
            request.prepare_url(url, list(query.items()))
        except _NOT_HTTP:
            raise _unsendable(url) from None

    def _timeouts_within(self, remaining: float) -> tuple[float, float]:
        connect, read = self._timeouts
        return min(connect, max(SHORTEST_TIMEOUT_S, remaining)), min(read, max(SHORTEST_TIMEOUT_S, remaining))

    def _body(self, response: requests.Response) -> bytearray:
        body, most = bytearray(), self._max_bytes
        room = largest_body()
        # read1 gives what has come; read, and requests' iter_content, would wait for whole pieces past every budget.
        while piece := response.raw.read1(1 << 17, decode_content=True):
            body += piece
            if most is not None and len(body) > most:
                message = f"{shown(response.url)} answered more than {most / MB:g} MB."
                raise DefectError(message, hint="Ask for smaller pages.")
            if len(body) > room:
                raise too_large(f"{shown(response.url)} answered more than {room / MB:.0f} MB")
            _require_time(running(), f"{shown(response.url)}: the answer came too slowly")
        return body


class StrangerError(DefectError, ConfigurationError):
    """An address is not on the client's own host, nor on one of `allowed_hosts`: the source's doing, or a person's."""


_ADDRESS_HINT = "If the source is there, give the client that address: its credentials go nowhere else."
_HOSTS_HINT = "If that is meant, name it in the client's allowed_hosts=."


def _require_right(
    *, headers: Any, rate: Any, allowed_hosts: Any, max_bytes: Any, errors: Any, **seconds: Any
) -> None:
    """Raise DefectError for an argument of a client that cannot be used."""
    for name, value in seconds.items():
        if type(value) not in (int, float) or not 0 < value < inf:
            raise wrong("Client", name, value, "a number of seconds above 0")
    if not isinstance(rate, str | None):
        raise wrong("Client", "rate", rate, 'like "10/s", "300/min" or "5000/h"')
    is_list = isinstance(allowed_hosts, Collection) and not isinstance(allowed_hosts, str | Mapping)
    if not is_list or not all(type(host) is str and host and "/" not in host for host in allowed_hosts):
        raise wrong(
            "Client", "allowed_hosts", allowed_hosts, "names of hosts, such as ('files.acme.example',)"
        )
    if max_bytes is not None and (type(max_bytes) is not int or max_bytes < 1):
        raise wrong("Client", "max_bytes", max_bytes, "a number of bytes above 0, or None")
    if errors is not None and not is_place(errors):
        raise wrong("Client", "errors", errors, f"{A_PLACE}, or None")
    _require_headers(headers)


def _require_headers(headers: Any) -> None:
    """Raise DefectError for what are no headers; their values may be secrets, and are not shown."""
    if not isinstance(headers, Mapping | None):
        raise DefectError(
            f"Client(headers=...): it is {kind_of(headers)}, and has to be a dict of names and texts."
        )
    for name, value in (headers or {}).items():
        if not is_header_name(name) or not isinstance(value, str | None):
            what = (
                f"{name} is {kind_of(value)}, not a text"
                if is_header_name(name)
                else f"no header can be called {name!r}"
            )
            raise DefectError(
                f"Client(headers=...): {what}.", hint="For a Secret there is auth=HeaderKey(name, secret)."
            )


def _require_items(of: str, row: Any, at: Any) -> None:
    """Raise DefectError for what makes no rows, or adds nothing to an At."""
    if row is not None and not (callable(row) and takes(row, None)):
        raise wrong(of, "row", row, "a function that makes a row of what the source lists")
    if not isinstance(at, Mapping | None):
        raise wrong(of, "at", at, "a dict of the table function's parameters, such as {'project': project}")


def _require_request(query: Any, json: Any, form: Any, headers: Any) -> None:
    """Raise DefectError for what cannot be sent with a request."""
    if not isinstance(query, Mapping | None):
        raise wrong("request", "query", query, "a dict of parameters")
    if not isinstance(form, Mapping | None):
        raise wrong("", "form", form, "a dict of the form's fields")
    if not isinstance(headers, Mapping | None):
        raise wrong("", "headers", headers, "a dict of names and texts")
    if json is not None and form is not None:
        raise DefectError("json= and form= are both given; a request has one body.")


def _outgoing(request: requests.PreparedRequest) -> OutgoingRequest:
    body = request.body
    headers = request.headers.items()
    return OutgoingRequest(
        method=request.method or "",
        url=request.url or "",
        headers={name: text if isinstance(text, str) else text.decode("latin-1") for name, text in headers},
        body=body.encode() if isinstance(body, str) else body if isinstance(body, bytes) else b"",
    )


def _unsendable(url: str) -> ConfigurationError:
    message = f"{shown(url)}: the request cannot be sent; a header or the address is not valid HTTP."
    return ConfigurationError(message, hint="Is there a line break in a pasted key?")


def _auth_of(address: Address) -> Auth:
    if address.user is None or address.password is None:
        return Anonymous()
    return Basic(address.user, address.password)


def _require_no_later(url: str, response: requests.Response, body: bytearray) -> None:
    """Raise for an answer that may be another one soon."""
    now, status = clock().now(), response.status_code
    is_limited = status == 403
    if is_limited and not is_rate_limit(response.headers, now):
        return
    wait = wait_of(response.headers, now, is_limit=status == 429)
    what = f"HTTP {status}{', a rate limit' if is_limited else ''}"
    said = _said(_reply(url, response, body, was_redirected=False))
    raise FailedRequest(what, status=status, retry_after=wait, said=said)


def _said(reply: Reply) -> str:
    """What a refusal says, in the source's own words."""
    return excerpt(reply.json) if reply.json not in (None, "") else ""


def _before_retry(failed: FailedRequest, tries: int, *, idempotent: bool, what: str) -> None:
    """Wait before a request is sent again.

    Raises:
        OutOfBudget: there is no time for it.
        TransientError: it has been sent often enough.
        ConfigurationError: there is no such host.
    """
    invocation = running()
    unknown = failed.what == UNKNOWN_HOST
    seconds = backoff(tries) if failed.retry_after is None else failed.retry_after
    if (
        not idempotent
        or tries >= _max_tries(failed, invocation)
        or (invocation.is_setup_test and seconds > _SETUP_WAIT)
    ):
        count = f" {tries} times" if tries > 1 else ""
        message = f"{what}: {failed.what}{count}{f': {failed.said}' if failed.said else ''}."
        if unknown:
            raise ConfigurationError(message, hint="Is the address right?", cause=failed.what)
        raise TransientError(message, status=failed.status, cause=failed.what)
    _require_time(invocation, f"{what}: {failed.what}")
    invocation.wait(seconds, f"waiting after {what}: {failed.what}")
    invocation.count(retries=1)


def _max_tries(failed: FailedRequest, invocation: Invocation) -> int:
    if failed.what == UNKNOWN_HOST:
        return _UNKNOWN_TRIES
    if invocation.is_setup_test:
        return _SETUP_TRIES
    return _LIMIT_TRIES if failed.status == 429 and failed.retry_after is None else TRIES


def _require_time(invocation: Invocation, what: str) -> None:
    """Raise OutOfBudget, with what the time was spent on, when there is none left."""
    try:
        invocation.budget.require(0, what)
    except OutOfBudget as stop:
        stop.why = f"{what}, and {stop.why}"
        stop.args = (stop.why,)
        raise


def _accepted(method: str, reply: Reply, why_refused: str = "") -> Reply:
    if 200 <= reply.status < 300:
        return reply
    said = _said(reply)
    cause = f"HTTP {reply.status}{f': {said}' if said else ''}"
    message = f"{method} {shown(reply.url)}: {cause}"
    kind: type[ConnectorError] = TransientError
    hint = ""
    if 300 <= reply.status < 500 and reply.status not in _NOT_NOW:
        kind, hint = (
            ConfigurationError,
            why_refused or _HINTS.get(reply.status, _PATH_HINT if reply.status < 400 else ""),
        )
    raise kind(message, hint=hint, status=reply.status, cause=cause)


_CREDENTIALS_HINT = "Check the credentials and what they may read."
_PATH_HINT = "Is the address right, its path included?"
_HINTS = {401: _CREDENTIALS_HINT, 403: _CREDENTIALS_HINT, 404: _PATH_HINT}


def _reply(url: str, response: requests.Response, body: bytearray, *, was_redirected: bool) -> Reply:
    kind = response.headers.get("Content-Type", "")
    if unknown := _unknown_encoding(response):
        _require_no_success(url, response, unknown)
        return Reply(url, response.status_code, response.headers, None)
    require_room(body, shown(url))
    try:
        found = decoded(body, kind)
    except NotJsonError as error:
        value = _undecodable(url, response, body, error, was_redirected=was_redirected)
        return Reply(url, response.status_code, response.headers, value)
    except RecursionError:
        message = f"{shown(url)} answered JSON that is nested too deeply to be read."
        raise DefectError(message, hint="Ask the source for fewer levels, if it can be asked.") from None
    if found.replaced:
        message = (
            f"{shown(url)}: half of a surrogate pair (a character that was cut in two) was replaced by U+FFFD"
        )
        logs.emit("WARNING", f"{message}: {'; '.join(found.replaced)}.")
    return Reply(url, response.status_code, response.headers, found.value)


def _decoded_by(decode: Decode, url: str, response: requests.Response, body: bytearray) -> Reply:
    """The answer as an author's function reads it.

    Raises:
        FailedRequest: the body is not what it reads.
        Exception: what shows that the function itself is wrong.
    """
    if unknown := _unknown_encoding(response):
        _require_no_success(url, response, unknown)
    try:
        value = decode(bytes(body))
    except (ConnectorError, *_BUGS):
        raise
    except Exception as error:  # each library has errors of its own for a body that is not whole
        what = f"an answer that decode= cannot read ({type(error).__name__}: {excerpt(str(error))})"
        raise FailedRequest(what) from error
    return Reply(url, response.status_code, response.headers, value)


_BUGS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    NameError,
    TypeError,
    RecursionError,
)


def _unknown_encoding(response: requests.Response) -> str:
    """How a body is compressed, if that is none of the ways that were asked for."""
    used = [name.strip().lower() for name in response.headers.get("Content-Encoding", "").split(",")]
    return ", ".join(name for name in used if name not in ("", "identity", *response.raw.CONTENT_DECODERS))


def _require_no_success(url: str, response: requests.Response, encoding: str) -> None:
    """Raise for a success whose body cannot be read; an error's status says enough without one."""
    if response.ok:
        message = f"{shown(url)} answered in the Content-Encoding {encoding}, which was not asked for and cannot be read."
        hint = 'Ask for none, with the client\'s headers={"Accept-Encoding": "identity"}, or install its decoder.'
        raise DefectError(message, hint=hint)


def _undecodable(
    url: str, response: requests.Response, body: bytearray, error: NotJsonError, *, was_redirected: bool
) -> str:
    """What to make of a body that is not JSON: an error's text will do, a success without data will not."""
    content_type = response.headers.get("Content-Type", "no content type")
    text = bytes(body[:_MAX_SAID]).decode(charset_of(content_type) or "utf-8", "replace")
    if not response.ok:
        return text
    kind = content_type.split(";")[0]
    if kind.endswith("json"):
        why = "" if error.is_cut else f": {error.why}"
        raise FailedRequest(f"an answer that is not whole JSON{why}")
    message = (
        f"{shown(url)} answered HTTP {response.status_code} with {kind}, not JSON: {excerpt(text)[:80]!r}."
    )
    hint = "Is the address right? A login or maintenance page looks like this."
    raise (ConfigurationError if was_redirected else TransientError)(message, hint=hint)


_MAX_SAID = 100_000


def _json_body(value: Any) -> bytes:
    """JSON to send: as Python's own encoder writes it, and with every digit of a Decimal."""
    try:
        return standard_json.dumps(value, allow_nan=False).encode()
    except TypeError:
        pass
    try:
        return encode(value)
    except TypeError as error:
        hint = "A Secret's text is its reveal()."
        raise DefectError(f"json= holds what has no JSON form ({error}).", hint=hint) from None


def _with_position(query: Mapping[str, Any], position: Mapping[Any, Any]) -> dict[str, Any] | None:
    """Parameters with those of a position that has any; None where something else than a parameter takes it."""
    merged = {**query, **position}
    for param, value in position.items():
        if type(param) is not str:
            return None
        if value is None:
            merged[param] = query.get(param)
    return merged


def _header_texts(headers: Mapping[str, Any]) -> dict[str, str]:
    """Headers as they are sent; None leaves one out.

    Raises:
        DefectError: a value has no text.
    """
    for name in headers:
        if not is_header_name(name):
            raise DefectError(f"headers= has the name {name!r}, which no header can have.")
    return {name: _header_text(name, value) for name, value in headers.items() if value is not None}


def _header_text(name: str, value: Any) -> str:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise DefectError(f"The header {name} is an instant without a zone, which says no moment.")
        return format_datetime(value.astimezone(UTC), usegmt=True)  # RFC 9110, 5.6.7
    return _parameter(name, value, what="header")


def _parameters(query: Mapping[str, Any], what: str = "query parameter") -> Iterator[tuple[str, str]]:
    for name, value in query.items():
        for one in value if isinstance(value, list | tuple) else [value]:
            if one is not None:
                yield name, _parameter(name, one, what)


def _parameter(name: str, value: Any, what: str = "query parameter") -> str:
    match value:
        case Secret():
            return value.reveal()
        case bool():
            return "true" if value else "false"
        case str():
            return str.__str__(value)  # of an Enum of texts, too
        case int():
            return int.__repr__(value)
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case float() if isfinite(value):
            return str(value)
        case Decimal() if value.is_finite():
            return format(value, "f")
        case UUID():
            return str(value)
    is_no_number = isinstance(value, float | Decimal)
    found = "not a finite number" if is_no_number else kind_of(value)
    raise DefectError(f"The {what} {name} is {found}, which cannot be sent.", hint=_SENDABLE)


_SENDABLE = "It can be a text, a number, true or false, a date, an instant, a UUID, a Secret, or a list of these; None leaves it out."


def _environment(url: str) -> dict[str, Any]:
    """What the environment says of a host: the proxy to take, and the certificates to trust, as requests reads them."""
    bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    return {"proxies": requests.utils.get_environ_proxies(url), "verify": bundle or True}
