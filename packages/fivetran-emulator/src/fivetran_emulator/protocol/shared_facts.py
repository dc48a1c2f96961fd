"""What the emulator shares with the runtime and the tools. Made by `nox -s update`; don't edit."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["MAX_ANSWER_BYTES", "MAX_SECONDS", "REPORT_HEADER", "STATE_MEMBERS", "TABLE_MEMBERS"]

REPORT_HEADER = "X-Connector-Invocation"
"""The header in which functions built on fivetran-runtime report an invocation."""

MAX_ANSWER_BYTES: Mapping[int, int] = {1: 10_000_000, 2: 32_000_000}
MAX_SECONDS: Mapping[int, int] = {1: 540, 2: 3_600}
"""What Google grants one invocation, by generation of Cloud Functions; a megabyte is 10**6 bytes."""

STATE_MEMBERS: Mapping[str, tuple[str, ...]] = {
    "connector": ("text",),
    "tables": ("object",),
    "sync": (),
    "kept": ("object",),
}

TABLE_MEMBERS: Mapping[str, tuple[str, ...]] = {
    "mark": ("number", "text"),
    "newest": ("number", "text"),
    "since": ("number", "text"),
    "at": ("object",),
    "sent": ("number",),
    "following": ("text",),
    "kept": ("object",),
    "keeping": ("object",),
    "late": ("boolean",),
    "parents": ("text",),
    "parents_read": ("text",),
    "keys_of": ("object",),
    "no_room": ("object",),
    "seen": ("number", "text"),
    "first": ("number", "text"),
    "whole": ("boolean",),
    "declared": ("text",),
    "children": ("object",),
    "floor": ("number", "text"),
    "scope": ("text",),
    "embeds": ("text",),
    "place": ("text",),
    "keys": ("text",),
    "kinds": ("list",),
    "missed": ("text",),
    "held": ("text",),
    "asked": ("text",),
    "confirm": ("text",),
    "lost": ("number",),
    "found": ("text",),
    "gone": ("text",),
    "unsent": ("text",),
    "tried": ("text",),
    "absent": ("text",),
    "tries": ("number",),
    "rest": ("number",),
    "over": ("number",),
}
"""The JSON types of each member of the runtime's state, and of a table in it."""
