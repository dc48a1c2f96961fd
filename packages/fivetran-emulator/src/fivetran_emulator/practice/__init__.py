"""A source system on your own machine: plain rows, served the way the real API would serve them.

A connector's ``practice.py`` is written with the names below. They mirror the runtime's (``Offset`` there reads
pages, ``Offset`` here serves them) but share no code with it: a practice source that borrowed the connector's idea
of the API could only ever agree with it.
"""

from __future__ import annotations

from werkzeug.wrappers import Request

from fivetran_emulator.errors import PracticeError, Refusal
from fivetran_emulator.practice.access import (
    Basic,
    Bearer,
    ClientCredentials,
    HeaderKey,
    LogIn,
    QueryKey,
    RateLimit,
    RotatingTokens,
)
from fivetran_emulator.practice.listings import Csv, Lines
from fivetran_emulator.practice.pages import (
    Header,
    Keyset,
    Listed,
    NextLink,
    Offset,
    Page,
    PageNumber,
    PageStyle,
    PageToken,
    parameter,
    whole,
)
from fivetran_emulator.practice.rows import Rows
from fivetran_emulator.practice.serving import serving
from fivetran_emulator.practice.source import Source

__all__ = [
    "Basic",
    "Bearer",
    "ClientCredentials",
    "Csv",
    "Header",
    "HeaderKey",
    "Keyset",
    "Lines",
    "Listed",
    "LogIn",
    "NextLink",
    "Offset",
    "Page",
    "PageNumber",
    "PageStyle",
    "PageToken",
    "PracticeError",
    "QueryKey",
    "RateLimit",
    "Refusal",
    "Request",
    "RotatingTokens",
    "Rows",
    "Source",
    "parameter",
    "serving",
    "whole",
]
