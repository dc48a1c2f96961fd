"""The function in a process of its own, and a short loop in Fivetran's place that loads each of its answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import requests

from benchmarks.arguments import Task, task
from benchmarks.served import starting


def sync(asked: Task) -> None:
    """Call until nothing more follows."""
    body: dict[str, Any] = {"agent": "benchmark", "secrets": {"url": asked.url}, "state": {}}
    with starting(asked.pythons[0], Path(__file__).with_name("function.py")) as address:
        from benchmarks.hand_made.arrow_load import Loader  # noqa: PLC0415 - imports 0.2 s, beside the function's start

        loader, session, url, more = Loader(asked.database), requests.Session(), address(), True
        while more:
            response = session.post(
                url, data=orjson.dumps(body), headers={"Content-Type": "application/json"}
            )
            response.raise_for_status()
            answer = orjson.loads(response.content)
            loader.load(answer["insert"]["tickets"])
            body["state"], more = answer["state"], answer["hasMore"]
    loader.close()


if __name__ == "__main__":
    sync(task())
