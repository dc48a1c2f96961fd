"""Ends a run between two of its requests, or after one whose answer nobody reads any more; by a kill, or by Ctrl-C."""

from __future__ import annotations

from typing import Any

import requests
from requests.adapters import HTTPAdapter


class Killed(BaseException):
    """What ends a run between two requests, as no `except` of ours sees."""


class Killing(HTTPAdapter):
    """Ends the process, as it were, before the request of that number or after its answer."""

    def __init__(self, number: int, *, after: bool, by: type[BaseException] = Killed) -> None:
        super().__init__()
        self.number, self.after, self.by, self.sent = number, after, by, 0

    def send(self, *arguments: Any, **options: Any) -> requests.Response:
        self.sent += 1
        if self.sent == self.number and not self.after:
            raise self.by
        answer = super().send(*arguments, **options)
        if self.sent == self.number:
            answer.close()
            raise self.by
        return answer
