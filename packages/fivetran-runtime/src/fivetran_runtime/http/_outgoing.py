"""A request to a source: what is asked, how it is written, and what says who asks."""

from __future__ import annotations

import json as standard_json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from email.utils import format_datetime
from math import isfinite
from typing import Any
from uuid import UUID

import msgspec
import requests

from fivetran_runtime._arguments import kind_of, takes, wrong
from fivetran_runtime._encoding import encode
from fivetran_runtime.config import Secret
from fivetran_runtime.errors import ConfigurationError, DefectError
from fivetran_runtime.http._addresses import Hosts, parameters_of, shown, without
from fivetran_runtime.http._places import Header, is_header_name, put
from fivetran_runtime.http.auth import Credentials, OutgoingRequest

ACCEPT = "application/json"
NOT_HTTP = (requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader, UnicodeError)
Decode = Callable[[bytes], Any]
"""Makes an object of a body's bytes."""


class RequestSpec(msgspec.Struct, frozen=True):
    """What a source is asked, and what is made of its answer.

    Attributes:
        method: "GET", "POST" and so on.
        url: the whole address; empty where a list's pages each have another.
        query: parameters, as an author gives them.
        json, form: the body.
        headers: the author's for this request, which go to the client's own host only.
        kind: what says how the answer may be written, beside the client's own headers.
        accept: statuses that are an answer, and no error.
        decode: makes something of the bytes of a success, which is JSON otherwise.
        is_open: whether the body of a success is left to be read: the reply's `json` is the open answer.
        idempotent: whether it may be sent again.
    """

    method: str
    url: str
    query: Mapping[str, Any] = {}
    json: Any = None
    form: Mapping[str, Any] | None = None
    headers: Mapping[str, Any] = {}
    kind: Mapping[str, str] = {}
    accept: Collection[int] = ()
    decode: Decode | None = None
    is_open: bool = False
    idempotent: bool = True

    @property
    def has_body(self) -> bool:
        """Whether anything is sent beside address and headers."""
        return self.json is not None or self.form is not None

    def at(self, position: Mapping[Any, Any]) -> RequestSpec:
        """The same with a position, by what takes it; what is None is left as the author wrote it.

        Raises:
            DefectError: it is to go into a body that there is not, or that has no room for it.
        """
        query, json, form, headers = {**self.query}, self.json, self.form, self.headers
        for param, value in position.items():
            if value is None:
                continue
            if isinstance(param, Header):
                headers = {**headers, param.name: value}
            elif form is not None:
                form = {**form, param if isinstance(param, str) else param[-1]: value}
            elif json is not None:
                json = put(json, param, value)
            elif isinstance(param, str):
                query[param] = value
            else:
                msg = f"param={list(param)} is a place in a body, and this list is asked for without one."
                raise DefectError(msg, hint="Give pages() the json= that the source is asked with.")
        return msgspec.structs.replace(self, query=query, json=json, form=form, headers=headers)

    def sizes(self) -> frozenset[int]:
        """The numbers that are asked with under a name of the size of a page."""
        body = self.json if isinstance(self.json, dict) else {}
        inner = [body[name] for name in _WITH_SIZES if isinstance(body.get(name), dict)]
        return frozenset(
            value
            for members_of in (self.query, body, *inner)
            for name, value in members_of.items()
            if type(value) is int and _is_size(name)
        )


_WITH_SIZES = ("variables", "page", "paging", "pagination")
_SIZES = frozenset(
    [
        "limit",
        "size",
        "per",
        "first",
        "count",
        "top",
        "take",
        "rows",
        "maxresults",
        "maxitems",
        "maxrecords",
        "maxrows",
        "maxkeys",
        "maxcount",
        "numrows",
        "rpp",
    ]
)
_NO_LETTERS = r"[\W_]+"


def _is_size(name: object) -> bool:
    """Whether a parameter is called like the size of a page: "per_page", "$top", "page[limit]", "sysparm_limit"."""
    text = re.sub(_NO_LETTERS, "", str(name)).lower()
    return text in _SIZES or text.endswith(
        ("perpage", "pagesize", "pagelimit", "pagelength", "batchsize", "parmlimit")
    )


def request_of(
    method: str,
    url: str,
    query: Any,
    *,
    json: Any,
    form: Any,
    headers: Any,
    decode: Any,
    accept: Any = (),
    idempotent: bool = True,
) -> RequestSpec:
    """A request as an author says it.

    Raises:
        DefectError: an argument is of another kind.
    """
    _require_request(query, json, form, headers)
    query = _with_odd_names(query)
    if decode is not None and not (callable(decode) and takes(decode, b"")):
        hint = 'A query parameter of this name can stand in the path: "/users?decode=all".'
        raise wrong("", "decode", decode, "a function that takes the body's bytes", hint=hint)
    if isinstance(accept, str) or not isinstance(accept, Collection):
        raise wrong("request", "accept", accept, "statuses, such as (404, 410)")
    given = {name: value for name, value in (headers or {}).items() if value is not None}
    kind = {} if decode is None else {"Accept": "*/*"}
    return RequestSpec(method, url, query, json, form, given, kind, accept, decode, idempotent=idempotent)


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


def _with_odd_names(query: Mapping[str, Any]) -> Mapping[str, Any]:
    """The parameters, with those in their midst that were given as a dict: `query={"@sort": "id"}`."""
    odd = query.get("query")
    if not isinstance(odd, Mapping):
        return query
    named = {name: value for name, value in query.items() if name != "query"}
    if twice := [*(named.keys() & odd.keys())]:
        raise DefectError(f"The query parameter {twice[0]} is given twice: by its name, and in query=.")
    return {**named, **odd}


class RequestWriter:
    """Writes the requests of one client: its headers, query and credentials are for its own host only."""

    def __init__(
        self, session: requests.Session, hosts: Hosts, credentials: Credentials, headers: Any
    ) -> None:
        _require_headers(headers)
        self._session = session
        self._hosts = hosts
        self._credentials = credentials
        self._headers = {"Accept": ACCEPT, **(headers or {})}

    def written(self, request: RequestSpec) -> requests.PreparedRequest:
        """The request as it is sent.

        Raises:
            ConfigurationError: a header or the address is no HTTP.
            DefectError: a parameter or a header has no text.
        """
        url, is_own = request.url, self._hosts.address.is_own(request.url)
        headers = self._own_headers(is_own=is_own)
        headers |= _beside(headers, request.kind)
        if is_own:
            headers |= _header_texts(request.headers)
        data: Any = None if request.form is None else [*_parameters(request.form, "form field")]
        if request.json is not None:
            data = _json_body(request.json)
            headers.setdefault("Content-Type", "application/json")
        parameters = self._parameters(url, request.query, is_own=is_own)
        unprepared = requests.Request(request.method, url, params=parameters, data=data, headers=headers)
        try:
            prepared = self._session.prepare_request(unprepared)
        except NOT_HTTP:
            raise unsendable(url) from None
        self._authenticate(prepared, is_own=is_own)
        return prepared

    def _own_headers(self, *, is_own: bool) -> dict[str, str]:
        """The client's headers; for another host what it accepts, and no more."""
        return {**self._headers} if is_own else {"Accept": self._headers["Accept"]}

    def _parameters(self, url: str, query: Mapping[str, Any], *, is_own: bool) -> list[tuple[str, str]]:
        """Those that the address does not carry yet; for the client's own host with those of the client's address."""
        # A source's link carries the query of the page before; asking for `state=open&state=open` is another question.
        carried = parameters_of(url)
        if not is_own:
            query = {name: value for name, value in query.items() if not isinstance(value, Secret)}
        asked = [(name, value) for name, value in _parameters(query) if name not in carried]
        there = {*carried, *(name for name, _ in asked)}
        fixed = self._hosts.address.query if is_own else ()
        return [*asked, *((name, value) for name, value in fixed if name not in there)]

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
            if query:
                request.prepare_url(url, list(query.items()))
        except NOT_HTTP:
            raise unsendable(url) from None


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


def _outgoing(request: requests.PreparedRequest) -> OutgoingRequest:
    body = request.body
    headers = request.headers.items()
    return OutgoingRequest(
        method=request.method or "",
        url=request.url or "",
        headers={name: text if isinstance(text, str) else text.decode("latin-1") for name, text in headers},
        body=body.encode() if isinstance(body, str) else body if isinstance(body, bytes) else b"",
    )


def unsendable(url: str) -> ConfigurationError:
    """The error for a request that is no HTTP; its own text may hold the credential."""
    message = f"{shown(url)}: the request cannot be sent; a header or the address is not valid HTTP."
    return ConfigurationError(message, hint="Is there a line break in a pasted key?")


def _beside(own: Mapping[str, str], kind: Mapping[str, str]) -> dict[str, str]:
    """What says how an answer may be written, where the author's headers do not: what they accept counts."""
    is_own = own.get("Accept", ACCEPT) != ACCEPT
    return {name: value for name, value in kind.items() if name != "Accept" or not is_own}


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
