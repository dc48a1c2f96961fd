"""A sync as one HTML page, the output of `--report FILE.html`.

A newcomer would link a style sheet or a chart library. The page loads nothing, says so to the browser in a policy, and has
no script: it can be mailed, kept next to a build and read without a network for as long as there are browsers.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from fivetran_emulator.errors import EmulatorError, UsageError
from fivetran_emulator.protocol.function import Limits
from fivetran_emulator.report.figures import SyncReport
from fivetran_emulator.report.page_head import head
from fivetran_emulator.report.page_invocations import invocations
from fivetran_emulator.report.page_markup import Element, Style, tag, write
from fivetran_emulator.report.page_state import state
from fivetran_emulator.report.page_tables import tables
from fivetran_emulator.report.page_warnings import warnings
from fivetran_emulator.secrets import Secrets

__all__ = ["ReportPage", "refuse_report_path"]

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


@dataclass(frozen=True, kw_only=True)
class ReportPage:
    """What the page is made of. `error` is what ended the sync, if anything did; `limits` are those it ran under."""

    report: SyncReport
    error: EmulatorError | None
    limits: Limits
    secrets: Secrets

    def html(self) -> str:
        """The whole page. Secrets are hidden in it."""
        page = tag("html", _meta(self.report), tag("body", tag("main", *self._sections())), lang="en")
        return "<!DOCTYPE html>\n" + write(page, self.secrets.redact) + "\n"

    def write(self, path: Path) -> None:
        """Write the page to `path`. Raises UsageError when that cannot be done."""
        try:
            path.write_text(self.html(), encoding="utf-8")
        except OSError as error:
            raise _unwritable(path, error) from error

    def _sections(self) -> list[Element]:
        return [
            *head(self.report, self.error, self.limits),
            *warnings(self.report),
            *invocations(self.report, self.limits),
            *tables(self.report),
            *state(self.report),
        ]


def refuse_report_path(path: Path) -> None:
    """Raises UsageError unless a report can be written to `path`; asked before a sync that may take hours."""
    if path.is_dir():
        raise UsageError(f"--report {path} is a folder", hint="Name a file in it, such as report.html.")
    if not path.parent.is_dir():
        raise UsageError(f"--report {path}: there is no folder {path.parent}", hint="Make the folder first.")


def _meta(report: SyncReport) -> Element:
    style = files("fivetran_emulator.report").joinpath("page.css").read_text(encoding="utf-8")
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"Sync into {report.schema}: {report.outcome}"),
        tag("style", Style(style)),
    )


def _unwritable(path: Path, error: OSError) -> UsageError:
    return UsageError(
        f"--report {path} cannot be written: {error.strerror}", hint="The sync itself is not touched by this."
    )
