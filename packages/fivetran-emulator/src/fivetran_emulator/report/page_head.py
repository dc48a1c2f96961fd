"""The top of the report: how the sync ended, in a sentence, and its figures, in tiles.

A newcomer would put the figures first. Whoever opens a report asks whether it went well, and if not, what to do.
"""

from __future__ import annotations

from fivetran_emulator.errors import EmulatorError
from fivetran_emulator.protocol.function import Limits
from fivetran_emulator.report.figures import SyncReport
from fivetran_emulator.report.page_charts import Part, share_bar
from fivetran_emulator.report.page_markup import Element, prose, tag
from fivetran_emulator.report.page_numbers import megabytes, plural, seconds, share
from fivetran_emulator.warehouse.merge import Counts

__all__ = ["head"]

_VERDICTS = {
    "complete": ("good", "Complete"),
    "failed": ("bad", "Failed"),
    "interrupted": ("odd", "Interrupted"),
    "paused": ("odd", "Paused after six hours"),
    "running": ("odd", "Not finished"),
}


def head(report: SyncReport, error: EmulatorError | None, limits: Limits) -> list[Element]:
    """The verdict, the failure if there is one, and the tiles."""
    failure = [_failure(error)] if error is not None else []
    return [_verdict(report), *failure, _tiles(report, limits)]


def _verdict(report: SyncReport) -> Element:
    colour, word = _VERDICTS.get(report.outcome, ("odd", report.outcome))
    begun = "first sync" if report.state_before == "{}" else "went on from the state before"
    told = [("function", report.url), ("warehouse", report.warehouse), ("schema", report.schema)]
    who = _connector(report)
    told += [("connector", who)] if who else []
    told += [("sync", f"{report.sync_id} ({begun})")]
    facts = [tag("div", tag("dt", name), tag("dd", value)) for name, value in told]
    resuming = [tag("p", f"Resumed: {report.resuming}.", class_="resuming")] if report.resuming else []
    badge = tag("span", word, class_=f"badge {colour}")
    return tag("header", tag("h1", badge, " ", _sentence(report)), *resuming, tag("dl", *facts))


def _connector(report: SyncReport) -> str:
    told = next((accepted.told for accepted in report.accepted if accepted.told.connector), None)
    return f"{told.connector} {told.version or ''}".strip() if told is not None else ""


def _sentence(report: SyncReport) -> str:
    rows = sum(accepted.rows for accepted in report.accepted)
    calls = plural(len(report.accepted), "invocation")
    if report.outcome == "complete":
        where = plural(len(report.counts), "table")
        return f"{plural(rows, 'row')} for {where} in {calls}, {seconds(report.seconds)}"
    if not report.accepted:
        return "before any answer was accepted: tables and state are as they were"
    return f"after {calls} with {plural(rows, 'row')}; these and their state are kept, the next sync goes on from there"


def _failure(error: EmulatorError) -> Element:
    problems = [tag("p", *prose(problem), class_="problem") for problem in error.problems]
    hint = [tag("p", *prose(error.hint), class_="hint")] if error.hint else []
    details = [tag("pre", "\n".join(line.rstrip() for line in error.details))] if error.details else []
    return tag("section", tag("h2", "What went wrong"), *problems, *hint, *details, class_="card failure")


def _tiles(report: SyncReport, limits: Limits) -> Element:
    return tag(
        "section", _changes(report), _time(report), _largest(report, limits), _source(report), class_="tiles"
    )


def _changes(report: SyncReport) -> Element:
    total = sum(report.counts.values(), Counts())
    changed = total.inserted + total.updated + total.deleted
    parts = {
        f"{total.inserted:,} inserted": Part(total.inserted, "inserted"),
        f"{total.updated:,} updated": Part(total.updated, "updated"),
        f"{total.unchanged:,} unchanged": Part(total.unchanged, "unchanged"),
        f"{total.deleted:,} deleted": Part(total.deleted, "deleted"),
    }
    return _tile("rows changed", f"{changed:,}", share_bar(parts, "what became of the rows"), _named(parts))


def _time(report: SyncReport) -> Element:
    waited = sum(accepted.told.waited_seconds or 0 for accepted in report.accepted)
    function = sum(accepted.seconds for accepted in report.accepted)
    loading = sum(accepted.load_seconds for accepted in report.accepted)
    parts = {
        f"{seconds(max(0, function - waited))} in the function": Part(max(0, function - waited), "function"),
        f"{seconds(waited)} of it waiting for the source": Part(waited, "waited"),
        f"{seconds(loading)} loading": Part(loading, "loading"),
    }
    return _tile("taken", seconds(report.seconds), share_bar(parts, "where the time went"), _named(parts))


def _largest(report: SyncReport, limits: Limits) -> Element:
    size = max((accepted.size for accepted in report.accepted), default=0)
    slow = max((accepted.seconds for accepted in report.accepted), default=0.0)
    parts = {"used": Part(size, "size"), "left": Part(max(0, limits.body_bytes - size), "unchanged")}
    told = [
        f"{share(size, limits.body_bytes)} of the {megabytes(limits.body_bytes)} the platform lets through",
        f"slowest: {seconds(slow)} of {limits.seconds:,.0f} s",
    ]
    return _tile(
        "largest answer", megabytes(size), share_bar(parts, "largest answer against the limit"), told
    )


def _source(report: SyncReport) -> Element:
    told = [accepted.told for accepted in report.accepted if accepted.told.requests is not None]
    if not told:
        return _tile("requests to the source", "unknown", None, ["this function does not tell"])
    requests, retries = sum(one.requests or 0 for one in told), sum(one.retries or 0 for one in told)
    waited = sum(one.waited_seconds or 0 for one in told)
    parts = {"requests": Part(max(0, requests - retries), "size"), "retries": Part(retries, "waited")}
    lines = [
        f"{retries:,} of them again" if retries == 1 else f"{retries:,} of them retries",
        f"{seconds(waited)} waited",
    ]
    return _tile("requests to the source", f"{requests:,}", share_bar(parts, "requests and retries"), lines)


def _named(parts: dict[str, Part]) -> list[str]:
    return [name for name, part in parts.items() if part.amount]


def _tile(name: str, figure: str, bar: Element | None, lines: list[str]) -> Element:
    said = [tag("p", line) for line in lines]
    return tag(
        "div",
        tag("b", figure),
        tag("span", name),
        *([bar] if bar is not None else []),
        *said,
        class_="card tile",
    )
