"""How much of the runtime somebody reads who follows one page from the request to the answer."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType
from typing import Any

from fivetran import call
from source_server import Received, Says, serving

import fivetran_runtime
from fivetran_runtime import Bearer, Client, Config, Connector, Offset, Secret

MAX_FILES = 32


class Acme(Config):
    """What is typed in."""

    url: str
    token: Secret


def two_users(request: Received) -> Says:
    """One page, and an empty one."""
    return Says([{"id": 1}, {"id": 2}] if ("offset", "0") in request.query else [])


def test_a_sync_of_one_page_enters_few_files() -> None:
    """Each more is one more to open when something is wrong: put a step where its subject is."""
    app = Connector("acme", config=Acme, client=lambda acme: Client(acme.url, auth=Bearer(acme.token)))

    @app.table(key="id")
    def users(acme: Client, offset: int = 0) -> Any:
        yield from acme.pages("/users", Offset(offset))

    folder = Path(fivetran_runtime.__file__).parent
    entered: set[str] = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        file = Path(frame.f_code.co_filename)
        if event == "call" and file.is_relative_to(folder):
            entered.add(file.relative_to(folder).as_posix())

    with serving(script=two_users) as source:
        body = {"state": {}, "secrets": {"url": source.url, "token": "a-long-token"}}
        main = app.handler  # a function has it before the first request comes
        sys.setprofile(note)
        try:
            reply = call(main, body)
        finally:
            sys.setprofile(None)
    assert reply.body["insert"] == {"users": [{"id": 1}, {"id": 2}]}
    assert "_sync/table_pass.py" in entered
    assert len(entered) <= MAX_FILES, " ".join(sorted(entered))
