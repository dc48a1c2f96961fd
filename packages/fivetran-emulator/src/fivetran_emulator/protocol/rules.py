"""The readings of Fivetran's behaviour that a sync applies, each a switch of the command.

These are no preferences. Each stands where Fivetran's documentation is silent or disagrees with itself:
the default is the reading that the evidence favours, the others are there to find out what a function would suffer under
them. `docs/protocol.md` has the evidence.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

__all__ = ["MAX_EMPTY_ANSWERS", "Rules"]

MAX_EMPTY_ANSWERS = 10
"""Answers in a row without a row, after which Fivetran ends a sync as failed. Source: docs/protocol.md, section 1.4."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """One reading for each question. The field `soft_delete` is the switch `--soft-delete`, and so on."""

    soft_delete: Literal["flag", "hard", "always", "reload"] = field(
        default="flag",
        metadata={
            "help": "flag: deletes in tables of `softDelete` only set _fivetran_deleted; hard: `softDelete` is ignored; "
            "always: every delete flags; reload: also flag rows of such tables that a sync did not send again"
        },
    )
    type_lock: Literal["off", "on"] = field(
        default="off",
        metadata={"help": "on: after the first sync types stay, and values that do not fit become NULL"},
    )
    naming: Literal["fivetran", "source"] = field(
        default="fivetran", metadata={"help": "source: tables and columns keep the names the function gives"}
    )
    schema_changes: Literal["allow-all", "allow-columns", "block-all"] = field(
        default="allow-all",
        metadata={
            "help": "allow-columns: after the first sync new tables are left out; block-all: new columns too"
        },
    )
    has_more: Literal["strict", "lenient"] = field(
        default="strict", metadata={"help": 'lenient: a `hasMore` that is no boolean counts, "true" as true'}
    )
    state_type: Literal["object", "any"] = field(
        default="object",
        metadata={
            "help": "any: a state may be text, a number or a list too, as in one of Fivetran's own samples"
        },
    )
    error_members: Literal["fail", "warn"] = field(
        default="fail",
        metadata={"help": "warn: `errorMessage` in an answer with status 200 does not fail it"},
    )
    keys: Literal["refuse", "skip"] = field(
        default="refuse",
        metadata={"help": "skip: rows without a key value are left out, and a changed key is ignored"},
    )
    system_columns: Literal["refuse", "drop"] = field(
        default="refuse", metadata={"help": "drop: columns named _fivetran_... are left out"}
    )
    empty: Literal["no-rows", "no-change"] = field(
        default="no-rows",
        metadata={"help": "no-change: an answer without rows counts as empty only if its state is as before"},
    )
    after_failure: Literal["last-answer", "sync-start"] = field(
        default="last-answer",
        metadata={
            "help": "sync-start: after a sync that did not end, begin with the state that it began with"
        },
    )
    unseen: Literal["report", "flag"] = field(
        default="report",
        metadata={"help": "flag: rows that a re-sync did not send again get _fivetran_deleted"},
    )
