"""Posts the configuration that a set-up job continues with: https://circleci.com/docs/api/v2/#operation/continuePipeline.

Standard library only, although it lies here: it must work where the tools' environment couldn't be made. The key is
good for one answer. So a post is repeated only when no answer came; an answer that refuses it is final.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from tools.repository.errors import RepositoryError, run_as_command

API = "https://circleci.com"
"""CircleCI's own; CIRCLE_API names another, such as a server of one's own."""

KEY = "CIRCLE_CONTINUATION_KEY"
ATTEMPTS = 5
TIMEOUT_S = 60.0
MAX_BYTES = 8_000_000
"""CircleCI refuses a configuration of more than 8 MB."""


def post(configuration: str, *, api: str, key: str, pause_s: float = 2.0) -> None:
    """Continue the pipeline with `configuration`. RepositoryError with CircleCI's words if it refuses, or never answers.

    No parameters are sent: those the pipeline was started with are still there, and sending one again is a conflict.
    """
    body = json.dumps({"continuation-key": key, "configuration": configuration, "parameters": {}}).encode()
    request = urllib.request.Request(  # noqa: S310 - the address is CircleCI's or the operator's
        f"{api.rstrip('/')}/api/v2/pipeline/continue",
        data=body,
        headers={"Content-Type": "application/json", "Accept": "application/json"},
    )
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
                return _accept(answer.status)
        except urllib.error.HTTPError as error:
            raise RepositoryError(f"CircleCI refuses to continue: {error.code} {_words(error)}") from error
        except (OSError, http.client.HTTPException) as error:
            print(f"no answer from {api} ({error}); attempt {attempt} of {ATTEMPTS}", file=sys.stderr)
            if attempt < ATTEMPTS:
                time.sleep(pause_s * attempt)
    raise RepositoryError(f"{api} hasn't answered {ATTEMPTS} times; start a new pipeline")


def _accept(status: int) -> None:
    if status != 200:
        raise RepositoryError(f"CircleCI answers {status}, where 200 means that the pipeline continues")


def _words(answer: urllib.error.HTTPError) -> str:
    """What an answer says, without what it could repeat of the request."""
    try:
        document = json.loads(answer.read())
    except (ValueError, OSError, http.client.HTTPException):
        return "(no JSON)"
    message = document.get("message") if isinstance(document, dict) else None
    return str(message)[:500] if message else "(no message)"


def main(arguments: list[str]) -> int:
    """Post the file named. RepositoryError without a key, which only a set-up job has."""
    [name] = arguments
    configuration = Path(name).read_text("utf-8")
    key = os.environ.get(KEY, "")
    if not key:
        raise RepositoryError(
            f"{KEY} isn't set: CircleCI gives it to a set-up job, once dynamic configuration is switched on"
            " for the project (Project Settings, Advanced)"
        )
    if len(configuration.encode()) > MAX_BYTES:
        raise RepositoryError(f"{name} is larger than the 8 MB that CircleCI takes")
    post(configuration, api=os.environ.get("CIRCLE_API", API), key=key)
    print(f"continued with {name}")
    return 0


if __name__ == "__main__":
    run_as_command(main)
