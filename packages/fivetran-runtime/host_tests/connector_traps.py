"""A connector with everything in it that a host of the SDK's may get wrong; its source is in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta

from fivetran_runtime import At, Config, ConfigurationError, Connector, Secret

__version__ = "1.2.3"


class Settings(Config):
    """What is typed in."""

    token: Annotated[Secret, Meta(description="The API token.")]
    region: Annotated[Literal["eu", "us"], Meta(description="Where it is.")] = "eu"
    archived: bool = False
    since: Annotated[date, Meta(description="The first day.", examples=["2026-01-31"])] = date(2026, 1, 1)
    names: list[str] = []


class Ended(BaseException):
    """No Exception, as gevent's Timeout and SystemExit are none."""


app = Connector("traps", version=__version__, config=Settings)
main = app.handler


def fault() -> str:
    """What goes wrong in this process."""
    return os.environ.get("FAULT", "")


def note(what: str) -> None:
    """Note that something was asked for."""
    with Path(os.environ.get("ASKED", os.devnull)).open("a") as asked:
        asked.write(f"{what}\n")


@app.table(key="id")
def first(settings: Settings, page: int = 0) -> Iterator[Any]:
    """Three pages."""
    note(f"first {page}")
    while page < 3:
        yield {"id": page, "archived": settings.archived, "text": "x" * 2_000}
        page += 1
        yield At(page=page)


@app.table(
    key="id",
    columns={
        "ratio": "double",
        "price": "decimal(20, 4)",
        "due": "date",
        "at": "timestamp",
        "local": "datetime",
        "tags": "json",
        "nothing": "long",
    },
    children={"lines": "id"},
)
def typed(settings: Settings) -> Iterator[Any]:
    """Values of all types, declared and not."""
    note("typed")
    wrong = fault()
    if wrong == "base":
        raise Ended("gone")
    if wrong == "signal 9":
        os.kill(os.getpid(), 9)
    if wrong == "exit 3":
        os._exit(3)
    if wrong == "interrupt":
        raise KeyboardInterrupt
    if wrong == "exit":
        raise SystemExit(0)
    if wrong == "secret":
        raise ConfigurationError(f"the source refuses {settings.token.reveal()}")
    if wrong == "defect":
        raise KeyError(f"no {settings.token.reveal()} there")
    values = {
        "seventh": 1 / 7,
        "exact": Decimal("12345678901234567.89"),
        "least": -(2**63),
        "most": 2**63 - 1,
    }
    moment = datetime(2026, 1, 31, 12, 30, 0, 123456, tzinfo=UTC)
    yield {
        "id": 1,
        "ratio": 1 / 7,
        "price": Decimal("1234567890123456.7891"),
        "due": date(2026, 1, 31),
        "at": moment,
        "local": "2026-01-31T12:30:00",
        "tags": ["a", {"b": 1.5}],
        "nothing": None,
        "moment": moment,
        "day": date(2026, 1, 31),
        "whole": 7,
        "flag": True,
        "list": [1, 2],
        **values,
    }


@app.check
def can_log_in(settings: Settings) -> None:
    """The token has to be the right one."""
    if settings.token.reveal() != "right-token-1234":
        raise ConfigurationError(f"{settings.token.reveal()} opens nothing")
