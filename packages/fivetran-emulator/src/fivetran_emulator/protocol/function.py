"""One call of the function over HTTP, within the platform's limits.

requests' `timeout` bounds the wait for each piece of an answer, not the whole of it, and a function that
trickles would never end, whether in its headers or in its body. A call is therefore made in a thread of its own, for which we
wait as long as the platform would, and the body is read piece by piece against one size.

Source: "Sample functions" of Fivetran's documentation and Google's quotas, see `docs/protocol.md`.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Protocol

import msgspec
import requests
import urllib3

from fivetran_emulator import __version__
from fivetran_emulator.errors import Finding, FunctionError, LimitError, ReportedError
from fivetran_emulator.protocol.answer import SDK_HEADER, read_failure, read_sdk_failure
from fivetran_emulator.protocol.shared_facts import MAX_ANSWER_BYTES, MAX_SECONDS, REPORT_HEADER

__all__ = [
    "GENERATIONS",
    "BackgroundCall",
    "FunctionReply",
    "FunctionRequest",
    "HttpFunction",
    "InvocationReport",
    "PlatformLimits",
    "Sender",
    "reported_invocation",
    "require_success",
    "status_hint",
]

_PIECE = 256 * 1024
_CONNECT_SECONDS = 10


@dataclass(frozen=True)
class PlatformLimits:
    """What the platform allows a function: bytes of each body, uncompressed, and seconds for one call."""

    body_bytes: int
    seconds: float


GENERATIONS: Mapping[int, PlatformLimits] = {
    generation: PlatformLimits(size, MAX_SECONDS[generation]) for generation, size in MAX_ANSWER_BYTES.items()
}
"""Google's limits for each generation of Cloud Functions."""


@dataclass(frozen=True, kw_only=True)
class FunctionRequest:
    """What is sent; `state` and `secrets` are JSON text and are spliced in unchanged. `members` are other root members.

    `sync_id` is None when there is no sync.
    """

    agent: str
    state: str
    secrets: str
    sync_id: str | None
    members: Mapping[str, object] = field(default_factory=dict)

    def encode(self) -> bytes:
        """The body of the POST."""
        raw = {"state": msgspec.Raw(self.state.encode()), "secrets": msgspec.Raw(self.secrets.encode())}
        sync = {"sync_id": self.sync_id} if self.sync_id is not None else {}
        return msgspec.json.encode({"agent": self.agent, **raw, **sync, **self.members})


@dataclass(frozen=True, kw_only=True)
class FunctionReply:
    """An answer with whatever status, and the seconds the call took."""

    status: int = 200
    reason: str = ""
    body: bytes
    headers: Mapping[str, str]
    seconds: float


class Sender(Protocol):
    """What can be called as a function is: over HTTP, from a recording, or with faults."""

    @property
    def url(self) -> str:
        """Where the function listens, to be shown."""

    def send(self, request: FunctionRequest) -> FunctionReply:
        """The answer to `request`. Raises FunctionError when there is none."""


class HttpFunction:
    """The function behind `url`. `elapsed` is a clock in seconds that never goes back.

    `headers` are sent too, in place of ours where the names are the same.
    """

    def __init__(
        self,
        url: str,
        *,
        session: requests.Session,
        limits: PlatformLimits,
        elapsed: Callable[[], float],
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._url = url
        self._session = session
        self._limits = limits
        self._elapsed = elapsed
        self._headers = headers or {}

    @property
    def url(self) -> str:
        """Where it listens."""
        return self._url

    def call(self, request: FunctionRequest) -> FunctionReply:
        """POST `request` once; there is no retry. Raises FunctionError for all but status 200 within the limits."""
        reply = self.send(request)
        require_success(reply)
        return reply

    def send(self, request: FunctionRequest) -> FunctionReply:
        """POST `request` once and take any status. Raises FunctionError when there is no answer within the limits."""
        return self.post(request.encode())

    def post(self, body: bytes) -> FunctionReply:
        """The same with the body as it is. The one way in which any command calls a function.

        A redirect is an answer like any other and is never followed: what is sent has secrets in it. Raises LimitError
        when the platform would have cut the call, FunctionError when there is no answer for another reason.
        """
        self._require_size(len(body), "request")
        try:
            return BackgroundCall(lambda: self._exchange(body)).reply(self._limits.seconds)
        except TimeoutError as error:
            raise self._too_slow() from error

    def _exchange(self, body: bytes) -> FunctionReply:
        began = self._elapsed()
        try:
            with self._post(body) as response:
                received = self._read(response, until=began + self._limits.seconds)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise self._unreachable(error) from error
        return FunctionReply(
            status=response.status_code,
            reason=response.reason or "",
            body=received,
            headers=response.headers,
            seconds=self._elapsed() - began,
        )

    def _post(self, body: bytes) -> requests.Response:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"Fivetran Google Cloud Functions Connector (fivetran-emulator/{__version__})",
            **self._headers,
        }
        return self._session.post(
            self._url,
            data=body,
            headers=headers,
            auth=_as_it_is,
            timeout=(_CONNECT_SECONDS, self._limits.seconds),
            stream=True,
            allow_redirects=False,
        )

    def _read(self, response: requests.Response, *, until: float) -> bytes:
        received = bytearray()
        # Not iter_content: it waits for a whole piece, however slowly it comes.
        while piece := response.raw.read1(_PIECE, decode_content=True):
            received += piece
            self._require_size(len(received), "answer")
            if self._elapsed() > until:
                raise self._too_slow()
        return bytes(received)

    def _require_size(self, size: int, what: str) -> None:
        if size > self._limits.body_bytes:
            problem = f"the {what} is larger than the {self._limits.body_bytes / 1e6:g} MB the platform lets through"
            hint = (
                "Answer with fewer rows and `hasMore: true`." if what == "answer" else "Keep the state small."
            )
            raise LimitError(problem, hint=hint)

    def _too_slow(self) -> LimitError:
        problem = (
            f"the function did not finish within {self._limits.seconds:g} s, the most the platform allows"
        )
        return LimitError(problem, hint="Answer with what there is and `hasMore: true`.")

    def _unreachable(self, error: Exception) -> FunctionError:
        if isinstance(error, requests.ConnectTimeout):
            return FunctionError(
                f"{self._url} does not answer", hint="Is the host right, and reachable from here?"
            )
        if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError):
            return self._too_slow()
        text = str(error)
        if "Connection refused" in text:
            problem, hint = (
                f"nothing listens at {self._url}",
                "Is the function being served, and on that port?",
            )
        elif "NameResolution" in text or "Name or service not known" in text:
            problem, hint = f"there is no host of that name: {self._url}", "Check the spelling of the URL."
        elif isinstance(error, requests.exceptions.SSLError):
            problem, hint = (
                f"no secure connection to {self._url}: {_reason(text)}",
                "Does the port speak https?",
            )
        else:
            problem = (
                f"the connection to {self._url} broke before the answer was complete ({type(error).__name__})"
            )
            hint = "The function may have died, for instance out of memory; its own log says why."
        return FunctionError(problem, hint=hint)


class BackgroundCall:
    """An exchange that begins at once in a thread of its own, which nobody has to wait for."""

    def __init__(self, exchange: Callable[[], FunctionReply]) -> None:
        self._exchange = exchange
        self._reply: FunctionReply | None = None
        self._error: BaseException | None = None
        self._over = threading.Event()
        # A daemon: a source of drops that nobody listens to any more must not keep the process from its end.
        threading.Thread(target=self._run, name="call of the function", daemon=True).start()

    def reply(self, seconds: float | None = None) -> FunctionReply:
        """The reply, waited for. Raises what the exchange raised, and TimeoutError after so many seconds."""
        self._over.wait(seconds)
        if self._error is not None:
            raise self._error
        if self._reply is None:
            raise TimeoutError
        return self._reply

    def _run(self) -> None:
        try:
            self._reply = self._exchange()
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            self._error = error
        finally:
            self._over.set()


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """No authorisation but the headers given: requests would else put that of a .netrc file in their place."""
    return request


_HINTS = {
    **dict.fromkeys(
        (301, 302, 303, 307, 308),
        "It redirects; secrets are not sent elsewhere. Is this the function's own address?",
    ),
    401: "The function wants a caller it knows; Fivetran's service account needs the Invoker role.",
    403: "The function wants a caller it knows; Fivetran's service account needs the Invoker role.",
    404: "Is the path of the URL right?",
    405: "This URL does not take a POST; is it the function's?",
    415: "The function did not recognise the request as JSON.",
}
_LOG_HINT = "An exception nobody caught looks like this; the function's own log has the traceback."


def require_success(reply: FunctionReply) -> None:
    """Raises FunctionError, with what the function tells of its failure, unless the status is 200."""
    if reply.status == 200:
        return
    if SDK_HEADER in reply.headers:
        raise read_sdk_failure(reply.body)
    status = f"HTTP {reply.status} {reply.reason}".strip()
    failure = read_failure(reply.body)
    if failure is not None:
        raise ReportedError(f"{failure.problems[0]} ({status})", details=failure.details)
    raise FunctionError(f"the function answered {status}{_gist(reply.body)}", hint=status_hint(reply.status))


def status_hint(status: int) -> str:
    """What a status of an answer usually means, and what to do; empty where that cannot be said."""
    return _HINTS.get(status, _LOG_HINT if status >= 500 else "")


def _gist(body: bytes) -> str:
    """The title of an HTML page or the beginning of a text, for the end of a sentence."""
    text = body[:4096].decode(errors="replace")
    title = re.search(r"<title>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
    plain = " ".join((title.group(1) if title else re.sub(r"<[^>]*>", " ", text)).split())
    return f": {plain[:120]}" if plain else ""


def _reason(text: str) -> str:
    return text.rsplit(":", 1)[-1].strip(" )'\"")


class InvocationReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a function built on fivetran-runtime reports of an invocation in a header: the fields that are shown.

    Most functions send none, and what one sends is never relied upon. Seconds are wall time. None is what was not reported.
    `columns` are the declared types of columns by table, which a setup test reports, unless they are too many.
    """

    connector: str | None = None
    version: str | None = None
    cut: str | None = None
    requests: int | None = None
    retries: int | None = None
    waited_seconds: float | None = None
    warnings: dict[str, Annotated[int, msgspec.Meta(ge=1)]] = {}
    other_warnings: int = 0
    columns: dict[str, dict[str, str]] = {}
    columns_left_out: bool = False
    missing_once: dict[str, Annotated[int, msgspec.Meta(ge=1)]] = {}

    def findings(self) -> Iterator[tuple[Finding, int]]:
        """What the connector and its runtime warned of, and how often."""
        for text, times in self.warnings.items():
            yield Finding("connector", text, _WARNED), times
        if self.other_warnings:
            yield Finding("connector", "other warnings of the connector's", _WARNED), self.other_warnings


_WARNED = "The connector or its runtime warns of this, and nothing has failed; its log has each kind."


def reported_invocation(headers: Mapping[str, str]) -> InvocationReport:
    """The invocation as `headers` report it; nothing is known when the header is absent or cannot be read."""
    try:
        return msgspec.json.decode(headers.get(REPORT_HEADER, "{}"), type=InvocationReport)
    except (msgspec.DecodeError, UnicodeError):
        return InvocationReport()
