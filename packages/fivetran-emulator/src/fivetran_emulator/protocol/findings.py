"""Warnings: what Fivetran accepts in silence and a connector's author would want to know.

A finding never stops a sync; whatever does is an error. The same finding met again is counted, not repeated.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Finding", "Findings"]


@dataclass(frozen=True)
class Finding:
    """One observation: a stable `code`, what was seen, and what to do about it."""

    code: str
    text: str
    hint: str


class Findings:
    """The findings of one sync in the order they were first met, each with the number of times it was met."""

    def __init__(self) -> None:
        self._counts: dict[Finding, int] = {}

    def add(self, *findings: Finding) -> None:
        """Take note of `findings`."""
        for finding in findings:
            self._counts[finding] = self._counts.get(finding, 0) + 1

    def add_counted(self, counted: Iterable[tuple[Finding, int]]) -> None:
        """Take note of findings that somebody else has counted."""
        for finding, times in counted:
            self._counts[finding] = self._counts.get(finding, 0) + times

    def counted(self) -> list[tuple[Finding, int]]:
        """Every distinct finding with the number of times it was met."""
        return list(self._counts.items())
