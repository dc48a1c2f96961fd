"""How much a function grows by answering: `python -m benchmarks.ours.growth URL`, with a source of some answers' rows.

Prints pairs of bytes as JSON: what the process that answers has grown by at most since a setup test, and its largest answer.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests

from benchmarks.ours.sync import CONNECTOR
from benchmarks.served import served

ROUNDS = 3


def growth(url: str) -> tuple[int, int]:
    """One function's, over a whole sync."""
    body: Any = {"agent": "benchmark", "setup_test": True, "secrets": {"url": url}, "state": {}}
    with served(sys.executable, CONNECTOR) as function, requests.Session() as session:
        session.post(function, json=body).raise_for_status()
        before = {pid: memory(pid, "VmRSS") for pid in descendants(os.getpid())}
        largest, more = 0, True
        del body["setup_test"]
        while more:
            response = session.post(function, json=body)
            response.raise_for_status()
            answer = response.json()
            largest = max(largest, len(response.content))
            body["state"], more = answer["state"], answer["hasMore"]
        return max(memory(pid, "VmHWM") - idle for pid, idle in before.items()), largest


def descendants(pid: int) -> Iterator[int]:
    """The processes that a process has started, and those that they have."""
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text("utf-8").split():
            yield int(child)
            yield from descendants(int(child))


def memory(pid: int, field: str) -> int:
    """One of the figures of /proc/PID/status, in bytes: VmRSS is now, VmHWM the most so far."""
    found = re.search(rf"^{field}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text("utf-8"), re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


if __name__ == "__main__":
    print(json.dumps([growth(sys.argv[1]) for _ in range(ROUNDS)]))
