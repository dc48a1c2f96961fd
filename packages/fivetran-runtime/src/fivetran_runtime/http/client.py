"""The HTTP client that tables get: JSON in, JSON out, and everything that goes wrong on the way."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from math import inf
from typing import Any

import msgspec

from fivetran_runtime._arguments import takes, wrong
from fivetran_runtime._invocation.context import running
from fivetran_runtime.errors import DefectError
from fivetran_runtime.http._addresses import Address, Hosts, shown
from fivetran_runtime.http._bodies import Reply
from fivetran_runtime.http._outgoing import Decode, RequestSpec, request_of
from fivetran_runtime.http._pages import Page
from fivetran_runtime.http._places import A_PLACE, Place, is_place
from fivetran_runtime.http._retries import Delay
from fivetran_runtime.http._sending import RequestSender, SentRequest
from fivetran_runtime.http.auth import Anonymous, Auth, Basic, Credentials
from fivetran_runtime.http.pagination import NoRows, Paginator, read_pages, require_usable
from fivetran_runtime.operations import At

_MAX_AHEAD = 8  # connections to one host that requests keeps are ten
_SURE = 8  # a parameter of this length is no word that messages need, as "json" and "v2" are


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
        address = Address.parse(url)
        self.url = address.url
        credentials = Credentials(_auth_of(address) if auth is None else auth)
        _hide(address)
        self._hosts = Hosts(address, allowed_hosts, credentials)
        self._sender = RequestSender(
            self._hosts,
            credentials,
            headers,
            timeouts={"connect_timeout": connect_timeout, "read_timeout": read_timeout},
            delay=None if rate in (None, "") else Delay(rate),
            max_bytes=max_bytes,
            errors=errors,
        )

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
                list or tuple is repeated, None is left out. Those whose names are none in Python stand in a dict:
                `query={"@sort": "id", "page[size]": 50}`.

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
        ahead: bool | int | None = None,
        **query: Any,
    ) -> Iterator[Any]:
        """Rows of all pages, with an `At` between pages: `yield from client.pages("/users", Offset(offset))`.

        Args:
            path: what is listed.
            paginator: how the source pages, and the position to begin at.
            rows: where in the body the rows are, e.g. "data", "result.items" or ["odd.name"]; by default the body is
                the list. A place leads through objects only. Where rows are inside the elements of a list, list those
                elements, and yield what is in each: `for page in ...: yield from page["rows"]`.
            row: makes a row of what the source lists.
            at: arguments to add to every `At`, e.g. the project whose tickets are listed.
            json: the body of a list that is asked for by POST, as a search and GraphQL are. The position goes into it, at
                the place that is the paginator's `param`: `PageToken(after, param="variables.after", ...)`.
            form: the same, as a form.
            headers: as for `get`.
            no_rows: how the source says that there are none, if not with an empty list: "null" where the rows should be;
                "absent" for an object without them; 204, or 304 to what `headers` ask (not for a table whose missing rows are
                deleted: they are there, unchanged); a refusal of the first page such as 404, for a parent that is deleted or
                has none: a line in the log (severity INFO) names each of the first ten, and the report of the call counts
                them by status, under `no_rows`.
            past_end: the status, or statuses, of a page behind the last one, e.g. 404. On the first page it is an error.
            decode: as for `get`; makes the object in which rows and the next page are looked for.
            ahead: whether the next page is asked for before its turn, while the rows of the one before it are sent. By default
                it is with `Offset` and `PageNumber`, where it does no harm that a page is asked for which nobody reads in
                the end, as the call ends before. True for a `Keyset`, and for tokens and links that stay good once they were
                used; never for a list that moves on at the source when it is asked (a scroll): a page that nobody reads is
                lost there. A number from 2 to 8, with `Offset` and `PageNumber`, for a source that may be asked for so many
                pages at the same time: their rows come in their order all the same. Where the source does not say how many
                rows or pages there are (`total=`, `last=`), some are asked for behind the end.
            query: parameters of every request, as for `get`.

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
        is_numbered = getattr(paginator, "reads_ahead", False)
        if ahead is None:
            ahead = is_numbered
        if type(ahead) not in (bool, int) or not 0 <= ahead <= (_MAX_AHEAD if is_numbered else 1):
            numbers = f", or with Offset and PageNumber a number from 2 to {_MAX_AHEAD}"
            raise wrong("pages", "ahead", ahead, f"True or False{numbers}")
        none = NoRows.parse(paginator, no_rows, past_end)
        method = "GET" if json is None and form is None else "POST"
        listing = request_of(method, "", query, json=json, form=form, headers=headers, decode=decode)
        listing.at(dict.fromkeys(paginator.query(), 0))  # is there room for the next position, too?
        source = _Listing(self._sender, self._hosts, listing)
        items = read_pages(source, path, paginator, rows=rows, at=at or {}, no_rows=none, ahead=ahead)
        yield from items if row is None else _made(row, items)

    def lines(
        self,
        path: str,
        /,
        resume: Mapping[str, Any] | None,
        *,
        row: Callable[[Any], Any] | None = None,
        at: Mapping[str, Any] | None = None,
        json: Any = None,
        form: Mapping[str, Any] | None = None,
        headers: Mapping[str, Any] | None = None,
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
            json: the body of a request by POST, as an export with a filter has it; asked again, it must give the same rows.
            form: the same, as a form.
            headers: as for `get`.
            query: as for `get`.

        Raises:
            ExpiredError: the body has changed since the call that it is resumed from; the table begins again.
            TransientError: a line is no JSON object, or the body breaks off, after retries; names the line.
            DefectError: it is no gzip that can be read; or an argument is of another kind.
            Others as `get`.
        """
        from fivetran_runtime.http._records import LinesForm  # noqa: PLC0415 - most connectors read no streams

        request = self._stream(path, query, json=json, form=form, headers=headers)
        yield from _streamed(self._sender, request, LinesForm(), resume, row, at)

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
        json: Any = None,
        form: Mapping[str, Any] | None = None,
        headers: Mapping[str, Any] | None = None,
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
            json: as for `lines`.
            form: as for `lines`.
            headers: as for `get`.
            query: as for `get`.

        Raises:
            ExpiredError: as for `lines`.
            TransientError: it breaks off, or is no CSV at all, after retries.
            DefectError: a line has more or fewer fields than the header, or text in another encoding; the header lacks a
                column or has one twice; or an argument is of another kind. Names the line.
            Others as `get`.
        """
        from fivetran_runtime.http._records import CsvForm  # noqa: PLC0415 - most connectors read no streams

        written = CsvForm(columns, has_header, delimiter, quotechar, escapechar, encoding)
        request = self._stream(path, query, json=json, form=form, headers=headers)
        yield from _streamed(self._sender, request, written, resume, row, at)

    def _stream(self, path: str, query: Mapping[str, Any], **body: Any) -> RequestSpec:
        method = "GET" if body["json"] is None and body["form"] is None else "POST"
        return request_of(method, self._hosts.target(path), query, decode=None, **body)

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
        """Send a request until it is answered, by any method; gives status, headers and the decoded body.

        Args:
            method: "GET", "POST", "PUT" and so on.
            path: as for `get`.
            query: parameters, as for `get`, by name.
            json: the body, as JSON.
            form: the body, as a form; as for `post`.
            headers: as for `get`.
            idempotent: whether asking twice does no harm; by default that is so for GET and HEAD. Only then is a failed
                request sent again.
            accept: statuses that are an answer, and no error, such as (404,).
            decode: as for `get`.

        Raises:
            As `get`.
        """
        if type(method) is not str or not method.replace("-", "").isalpha():
            raise wrong("request", "method", method, "a method, such as 'PATCH'")
        if not isinstance(idempotent, bool | None):
            raise wrong("", "idempotent", idempotent, "True or False")
        idempotent = method in ("GET", "HEAD") if idempotent is None else idempotent
        request = request_of(
            method,
            self._hosts.target(path),
            query or {},
            json=json,
            form=form,
            headers=headers,
            accept=accept,
            decode=decode,
            idempotent=idempotent,
        )
        return self._sender.answered(request)


class _Listing:
    """Where the pages of a list come from."""

    def __init__(self, sender: RequestSender, hosts: Hosts, request: RequestSpec) -> None:
        self._sender, self._hosts, self._request = sender, hosts, request
        self._sizes = request.sizes()

    def page(
        self, target: str, position: Mapping[Any, Any], accepted: Collection[int], sent: SentRequest | None
    ) -> Page:
        """A page, as `PageSource` has it."""
        request = msgspec.structs.replace(self._at(target, position), accept=accepted)
        reply = self._sender.answered(request, sent)
        follow = partial(self._hosts.follow, reply.url)
        url, sizes = shown(reply.url), self._sizes
        return Page(url, reply.json, reply.headers, reply.status, sizes, follow, size=reply.size)

    def send(
        self, target: str, position: Mapping[Any, Any], behind: Page, *, pages: int, alone: bool
    ) -> SentRequest | None:
        """A page that is asked for before its turn, if the call will take it."""
        ahead = running().ahead
        if ahead is None or not ahead.takes(behind.size, pages):
            return None
        return self._sender.send_ahead(self._at(target, position), ahead, alone=alone)

    def _at(self, target: str, position: Mapping[Any, Any]) -> RequestSpec:
        return msgspec.structs.replace(self._request.at(position), url=self._hosts.target(target))


def _auth_of(address: Address) -> Auth:
    if address.user is None or address.password is None:
        return Anonymous()
    return Basic(address.user, address.password)


def _hide(address: Address) -> None:
    """Keep what may be a key in the client's own address out of messages: a parameter of it, or its password."""
    redactor = running().redactor
    redactor.add(*(value for _, value in address.query if len(value) >= _SURE))
    if address.password is not None:  # also where auth= takes its place
        redactor.add(address.password.reveal())


def _streamed(
    sender: RequestSender,
    request: RequestSpec,
    form: Any,
    resume: Any,
    row: Callable[[Any], Any] | None,
    at: Mapping[str, Any] | None,
) -> Iterator[Any]:
    from fivetran_runtime.http.streams import StreamedBody, read  # noqa: PLC0415 - most connectors read no streams

    _require_items(form.name, row, at)
    items = read(StreamedBody(sender, request), form, resume, at or {})
    yield from items if row is None else _made(row, items)


def _made(row: Callable[[Any], Any], items: Iterator[Any]) -> Iterator[Any]:
    """Rows as an author's function makes them of what the source lists."""
    for item in items:
        yield item if isinstance(item, At) else row(item)


def _require_items(of: str, row: Any, at: Any) -> None:
    """Raise DefectError for what makes no rows, or adds nothing to an At."""
    if row is not None and not (callable(row) and takes(row, None)):
        raise wrong(of, "row", row, "a function that makes a row of what the source lists")
    if not isinstance(at, Mapping | None):
        raise wrong(of, "at", at, "a dict of the table function's parameters, such as {'project': project}")
