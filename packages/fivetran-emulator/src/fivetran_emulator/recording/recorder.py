"""Stands between a function and its real source, lets everything through, and at the end writes what may be kept.

It has an address of its own that takes the source's place in the secrets, and adds no credentials: whoever asks it
brings them. Started by `nox -s record`, as ``python -m fivetran_emulator.recording.recorder`` with a job on stdin; stdout
carries one line, {"url": ..., "begin": ..., "finish": ...}: a POST to `begin` starts the count of pages over, one to `finish`
writes the file and answers with what is in it.
"""

from __future__ import annotations

import json
import secrets as randomness
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
from werkzeug.wrappers import Request, Response

from fivetran_emulator.errors import PracticeError
from fivetran_emulator.practice.recorded import ADDRESS, ApiRequest, request_of
from fivetran_emulator.practice.serving import address_of, server_of
from fivetran_emulator.recording.anonymizing import Anonymized, Pseudonyms, anonymized
from fivetran_emulator.recording.exchanges import ApiExchange, EndlessError, PageLimit, Steering

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

_TIMEOUTS = (10, 300)
_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authorization", "te", "trailer", "transfer-encoding", "upgrade"}
)
_NOT_FORWARDED = _HOP_BY_HOP | {"host", "content-length", "accept-encoding"}
_NOT_PASSED_BACK = _HOP_BY_HOP | {"content-length", "content-encoding"}
_PAGING = ("link", "location")
_PAGING_WORDS = ("page", "next", "total", "cursor")
_LEFT_OUT = frozenset({401, 408, 425, 429})
"""An expired token is renewed and asked with again; the others say "later"."""


@dataclass(frozen=True)
class Job:
    """What to record.

    Attributes:
        secrets: what the real source is asked with; the address is under `url_key`.
        url_key: which of them is the source's address.
        file: where the recordings go.
        made_by: the command that the file names as its maker.
        pages: how many pages of each list, 0 for all.
        keep: columns whose texts stay, and keys of the secrets that do.
        hide: columns whose numbers are replaced too.
    """

    secrets: Mapping[str, Any] = field(repr=False)
    url_key: str
    file: str
    made_by: str
    pages: int = 3
    keep: tuple[str, ...] = ()
    hide: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        """The source's address. Raises `PracticeError` unless it is https, or http on this machine, and nothing more."""
        address = self.secrets.get(self.url_key)
        if not isinstance(address, str):
            raise PracticeError(f"the secrets have no text under `{self.url_key}`")
        parts = urlsplit(address)
        if parts.username or parts.query or parts.fragment:
            raise PracticeError(
                f"`{self.url_key}` holds a user, a query or a fragment, which can't be recorded: "
                "give the plain address of the source"
            )
        if parts.hostname is None or not (parts.scheme == "https" or _is_here(parts.scheme, parts.hostname)):
            raise PracticeError(
                f"`{self.url_key}` must be an https:// address (http:// on this machine only)"
            )
        return address.rstrip("/")

    @property
    def origin(self) -> str:
        """The address without its path."""
        parts = urlsplit(self.address)
        return f"{parts.scheme}://{parts.netloc}"

    def placed(self) -> dict[str, Any]:
        """The secrets with ADDRESS in the place of the source's origin."""
        return {**self.secrets, self.url_key: ADDRESS + self.address.removeprefix(self.origin)}


class Recorder:
    """The proxy as a WSGI application. `exchanges` are those worth keeping, `left_out` says how many were not, and why."""

    def __init__(self, origin: str, *, pages: int) -> None:
        self._origin, self._limit = origin, PageLimit(pages)
        self.exchanges: list[ApiExchange] = []
        self.left_out: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._session = requests.Session()
        self._session.auth = (
            _keep_as_is  # else requests would put ~/.netrc in the place of the function's credentials
        )

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Pass one request on (WSGI)."""
        request = Request(environ)
        with self._lock:  # one at a time: which page was asked before which has to be known
            response = self._answer(request)
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        asked, here = _with_sent(request), request.host_url.rstrip("/")
        try:
            before = self._limit.answer_to(asked)
        except EndlessError as error:
            return _json(400, {"error": str(error)})
        if before is not None:
            if before not in self.exchanges:
                self.exchanges.append(before)
            return self._again(before, here)
        try:
            answer = self._forwarded(request)
        except requests.RequestException as error:
            self.left_out[f"not answered ({type(error).__name__})"] += 1
            return _json(502, {"error": "the source did not answer the recorder"})
        kept = self._keep(asked, answer)
        return self._passed_back(answer, here) if kept is None else self._again(kept, here)

    def _again(self, before: ApiExchange, here: str) -> Response:
        headers = {name: value.replace(self._origin, here) for name, value in before.headers.items()}
        text = json.dumps(before.body).replace(self._origin, here)
        return Response(text, status=before.status, headers=headers, content_type=before.content_type)

    def _forwarded(self, request: Request) -> requests.Response:
        uri = request.environ.get("REQUEST_URI") or request.full_path
        headers = {name: value for name, value in request.headers if name.lower() not in _NOT_FORWARDED}
        return self._session.request(
            request.method,
            self._origin + str(uri),
            data=request.get_data() or None,
            headers={**headers, "Accept-Encoding": "gzip, deflate"},
            allow_redirects=False,
            timeout=_TIMEOUTS,
        )

    def _keep(self, asked: ApiRequest, answer: requests.Response) -> ApiExchange | None:
        """Keep an answer; what of it is kept, when that is not all."""
        if answer.status_code in _LEFT_OUT or answer.status_code >= 500:
            self.left_out[f"HTTP {answer.status_code}"] += 1
            return None
        try:
            body = json.loads(answer.content or b"null", parse_constant=_reject_constant)
        except ValueError:
            kind = answer.headers.get("Content-Type", "no content type").partition(";")[0]
            self.left_out[f"not JSON ({kind})"] += 1
            return None
        headers = {name: value for name, value in answer.headers.items() if _says_where_pages_are(name)}
        kind = answer.headers.get("Content-Type", "application/json")
        whole = ApiExchange(asked, answer.status_code, kind, body, headers)
        exchange = self._limit.kept(whole)
        self._limit.saw(exchange)
        self.exchanges.append(exchange)
        return exchange if exchange.body != whole.body else None

    @property
    def ended(self) -> list[str]:
        """The paths of the lists that were ended early."""
        return sorted({path for _method, path, _params in self._limit.ended})

    def start_over(self) -> None:
        """Count the pages of lists from here on."""
        self._limit.start_over()

    def _passed_back(self, answer: requests.Response, here: str) -> Response:
        there = self._origin
        headers = [
            (name, value.replace(there, here))
            for name, value in answer.headers.items()
            if name.lower() not in _NOT_PASSED_BACK
        ]
        body = answer.content.replace(there.encode(), here.encode())
        body = body.replace(there.replace("/", r"\/").encode(), here.replace("/", r"\/").encode())
        return Response(body, status=answer.status_code, headers=headers)


class _Finishing:
    """The recorder with two more paths, which nobody can guess: one starts the count of pages over, one writes the file."""

    def __init__(self, recorder: Recorder, job: Job) -> None:
        self._recorder, self._job = recorder, job
        unknown = f"/{randomness.token_urlsafe(24)}"
        self.path, self.begin = f"{unknown}/finish", f"{unknown}/begin"

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Finish, begin, or record one more request (WSGI)."""
        if environ["PATH_INFO"] == self.begin:
            self._recorder.start_over()
            return _json(200, {})(environ, start_response)
        if environ["PATH_INFO"] != self.path:
            return self._recorder(environ, start_response)
        answer = json.dumps(finish(self._recorder, self._job))
        return Response(answer, content_type="application/json")(environ, start_response)


def finish(recorder: Recorder, job: Job) -> dict[str, Any]:
    """Write the recordings; what is in them: `secrets` for practice.py, `columns`, `recorded`, `made_up`, `left_out`, `ended`."""
    made = anonymized(
        recorder.exchanges,
        secrets=job.placed(),
        origin=job.origin,
        steering=Steering(frozenset(job.keep), frozenset(job.hide)),
        pseudonyms=Pseudonyms(randomness.token_bytes(32)),
    )
    if made.recordings:
        write(Path(job.file), job.made_by, made)
    return {
        "secrets": made.secrets,
        "recorded": sum(not recording.get("made_up", False) for recording in made.recordings),
        "made_up": sum(recording.get("made_up", False) for recording in made.recordings),
        "left_out": dict(sorted(recorder.left_out.items())),
        "ended": recorder.ended,
        "columns": [
            {"column": place, "replaced": column.replaced, "what": column.what}
            for place, column in made.columns
        ],
    }


def write(file: Path, made_by: str, made: Anonymized) -> None:
    """Write the file in one go, an old one staying until the new one is whole."""
    document = {"made_by": made_by, "recordings": made.recordings}
    unfinished = file.with_name(f".{file.name}.unfinished")
    unfinished.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", "utf-8")
    unfinished.replace(file)


def main() -> int:
    """Record until terminated; 2 when the job cannot be done."""
    fields = json.load(sys.stdin)
    job = Job(**{**fields, "keep": tuple(fields["keep"]), "hide": tuple(fields["hide"])})
    try:
        app = _Finishing(Recorder(job.origin, pages=job.pages), job)
    except PracticeError as error:
        print(error, file=sys.stderr)
        return 2
    server = server_of(app)
    url = address_of(server)
    print(json.dumps({"url": url, "begin": url + app.begin, "finish": url + app.path}), flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        return 0
    finally:
        server.server_close()
    return 0


def _with_sent(request: Request) -> ApiRequest:
    asked = request_of(request)
    kept = {name: value for name, value in asked.headers.items() if name.lower() not in _NOT_FORWARDED}
    return ApiRequest(asked.method, asked.path, asked.params, kept, asked.body)


def _json(status: int, body: object) -> Response:
    return Response(json.dumps(body), status=status, content_type="application/json")


def _says_where_pages_are(name: str) -> bool:
    return name.lower() in _PAGING or (
        name.lower().startswith("x-") and any(word in name.lower() for word in _PAGING_WORDS)
    )


def _is_here(scheme: str, host: str) -> bool:
    if scheme != "http":
        return False
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _reject_constant(constant: str) -> object:
    raise ValueError(f"{constant} is not JSON")


def _keep_as_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


if __name__ == "__main__":
    sys.exit(main())
