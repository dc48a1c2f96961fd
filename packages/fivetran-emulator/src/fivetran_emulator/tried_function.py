"""A function while it is tried: it reads the first rows of each table only, and tells which requests it made for them.

Runs in the function's own process, in the place of its `main`. A POST is answered as the function answers it; a GET gets the requests
so far as JSON, from the one after `?after=`. They are kept in memory: a query may hold a secret, and no file has one.
"""

from __future__ import annotations

import dataclasses
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from importlib import import_module
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.response import HTTPResponse

__all__ = ["OPTIONS", "RequestLog", "tried"]

OPTIONS = "FIVETRAN_TRY"
"""The variable with a JSON object: `rows`, how many of each table, and `tables`, their names, or none for all."""

_MAX_BODY = 20_000_000
"""Bytes of a body that are kept to count its rows; in a longer one they are not counted."""
_MAX_DEPTH = 5


def tried(module: str) -> Callable[[Any], Any]:
    """The function to serve in the place of the `main` of `module`, with the options of the environment."""
    options = json.loads(os.environ.get(OPTIONS, "{}"))
    log = RequestLog()
    log.watch()
    if find_spec("fivetran_runtime"):
        read_first_rows(import_module("fivetran_runtime"), options["rows"], options["tables"])
    main = import_module(module).main

    def answer(request: Any) -> Any:
        if request.method == "GET":
            return (
                json.dumps(log.after(int(request.args.get("after", "0")))),
                200,
                {"Content-Type": "application/json"},
            )
        return main(request)

    return answer


def read_first_rows(runtime: Any, rows: int, names: Sequence[str]) -> None:
    """Let every connector give only the tables named, or all, each with its first rows and no deletes."""
    whole = runtime.Connector.tables_of

    def tables_of(self: Any, client: Any) -> list[Any]:
        tables = whole(self, client)
        if unknown := [name for name in names if name not in [table.name for table in tables]]:
            raise runtime.ConfigurationError(_no_such_tables(unknown, sorted(table.name for table in tables)))
        chosen = [table for table in tables if not names or table.name in names]
        return [part for table in chosen for part in _parts(runtime.Table, table, rows)]

    runtime.Connector.tables_of = tables_of


def _no_such_tables(unknown: Sequence[str], there: Sequence[str]) -> str:
    close = [found for name in unknown for found in get_close_matches(name, there, n=1)]
    meant = f" Did you mean {', '.join(close)}?" if close else ""
    return f"There is no table {', '.join(unknown)}.{meant} There are: {', '.join(there)}."


def _parts(new_table: Any, table: Any, rows: int) -> Iterator[Any]:
    """The table's first rows; then, as tables of their own, the first keys of its listing and what `fetch=` brings for a few."""
    yield _first(table, rows)
    if table.listing is None:
        return
    listed = _FirstKeys(table.listing, rows, table.primary_key)
    yield new_table(f"{table.name} listing", listed, key=table.primary_key)
    if table.fetch is None:
        return

    def fetched(client: Any) -> Iterator[Any]:
        """Its rows alone: those of children belong to tables that are shown already."""
        if keys := listed.keys[:_FETCHED]:
            yield from (item for item in table.fetch(client, keys) if isinstance(item, dict))

    yield new_table(f"{table.name} fetch", fetched, key=table.primary_key)


_FETCHED = 3
"""Keys that a `fetch=` is asked for."""


def _first(table: Any, rows: int) -> Any:
    """The table with a function that ends early. What is missing then was not read, so nothing is taken for deleted."""
    return dataclasses.replace(
        table, read=_FirstRows(table.read, rows), on_missing="keep", listing=None, fetch=None
    )


class _FirstRows:
    """A table function that ends after some rows of its own; for whoever inspects it, the one that it calls.

    With `parents=` it is called for each parent: what the ones before had counts, and the rest is not asked.
    """

    def __init__(self, read: Any, rows: int) -> None:
        self.__wrapped__, self.__globals__ = read, getattr(read, "__globals__", {})
        self.__name__ = getattr(read, "__name__", "read")
        self._left = rows

    def __call__(self, *arguments: Any, **position: Any) -> Iterator[Any]:
        if self._left <= 0:
            return
        for item in self.__wrapped__(*arguments, **position):
            yield item
            self._left -= isinstance(item, dict)
            if self._left <= 0:
                return


class _FirstKeys(_FirstRows):
    """A listing that ends after some keys, and remembers them as `fetch=` gets them."""

    def __init__(self, read: Any, rows: int, columns: Sequence[str]) -> None:
        super().__init__(read, rows)
        self._columns = columns
        self.keys: list[Any] = []

    def __call__(self, *arguments: Any, **position: Any) -> Iterator[Any]:
        for item in super().__call__(*arguments, **position):
            if isinstance(item, dict) and all(item.get(name) is not None for name in self._columns):
                key = tuple(item[name] for name in self._columns)
                self.keys.append(key if len(key) > 1 else key[0])
                yield dict(zip(self._columns, key, strict=True))
            else:  # what is wrong with it, the runtime says
                yield item


@dataclasses.dataclass
class _Asked:
    method: str
    path: str
    began: float
    status: int | None = None
    error: str = ""
    body: bytearray = dataclasses.field(default_factory=bytearray)

    def keep(self, piece: bytes) -> None:
        """Keep a piece of its answer, unless that is too long already."""
        if len(self.body) <= _MAX_BODY:
            self.body += piece

    def line(self) -> dict[str, Any]:
        """It, to be shown; `rows` is None where the body is no JSON with a list."""
        whole = len(self.body) <= _MAX_BODY
        return {
            "method": self.method,
            "path": self.path,
            "status": self.status,
            "error": self.error,
            "rows": _longest_list(_json(bytes(self.body))) if whole else None,
            "milliseconds": round((time.perf_counter() - self.began) * 1000),
        }


class RequestLog:
    """The requests that this process makes through `requests`, each once its answer was read."""

    def __init__(self) -> None:
        self._lines: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._unread: dict[int, _Asked] = {}
        """By the identity of the body that is being read."""

    def after(self, number: int) -> list[dict[str, Any]]:
        """Those after the first `number`."""
        with self._lock:
            return self._lines[number:]

    def watch(self) -> None:
        """Note requests from now on, for as long as the process lives."""
        adapter: Any = HTTPAdapter
        adapter.send = self._noting_send(adapter.send)
        body: Any = HTTPResponse
        body.read, body.read1 = self._noting_read(body.read), self._noting_read(body.read1)
        body.close = self._noting_close(body.close)

    def _noting_send(self, send: Callable[..., Any]) -> Callable[..., Any]:
        def noted(adapter: Any, request: Any, *arguments: Any, **options: Any) -> Any:
            exchange = _Asked(request.method, _target(request.url), time.perf_counter())
            try:
                response = send(adapter, request, *arguments, **options)
            except requests.RequestException as error:
                exchange.error = type(error).__name__
                self._note(exchange)
                raise
            exchange.status = response.status_code
            self._unread[id(response.raw)] = exchange
            return response

        return noted

    def _noting_read(self, read: Callable[..., Any]) -> Callable[..., Any]:
        def noted(response: Any, *arguments: Any, **options: Any) -> Any:
            piece = read(response, *arguments, **options)
            if (exchange := self._unread.get(id(response))) is not None:
                exchange.keep(piece)
                if not piece or response.closed:
                    self._note(self._unread.pop(id(response)))
            return piece

        return noted

    def _noting_close(self, close: Callable[..., Any]) -> Callable[..., Any]:
        def noted(response: Any) -> None:
            if (exchange := self._unread.pop(id(response), None)) is not None:
                self._note(exchange)
            close(response)

        return noted

    def _note(self, exchange: _Asked) -> None:
        with self._lock:
            self._lines.append(exchange.line())


def _target(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _longest_list(value: Any, depth: int = 0) -> int | None:
    """The length of the longest list of a body that is not inside of another one; None where there is none."""
    if isinstance(value, list):
        return len(value)
    if not isinstance(value, dict) or depth > _MAX_DEPTH:
        return None
    found = [_longest_list(inner, depth + 1) for inner in value.values()]
    return max((length for length in found if length is not None), default=None)
