"""Starts: of a connector, against what any function needs. Prints pairs of seconds as JSON.

`imports` compares importing the connector with importing its host and requests; `answers` compares the time until the first
answer to a setup test with a bare function's.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import requests

from benchmarks.served import served

HERE = Path(__file__).parent
LIBRARIES = "import functions_framework, requests"
CONNECTOR = "import functions_framework, benchmarks.ours.connector"
SETUP_TEST: Any = {"agent": "benchmark", "setup_test": True, "secrets": {"url": "http://127.0.0.1:9"}}


def importing(code: str) -> float:
    """CPU seconds of a Python that imports and ends: it waits for nothing, and others' work is not in them."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def answering(file: str) -> float:
    """Seconds from the start of a function to its first answer."""
    began = time.perf_counter()
    with served(sys.executable, HERE / file) as url:
        requests.post(url, json=SETUP_TEST, timeout=30).raise_for_status()
        return time.perf_counter() - began


if __name__ == "__main__":
    # A host has compiled what it installed; the first of the rounds does it here, of which the median takes no notice.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    rounds = range(int(sys.argv[2]))
    if sys.argv[1] == "imports":
        pairs = [(importing(CONNECTOR), importing(LIBRARIES)) for _ in rounds]
    else:
        pairs = [(answering("connector.py"), answering("bare_function.py")) for _ in rounds]
    print(json.dumps(pairs))
