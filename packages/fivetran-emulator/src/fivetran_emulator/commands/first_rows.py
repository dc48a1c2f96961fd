"""The command `try`: the first rows of each table on the screen, with each request that brought them.

Calls as a sync does, from an empty state, and keeps nothing: no warehouse is opened, and the state is thrown away.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote_plus

import msgspec
import requests
from rich.cells import cell_len
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from fivetran_emulator.commands.call_options import function_of, payload_members, secrets_of, url_of
from fivetran_emulator.errors import EmulatorError
from fivetran_emulator.protocol.answer import Answer, FittingRows, Row, read_answer
from fivetran_emulator.protocol.function import FunctionRequest, Sender, require_success
from fivetran_emulator.report.figures import plural
from fivetran_emulator.report.screen import Screen, console_for
from fivetran_emulator.secrets import Secrets
from fivetran_emulator.sync.loop import Kept, run_calls

__all__ = ["run_try"]

_INTERRUPTED = 130
_MAX_CALLS = 10
_MAX_CELL = 40
_GAP = 2
_SHOWN_NAMES = 8
_OFTEN = 0.1
"""Seconds between two looks at what the function has asked."""


def run_try(options: argparse.Namespace) -> int:
    """Show the first rows as `options` say (`__main__.py` names them); the exit status."""
    console, tried = console_for(sys.stdout), _Try(options.rows)
    screen, shown = Screen(console, Secrets()), list[Any]()
    began = time.monotonic()
    status = 0
    error: EmulatorError | None = None
    try:
        options.url = url_of(options)
        secrets = secrets_of(options)
        screen = Screen(console, secrets)
        with (
            requests.Session() as session,
            _requests_shown(options.url if options.requests else None, screen, shown, console.width),
        ):
            tried.read(function_of(options, session), secrets, payload_members(options))
    except EmulatorError as problem:
        error, status = problem, problem.exit_status
    except KeyboardInterrupt:
        screen.say("interrupted: nothing is kept", "yellow")
        return _INTERRUPTED
    for name, rows in tried.rows.items():
        _print_table(console, screen, name, rows, tried.keys.get(name, ()))
    if error is not None:
        screen.say("")
        screen.show_error(error)
        return status
    screen.say("")
    screen.say(tried.summary(time.monotonic() - began, len(shown)), "bold")
    return status


class _Try:
    """The rows so far, by table: at most so many of each."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self.rows: dict[str, list[Row]] = {}
        self.keys: dict[str, tuple[str, ...]] = {}
        self._state, self._ended = "{}", False

    def read(self, function: Sender, secrets: Secrets, members: Mapping[str, object]) -> None:
        """Call until the function says that there is no more. Raises FunctionError."""

        def call(_number: int) -> Answer:
            request = FunctionRequest(
                agent="Fivetran Google Cloud Functions Connector/fivetran_emulator/try",
                state=self._state,
                secrets=secrets.json,
                sync_id="00000000-0000-4000-8000-000000000000",
                members=members,
            )
            reply = function.send(request)
            require_success(reply)
            return read_answer(reply.body)

        self._ended = run_calls(call, self._take, may_call=lambda number: number <= _MAX_CALLS)

    def _take(self, answer: Answer, _kept: Kept) -> None:
        self._state = answer.state
        self.keys.update(answer.keys)
        for name in answer.keys:
            self.rows.setdefault(name, [])
        for name, rows in answer.insert.items():
            there = self.rows.setdefault(name, [])
            decoded = rows.decoded() if isinstance(rows, FittingRows) else rows
            there += decoded[: self._rows - len(there)]

    def summary(self, seconds: float, asked: int) -> str:
        """One line about all of it."""
        rows, tables = plural(sum(map(len, self.rows.values())), "row"), plural(len(self.rows), "table")
        made = f", {plural(asked, 'request')}" if asked else ""
        more = "" if self._ended else f"; the function had more to say after {_MAX_CALLS} calls"
        return f"{rows} of {tables} in {seconds:.1f} s{made}; nothing is stored{more}"


@contextmanager
def _requests_shown(url: str | None, screen: Screen, shown: list[Any], width: int) -> Iterator[None]:
    """Show what the function asks while the block runs, and add it to `shown`. `url` is where it tells, None for one that does not."""
    if url is None:
        yield
        return
    over = threading.Event()

    def look() -> bool:
        try:
            answer = requests.get(url, params={"after": len(shown)}, timeout=5)
            found = answer.json() if answer.status_code == 200 else None
        except (requests.RequestException, ValueError):
            return False
        if not isinstance(found, list):
            return False
        for one in found:
            screen.say(_cut(_line(one, screen), width))
        shown.extend(found)
        return True

    def follow() -> None:
        while look() and not over.wait(_OFTEN):
            pass

    following = threading.Thread(target=follow, daemon=True)
    following.start()
    try:
        yield
    finally:
        over.set()
        following.join()
        look()


def _line(asked: Mapping[str, Any], screen: Screen) -> str:
    """`GET 200     25 rows    12 ms  /tickets?offset=25`: what varies in length comes last."""
    # A secret may stand in the path quoted or not, so it is looked for before and after.
    path = screen.redacted(unquote_plus(screen.redacted(asked["path"])))
    rows = f"{asked['rows']:>6,} rows" if asked["rows"] is not None else " " * 11
    status = asked["status"] if asked["status"] is not None else asked["error"]
    return f"{asked['method']:<4} {status} {rows} {asked['milliseconds']:>6,} ms  {path}"


def _print_table(
    console: Console, screen: Screen, name: str, rows: Sequence[Row], key: Sequence[str]
) -> None:
    """The rows, in as many columns as fit, those of the key first; what does not fit is named."""
    names = list(dict.fromkeys([*key, *(column for row in rows for column in row)]))
    keyed = f"key {', '.join(key)}" if key else "no key"
    screen.say("")
    screen.say(f"{name}: {plural(len(rows), 'row')}, {plural(len(names), 'column')}, {keyed}", "bold")
    if not rows:
        return
    # What is cut would no longer look like the secret that is in it.
    cells = {
        column: [_cut(screen.redacted(_text(row.get(column, _ABSENT)))) for row in rows] for column in names
    }
    fitting = _fitting(cells, console.width)
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for column in fitting:
        justify: JustifyMethod = "right" if _is_number([row.get(column) for row in rows]) else "left"
        table.add_column(
            Text(_cut(screen.redacted(column))), justify=justify, no_wrap=True, overflow="ellipsis"
        )
    for place in range(len(rows)):
        table.add_row(*(Text(cells[column][place]) for column in fitting))
    console.print(table)
    if left := names[len(fitting) :]:
        more = f" and {len(left) - _SHOWN_NAMES} more" if len(left) > _SHOWN_NAMES else ""
        screen.say(f"no room for: {', '.join(left[:_SHOWN_NAMES])}{more}", "dim")


def _is_number(values: Sequence[object]) -> bool:
    there = [value for value in values if value is not None]
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in there)


_ABSENT = object()


def _text(value: object) -> str:
    if value is _ABSENT:
        return ""
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return "NULL" if value is None else " ".join(text.split())


def _cut(text: str, width: int = _MAX_CELL) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _fitting(cells: Mapping[str, Sequence[str]], width: int) -> list[str]:
    """As many columns, from the first on, as fit side by side; at least one."""
    fitting: list[str] = []
    left = width
    for column, values in cells.items():
        left -= max(map(cell_len, [_cut(column), *values])) + _GAP
        if left < -_GAP and fitting:
            break
        fitting.append(column)
    return fitting
