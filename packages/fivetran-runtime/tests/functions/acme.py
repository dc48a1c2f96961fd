"""A function as Google runs it: `main` behaves as the secret `how` says."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from fivetran_runtime import (
    At,
    Client,
    Config,
    ConfigurationError,
    Connector,
    Delete,
    QueryKey,
    Row,
    Secret,
    Table,
    TransientError,
)

log = logging.getLogger("acme")


class Acme(Config):
    token: Secret
    url: str = "http://127.0.0.1:1"
    how: str = "fine"

    def __post_init__(self) -> None:
        if self.how == "does not fit":
            raise ValueError(f"{self.token.reveal()} does not belong to {self.url}")


class Api:
    """What the tables get."""

    def __init__(self, config: Acme) -> None:
        self.config = config
        self.http = Client(config.url, auth=QueryKey("api_key", config.token))


class GreenletExit(BaseException):
    """As gevent's."""


NO_EXCEPTIONS: dict[str, BaseException] = {
    "cancelled": asyncio.CancelledError("stopped"),
    "greenlet exit": GreenletExit("killed"),
    "closed": GeneratorExit("closed"),
}
Behaviour = Callable[[Api, str], Iterator[Any]]


def connect(config: Acme) -> Api:
    """A client, unless even that is to fail."""
    if config.how == "exit in client":
        sys.exit(3)
    error = NO_EXCEPTIONS.get(config.how.removesuffix(" in client"))
    if error and config.how.endswith(" in client"):
        raise error
    return Api(config)


app = Connector("acme", version="1.2.3", config=Acme, client=connect)


@app.table(key="id", children={"notes": ["user_id", "id"]})
def users(api: Api, page: int = 1) -> Iterator[Any]:
    """Two users, and then whatever was asked for."""
    if page == 1:
        yield {"id": 1, "name": "Zoë ☃"}
        yield Row("notes", {"user_id": 1, "id": 7, "text": "hello"})
        yield At(page=2)
    yield {"id": 2, "name": None}
    yield Delete(id=3)
    yield Delete("notes", user_id=1, id=8)
    if error := NO_EXCEPTIONS.get(api.config.how):
        raise error
    if behaviour := BEHAVIOURS.get(api.config.how):
        yield from behaviour(api, api.config.token.reveal())


def ends(_: Api, __: str) -> Iterator[Any]:
    """End the process, as a library's command line might."""
    sys.exit("bye")


def sends_nan(_: Api, __: str) -> Iterator[Any]:
    """Yield what JSON does not have."""
    yield {"id": 4, "price": float("nan")}


def raises(error: Callable[[str], Exception]) -> Behaviour:
    """Raise an error that is made with the token."""

    def behave(_: Api, token: str) -> Iterator[Any]:
        raise error(token)

    return behave


def raises_from_another(_: Api, token: str) -> Iterator[Any]:
    """Raise an error whose cause holds the token."""
    raise ValueError("while listing") from RuntimeError(f"Authorization: Bearer {token}")


def logs(_: Api, token: str) -> Iterator[Any]:
    """Log the token."""
    log.info("reading with %s", token)
    log.debug("not shown")
    return iter(())


def logs_badly(_: Api, __: str) -> Iterator[Any]:
    """Log with arguments that do not fit."""
    log.info("%d users", "many")
    return iter(())


def logs_an_exception(_: Api, token: str) -> Iterator[Any]:
    """Log a traceback that holds the token."""
    try:
        int(token + "x")
    except ValueError:
        log.exception("went on")
    return iter(())


def logs_with_extra(_: Api, token: str) -> Iterator[Any]:
    """Log what only a format of somebody's own shows."""
    log.info("reading", extra={"address": f"https://acme.example/?key={token}"})
    return iter(())


def logs_in_a_thread(_: Api, token: str) -> Iterator[Any]:
    """Log from a thread, which knows nothing of the invocation."""
    thread = threading.Thread(target=log.info, args=("reading with %s", token))
    thread.start()
    thread.join()
    return iter(())


def prints(_: Api, token: str) -> Iterator[Any]:
    """Print the token, in every way in which Python prints."""
    print("reading with", token)
    print("reading with", token, file=sys.stderr)
    sys.stderr.writelines([f"reading with {token}\n"])
    traceback.print_exception(ValueError(token))
    return iter(())


def fails_in_a_thread(_: Api, token: str) -> Iterator[Any]:
    """End a thread by an exception, which nobody catches."""

    def fail() -> None:
        raise ValueError(token)

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    return iter(())


class Collects(logging.Handler):
    """Keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the formatted text."""
        self.texts.append(self.format(record))


def logs_to_a_new_handler(_: Api, token: str) -> Iterator[Any]:
    """Add a handler to a logger that tells no other, and log to it."""
    own = logging.getLogger("acme.own")
    own.propagate = False
    own.addHandler(Collects())
    own.warning("reading with %s", token)
    return iter(())


def asks(api: Api, token: str) -> Iterator[Any]:
    """Ask the source, with the token in the query twice."""
    api.http.get("/users", q=token)
    return iter(())


BEHAVIOURS: dict[str, Behaviour] = {
    "exit": ends,
    "nan": sends_nan,
    "configuration": raises(
        lambda token: ConfigurationError(f"The key {token} may not list users.", hint="Give it that right.")
    ),
    "transient": raises(lambda _: TransientError("The source is being restarted.")),
    "bug": raises(lambda token: KeyError(f"no such key: {token}")),
    "surrogate": raises(lambda _: ValueError("a broken name: \udc80")),
    "nested": raises_from_another,
    "log": logs,
    "log badly": logs_badly,
    "log an exception": logs_an_exception,
    "log with extra": logs_with_extra,
    "log in a thread": logs_in_a_thread,
    "log to a new handler": logs_to_a_new_handler,
    "print": prints,
    "fail in a thread": fails_in_a_thread,
    "ask": asks,
}


@app.check
def can_log_in(api: Api) -> None:
    """The setup test, failing as asked."""
    if api.config.how == "exit in check":
        sys.exit(3)
    if api.config.how == "refused":
        raise ConfigurationError(f"The key {api.config.token.reveal()} is not valid.")


main = app.handler

loose = Connector("loose")


@loose.tables
def discovered(_: Any) -> Iterator[Table]:
    """A table whose name only the source knows."""

    def rows(_: Any) -> Iterator[Any]:
        yield {"id": 1}

    yield Table('odd "name" \\ of\na table ☃', rows, key="id")


untyped = loose.handler
