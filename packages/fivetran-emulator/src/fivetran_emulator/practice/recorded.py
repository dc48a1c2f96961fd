"""A practice source that answers with recordings of the real one: `source = recorded("recordings.json")`.

It knows what was asked while recording and nothing else: a path, or a parameter's value, that was not asked then gets a
404 that says so. Rows made up by hand (`Source`) can be moved and changed by tests; recordings stand still.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from werkzeug.wrappers import Request, Response

from fivetran_emulator.errors import PracticeError

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

ADDRESS = "{url}"
"""Stands in a recording for the source's address, as in the secrets of a practice.py."""

_SHOWN = 5
_LOG = logging.getLogger(__name__)
"""Without a handler a warning goes to standard error, bare: the log of whoever serves the recordings."""


@dataclass(frozen=True)
class ApiRequest:
    """A request: `path` with every segment quoted in one way, `params` in their order, `body` any JSON value or None.

    `headers` are those that may hold credentials.
    """

    method: str
    path: str
    params: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: object = field(default=None, repr=False)

    @property
    def segments(self) -> list[str]:
        """The path's parts, unquoted."""
        return [unquote(segment) for segment in self.path.split("/")]

    def texts(self) -> Iterator[str]:
        """Every value in its address."""
        yield from self.segments
        yield from (value for _, value in self.params)


@dataclass(frozen=True)
class Recording:
    """One recorded answer, and who may have it: headers and parameters that a caller must show, values made up."""

    asked: ApiRequest
    status: int
    body: object = field(repr=False)
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    credentials: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)

    def answers(self, asked: ApiRequest) -> bool:
        """Whether this is what was asked, whoever asks."""
        return _question(asked, self._secret_params) == _question(self.asked, self._secret_params)

    def lets_in(self, asked: ApiRequest) -> bool:
        """Whether the caller shows the credentials."""
        shown = {name.lower(): value for name, value in asked.headers.items()}
        params = dict(asked.params)
        return all(
            shown.get(name.lower()) == value for name, value in self.credentials.get("headers", {}).items()
        ) and all(params.get(name) == value for name, value in self.credentials.get("params", {}).items())

    @property
    def _secret_params(self) -> frozenset[str]:
        return frozenset(self.credentials.get("params", {}))


class Recorded:
    """The recordings as a WSGI application."""

    def __init__(self, recordings: Iterable[Recording]) -> None:
        self.recordings = tuple(recordings)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (WSGI)."""
        request = Request(environ)
        return self._answer(request_of(request), request.host_url.rstrip("/"))(environ, start_response)

    def _answer(self, asked: ApiRequest, address: str) -> Response:
        found = [recording for recording in self.recordings if recording.answers(asked)]
        for recording in found:
            if recording.lets_in(asked):
                return _response(recording, address)
        if found:
            return _json(401, {"error": "the credentials are missing or wrong"})
        _LOG.warning("no recording answers %s", shown(asked))
        return _json(404, {"error": self._unknown(asked)})

    def _unknown(self, asked: ApiRequest) -> str:
        known = sorted(
            {shown(one.asked) for one in self.recordings if one.asked.path == asked.path}
            or {one.asked.path for one in self.recordings}
        )
        more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
        return (
            f"{shown(asked)} was not recorded. Recorded are: {', '.join(known[:_SHOWN])}{more}. "
            "Record again, with more --pages perhaps."
        )


def recorded(file: str | Path) -> Recorded:
    """The source in a file that `nox -s record` wrote. `PracticeError` when it is not such a file."""
    path = Path(file)
    try:
        document = json.loads(path.read_text("utf-8"))
        return Recorded([_recording(entry) for entry in document["recordings"]])
    except OSError as error:
        raise PracticeError(
            f"{path}: cannot be read: {error.strerror}; `nox -s record -- NAME` makes it"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PracticeError(
            f"{path}: these are no recordings: {type(error).__name__}: {error}; record again"
        ) from error


def api_request(
    method: str, address: str, *, headers: Mapping[str, str] | None = None, body: object = None
) -> ApiRequest:
    """A request by its method and its address, of which only path and query count."""
    parts = urlsplit(address)
    path = quoted_path(unquote(segment) for segment in parts.path.split("/"))
    params = tuple(parse_qsl(parts.query, keep_blank_values=True))
    return ApiRequest(method, path or "/", params, headers or {}, body)


def quoted_path(segments: Iterable[str]) -> str:
    """A path of these segments, quoted so that equal paths are equal texts."""
    return "/".join(quote(segment, safe="") for segment in segments)


def request_of(request: Request) -> ApiRequest:
    """What a WSGI request asks for; the path as it was sent, where the server reports it."""
    raw = request.environ.get("REQUEST_URI") or request.environ.get("RAW_URI")
    address = str(raw) if raw else request.full_path.rstrip("?")
    body = request.get_json(silent=True) if request.is_json else None
    return api_request(request.method, address, headers=dict(request.headers), body=body)


def shown(asked: ApiRequest) -> str:
    """A request for a person: `GET /items?page=2`."""
    query = "&".join(f"{name}={value}" for name, value in asked.params)
    return f"{asked.method} {asked.path}" + (f"?{query}" if query else "")


def _recording(entry: Mapping[str, Any]) -> Recording:
    request = entry["request"]
    params = tuple(
        (name, one)
        for name, value in request.get("params", {}).items()
        for one in (value if isinstance(value, list) else [value])
    )
    asked = ApiRequest(request.get("method", "GET"), request["path"], params, {}, request.get("body"))
    return Recording(
        asked,
        entry["status"],
        entry["body"],
        entry.get("content_type", "application/json"),
        entry.get("headers", {}),
        entry.get("credentials", {}),
    )


def _question(asked: ApiRequest, but: frozenset[str]) -> tuple[object, ...]:
    params = sorted((name, value) for name, value in asked.params if name not in but)
    return asked.method, asked.path.rstrip("/"), params, asked.body


def _response(recording: Recording, address: str) -> Response:
    headers = {name: value.replace(ADDRESS, address) for name, value in recording.headers.items()}
    text = json.dumps(_placed(recording.body, address), ensure_ascii=False)
    return Response(text, status=recording.status, headers=headers, content_type=recording.content_type)


def _placed(value: object, address: str) -> object:
    if isinstance(value, str):
        return value.replace(ADDRESS, address)
    if isinstance(value, list):
        return [_placed(inner, address) for inner in value]
    if isinstance(value, dict):
        return {name: _placed(inner, address) for name, inner in value.items()}
    return value


def _json(status: int, body: object) -> Response:
    return Response(json.dumps(body, ensure_ascii=False), status=status, content_type="application/json")
