"""Sending a request until it is answered: as often as it may be, within the time, and along redirects.

One retry loop around sending a request *and reading its body*: a connection that breaks in the middle of a page is
as ordinary as one that is refused. urllib3's own retries see neither the body nor the time the function has left.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from math import inf
from time import monotonic
from typing import Any

import msgspec
import requests
import urllib3

from fivetran_runtime._arguments import wrong
from fivetran_runtime._invocation.budget import MB
from fivetran_runtime._invocation.clock import clock
from fivetran_runtime._invocation.context import NotBeforeItsTurn, ReadAhead, require_turn, running
from fivetran_runtime.errors import ConfigurationError, DefectError
from fivetran_runtime.http._addresses import Hosts, root, shown
from fivetran_runtime.http._bodies import (
    Reply,
    decoded_reply,
    largest_body,
    reply_of,
    too_large,
    unknown_encoding,
)
from fivetran_runtime.http._deadlines import (
    SHORTEST_TIMEOUT_S,
    Connection,
    Deadline,
    RequestSent,
    TimelyAdapter,
    require_time,
    what_broke,
    within,
)
from fivetran_runtime.http._outgoing import NOT_HTTP, RequestSpec, RequestWriter, unsendable
from fivetran_runtime.http._places import A_PLACE, ABSENT, is_place, is_there, look_up, shown_place
from fivetran_runtime.http._refusals import answered_with_errors, refusal, said
from fivetran_runtime.http._retries import Delay, FailedRequest, is_rate_limit, wait_before_retry, wait_of
from fivetran_runtime.http.auth import Credentials

_RETRIED = frozenset({429, 500, 502, 503, 504})
"""Statuses that say "later", or may be meant so; every other one is an answer."""
_NO_CONTENT = 204
_WITH_ROWS = frozenset({200, 203, 206})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS = 5
_SETTLED_S = 1.0
"""A page that was asked for early and does not come takes no more than this from the rows of the page before it."""
_REDIRECTED = 300
_NOT_MODIFIED = 304


Received = tuple[requests.Response, bytearray | None]
"""An answer, and its body; None where that is still to be read."""


class SentRequest:
    """A request that is sent before its turn; the source answers while what came before it is encoded.

    Nothing waits for it: the answer stays with the system until its turn, and what is wrong with it shows then.

    Attributes:
        renewals: those of the credentials, when it was sent.
        sent_at: that moment, by the clock.
        was_settled: whether its answer had to be read before its turn: nothing is won by asking so early.
    """

    def __init__(
        self,
        sender: RequestSender,
        request: RequestSpec,
        written: requests.PreparedRequest,
        ahead: ReadAhead,
        *,
        alone: bool,
    ) -> None:
        self._sender, self._request, self._written = sender, request, written
        self._ahead, self._unread, self._alone = ahead, ahead.unread, alone
        self._invocation, self._reading = running(), threading.RLock()
        self._connection: Connection | None = None
        self._received: Received | None = None
        self.renewals = sender.renewals
        self.was_settled = False
        self.sent_at = clock().monotonic()

    def send(self) -> None:
        """Send it.

        Raises:
            FailedRequest: there is no connection.
        """
        try:
            self._received = self._sender.transferred(self._request, self._written, only_sends=True)
        except RequestSent as sent:
            self._connection = sent.connection
            self._invocation.early.append(sent.connection.timed)
        self._unread.append(self)

    def settle(self, by: object) -> None:
        """Read the answer now, if this sender asks for something else and it has to be alone; if it comes soon.

        In whichever thread: a source that stays with one connection answers nothing else before.
        """
        if self._alone and by is self._sender:
            self.was_settled = True
            with suppress(DefectError):  # there may be room for it at its turn
                self._read(_SETTLED_S)
            self._ahead.is_slow |= self._received is None

    def received(self) -> Received | None:
        """The answer, at its turn; None where it was lost on the way, and is to be asked for again."""
        if self not in self._unread:  # the table that asked for it has ended
            return None
        self._unread.remove(self)
        self._read()
        if self._received is None:
            running().count(retries=1)
        return self._received

    def _read(self, seconds: float = inf) -> None:
        with self._reading:
            if (connection := self._taken_over()) is not None:
                with suppress(FailedRequest):  # a source does not wait for ever until its answer is read
                    self._received = self._sender.transferred(
                        self._request, self._written, sent_on=connection, seconds=seconds
                    )

    def _taken_over(self) -> Connection | None:
        """The connection with the answer, which nobody else takes anything from any more."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._invocation.end_taking(connection.timed)
        return connection

    def drop(self) -> None:
        """Do without the answer."""
        if self not in self._unread:
            return
        self._unread.remove(self)
        self._invocation.count(dropped=1)
        if self._reading.acquire(blocking=False):  # else a thread reads it, and no collector may wait for one
            try:
                if (connection := self._taken_over()) is not None:
                    connection.hang_up()
            finally:
                self._reading.release()


class RequestSender:
    """Sends the requests of one client.

    Args:
        hosts: whom they may go to.
        credentials: who asks.
        headers: the client's own.
        timeouts: seconds to wait for a connection, and for an answer's next bytes, by the client's names of them.
        delay: between requests, where a rate is kept.
        max_bytes: the longest body that is read whole.
        errors: where an answer with success says that something went wrong.

    Raises:
        DefectError: an argument is of another kind.
    """

    def __init__(
        self,
        hosts: Hosts,
        credentials: Credentials,
        headers: Any,
        *,
        timeouts: Mapping[str, Any],
        delay: Delay | None,
        max_bytes: Any,
        errors: Any,
    ) -> None:
        for name, value in timeouts.items():
            if type(value) not in (int, float) or not 0 < value < inf:
                raise wrong("Client", name, value, "a number of seconds above 0")
        if max_bytes is not None and (type(max_bytes) is not int or max_bytes < 1):
            raise wrong("Client", "max_bytes", max_bytes, "a number of bytes above 0, or None")
        if errors is not None and not is_place(errors):
            raise wrong("Client", "errors", errors, f"{A_PLACE}, or None")
        self._hosts = hosts
        self._credentials = credentials
        self.timeouts = timeouts["connect_timeout"], timeouts["read_timeout"]
        self._delay = delay
        self._max_bytes = max_bytes
        self._errors = errors
        self._session = requests.Session()
        # requests would search the environment for each request, and ~/.netrc for credentials; see _environment.
        self._session.trust_env = False
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, TimelyAdapter())
        self._environment = cache(_environment)
        self._writer = RequestWriter(self._session, hosts, credentials, headers)
        self.renewals = 0
        """How often the credentials have brought others, since a request was refused."""

    def send_ahead(self, request: RequestSpec, ahead: ReadAhead, *, alone: bool) -> SentRequest | None:
        """Send a request whose answer is read at its turn, by `answered`.

        Args:
            request: what is asked, where asking twice does no harm.
            ahead: where what is unread is noted.
            alone: whether this client asks for one thing at a time.

        Returns:
            None where it has to wait for its turn: for the rate, for a token, or as it fails, which it will at its turn, too.
        """
        if ahead.is_slow:
            return None
        ahead.is_writing = True
        try:
            written = self._writer.written(request)
        except (Exception, NotBeforeItsTurn):  # noqa: BLE001 - whatever it is, it is the table's at its turn
            return None
        finally:
            ahead.is_writing = False
        if self._delay is not None and not self._delay.is_over():
            return None
        if alone:
            self._settle()
        return self._sent_ahead(SentRequest(self, request, written, ahead, alone=alone))

    def _sent_ahead(self, sent: SentRequest) -> SentRequest | None:
        running().count(requests=1)
        try:
            sent.send()
        except Exception:  # noqa: BLE001 - as above
            running().count(dropped=1)
            return None
        return sent

    def answered(self, request: RequestSpec, sent: SentRequest | None = None) -> Reply:
        """The answer to a request, which may have been `sent` before its turn.

        Raises:
            ConfigurationError: the source refused it.
            TransientError: the source did not answer properly, after retries.
            OutOfBudget: there is no time left.
        """
        renewed, tries = False, 0
        while True:
            earlier, sent = sent, None
            try:
                reply = self._sent(request, earlier)
                self._require_no_errors(reply, request.json)
            except FailedRequest as failed:
                tries += 1
                what = f"{request.method} {shown(request.url)}"
                wait_before_retry(failed, tries, idempotent=request.idempotent, what=what)
                continue
            if reply.status == 401 and earlier is not None and earlier.renewals < self.renewals:
                running().count(retries=1)  # by what was refused meanwhile, too
                continue
            if reply.status == 401 and not renewed and self._credentials.renew():
                renewed = True
                self.renewals += 1
                continue
            if not _is_answer(reply.status, request):
                why = self._credentials.why_refused if reply.status == 401 else ""
                raise refusal(request.method, shown(reply.url), reply.status, reply.json, why)
            running().empty_answer = "" if reply.json is not None else f"{request.method} {shown(reply.url)}"
            return reply

    def _require_no_errors(self, reply: Reply, json: Any) -> None:
        """Raise for an error that comes with a success, as those of GraphQL do: what is beside it is not whole."""
        is_graphql = isinstance(json, dict) and isinstance(json.get("query"), str)
        place = self._errors if self._errors is not None else "errors" if is_graphql else None
        if place is None or not isinstance(reply.json, dict) or reply.status >= _REDIRECTED:
            return
        errors = look_up(reply.json, place)
        if errors is not ABSENT and is_there(errors):
            where = f"{shown(reply.url)} ({shown_place(place)})"
            raise answered_with_errors(where, errors, is_refusal=is_graphql and "data" not in reply.json)

    def _sent(self, request: RequestSpec, sent: SentRequest | None) -> Reply:
        """What comes of a request at the end of its redirects."""
        for redirects in range(_MAX_REDIRECTS + 1):
            response, body = self._exchange(request, None if redirects else sent)
            if body is None:
                return Reply(request.url, response.status_code, response.headers, response)
            if response.status_code not in _REDIRECTS or "Location" not in response.headers:
                if request.decode is not None and response.ok and response.status_code != _NO_CONTENT:
                    reply = decoded_reply(request.decode, request.url, response, body)
                else:
                    reply = reply_of(request.url, response, body, was_redirected=redirects > 0)
                return msgspec.structs.replace(reply, size=len(body))
            request = self._redirected(request, response)
        own, last = shown(self._hosts.address.url), shown(request.url)
        message = f"{request.method} {own}: more than {_MAX_REDIRECTS} redirects, the last to {last}."
        raise ConfigurationError(message, hint="Is the address right, its path included?")

    def _redirected(self, request: RequestSpec, response: requests.Response) -> RequestSpec:
        if response.status_code == 303:
            request = msgspec.structs.replace(request, method="GET", json=None, form=None)
        location = response.headers["Location"]
        url = self._hosts.redirected(request.url, location, has_body=request.has_body)
        return msgspec.structs.replace(request, url=url, query={})

    def _exchange(self, request: RequestSpec, sent: SentRequest | None) -> Received:
        """One request and its body; None where that is still to be read."""
        if sent is not None and (received := sent.received()) is not None:
            try:
                return _no_later(request, received)
            except FailedRequest as later:
                if later.retry_after is None or clock().monotonic() < sent.sent_at + later.retry_after:
                    raise
            running().count(retries=1)  # what the source asks for has been waited for since, for another page
        return _no_later(request, self._asked(request))

    def _asked(self, request: RequestSpec) -> Received:
        require_turn()
        self._settle()
        invocation = running()
        if self._delay is not None:
            invocation.wait(self._delay.seconds(), "keeping to the rate limit")
        invocation.budget.require(0, f"asking {shown(request.url)}")
        written = self._writer.written(request)
        invocation.count(requests=1)
        return self.transferred(request, written)

    def _settle(self) -> None:
        """Have nothing on the way that has to be alone there."""
        for one in running().unread():
            one.settle(self)

    def transferred(
        self,
        request: RequestSpec,
        written: requests.PreparedRequest,
        *,
        only_sends: bool = False,
        sent_on: Connection | None = None,
        seconds: float = inf,
    ) -> Received:
        """What comes back for a request within these seconds; the other arguments are those of `Deadline`.

        Raises:
            FailedRequest: nothing does.
            RequestSent: the request is on its way.
        """
        left = min(seconds, max(SHORTEST_TIMEOUT_S, running().budget.remaining()))
        read = min(self.timeouts[1], left)
        try:
            with within(left, idle=read) as deadline:
                deadline.only_sends, deadline.sent_on = only_sends, sent_on
                return self._sent_and_read(request, written, deadline)
        except NOT_HTTP:  # the error's text may hold the credential
            raise unsendable(request.url) from None
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            # The error's own text holds the whole address, query and key included.
            raise FailedRequest(what_broke(error)) from None

    def _sent_and_read(
        self, request: RequestSpec, written: requests.PreparedRequest, deadline: Deadline
    ) -> Received:
        left = deadline.end - monotonic()
        response = self._session.send(
            written,
            timeout=(min(self.timeouts[0], left), deadline.idle),
            **self._environment(root(request.url)),
            stream=True,
            allow_redirects=False,
        )
        deadline.in_body = True
        if request.is_open and response.status_code in _WITH_ROWS and not unknown_encoding(response):
            return response, None
        with response:
            return response, self._body(response)

    def _body(self, response: requests.Response) -> bytearray:
        body, most = bytearray(), self._max_bytes
        room, url = largest_body(), shown(response.url)
        # read1 gives what has come; read, and requests' iter_content, would wait for whole pieces past every budget.
        while piece := response.raw.read1(1 << 17, decode_content=True):
            body += piece
            if most is not None and len(body) > most:
                message = f"{url} answered more than {most / MB:g} MB."
                raise DefectError(message, hint="Ask for smaller pages.")
            if len(body) > room:
                raise too_large(f"{url} answered more than {room / MB:.0f} MB")
            require_time(f"{url}: the answer came too slowly")
        return body


def _is_answer(status: int, request: RequestSpec) -> bool:
    """Whether a status is no error: a success, one that is asked for, or that nothing has changed since a header."""
    return (
        200 <= status < _REDIRECTED
        or status in request.accept
        or (status == _NOT_MODIFIED and bool(request.headers))
    )


def _no_later(request: RequestSpec, received: Received) -> Received:
    """What was received. Raises FailedRequest where it may be another answer soon."""
    response, body = received
    if body is not None and (response.status_code in _RETRIED or response.status_code == 403):
        _require_no_later(request.url, response, body)
    return received


def _require_no_later(url: str, response: requests.Response, body: bytearray) -> None:
    """Raise for an answer that may be another one soon."""
    now, status = clock().now(), response.status_code
    is_limited = status == 403
    if is_limited and not is_rate_limit(response.headers, now):
        return
    wait = wait_of(response.headers, now, is_limit=status == 429)
    what = f"HTTP {status}{', a rate limit' if is_limited else ''}"
    text = said(reply_of(url, response, body, was_redirected=False).json)
    raise FailedRequest(what, status=status, retry_after=wait, said=text)


def _environment(url: str) -> dict[str, Any]:
    """What the environment says of a host: the proxy to take, and the certificates to trust, as requests reads them."""
    bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    return {"proxies": requests.utils.get_environ_proxies(url), "verify": bundle or True}
