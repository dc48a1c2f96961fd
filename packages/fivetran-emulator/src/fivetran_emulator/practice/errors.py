"""What can go wrong in a practice source: its author's mistake, or a request it has to refuse.

The two never mix: a `Refusal` is the API working as it should (a wrong token gets 401), a `PracticeError` means that
practice.py itself must be changed.
"""

from __future__ import annotations

from collections.abc import Mapping


class PracticeError(Exception):
    """practice.py cannot be used as it is; the text says where and what to change."""


class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not a failure
    """Raised by a route, a page style or an access rule to answer with an HTTP error.

    `message` is put into the source's usual error shape; give `body` instead where the real API answers something
    of its own. `body` is any JSON value.
    """

    def __init__(
        self, status: int, message: str = "", *, body: object = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.body = body
        self.headers = dict(headers or {})
