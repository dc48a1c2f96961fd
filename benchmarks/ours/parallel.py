"""What is declared to be asked for at the same time: `python -m benchmarks.ours.parallel tables|pages URL`.

Through the function alone, since that is where the waiting is; the source at URL takes its time for each answer. Prints pairs
of seconds as JSON: of `tables` four tables and one of them, of `pages` one table with four pages on their way, and one page
after the other.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import requests

from benchmarks.served import served

ROUNDS = 2
TABLES, PAGES = {"tables": 4}, {"ahead": 4}
ONE_TABLE, ONE_PAGE = {"tables": 1}, {"ahead": 0}


class Answer(msgspec.Struct):
    """What is looked at of an answer: its reading is no part of what is measured, so it is quick."""

    insert: dict[str, list[msgspec.Raw]]
    state: dict[str, Any]
    hasMore: bool  # noqa: N815 - as Fivetran calls it


def seconds(url: str, settings: dict[str, int]) -> float:
    """How long the calls of a whole sync take. RuntimeError if rows are missing."""
    connector, secrets = Path(__file__).with_name("parallel_connector.py"), {"url": url, **settings}
    with served(sys.executable, connector) as function, requests.Session() as session:
        body: Any = {"agent": "benchmark", "setup_test": True, "secrets": secrets, "state": {}}
        session.post(function, json=body).raise_for_status()
        del body["setup_test"]
        rows, more, began = 0, True, time.perf_counter()
        while more:
            response = session.post(function, json=body)
            response.raise_for_status()
            answer = msgspec.json.decode(response.content, type=Answer)
            rows += sum(map(len, answer.insert.values()))
            body["state"], more = answer.state, answer.hasMore
        took = time.perf_counter() - began
    wanted = requests.get(f"{url}/tickets?limit=1", timeout=30).json()["total"] * settings.get("tables", 1)
    if rows != wanted:
        raise RuntimeError(f"{rows} rows of {wanted} came")
    return took


if __name__ == "__main__":
    pair = (TABLES, ONE_TABLE) if sys.argv[1] == "tables" else (PAGES, ONE_PAGE)
    print(json.dumps([[seconds(sys.argv[2], one) for one in pair] for _ in range(ROUNDS)]))
