"""The tables in the report: what became of their rows, and their columns with every type that changed.

A newcomer would compare types before and after. A column may be made and widened within one sync; so each change of shape
is kept with the invocation that made it, and a column shows the way it went.
"""

from __future__ import annotations

from dataclasses import dataclass

from fivetran_emulator.report.figures import SyncReport
from fivetran_emulator.report.page_charts import Part, legend, share_bar
from fivetran_emulator.report.page_markup import Content, Element, tag
from fivetran_emulator.report.page_numbers import plural
from fivetran_emulator.warehouse.ledger import LoadedTable
from fivetran_emulator.warehouse.merge import Counts

__all__ = ["tables"]

_WORDS = ("inserted", "updated", "unchanged", "deleted")


@dataclass(frozen=True)
class _Step:
    """A type a column got: in which invocation, None when it had it before the sync."""

    sql: str
    invocation: int | None


def tables(report: SyncReport) -> list[Element]:
    """The section about the tables; nothing when there is none yet."""
    if not report.tables:
        return []
    names = sorted(report.tables, key=lambda name: (name not in report.counts, name))
    most = max(report.rows_now.values(), default=0)
    cards = [_table(report, report.tables[name], most) for name in names]
    colours = legend([(word, word) for word in _WORDS])
    return [tag("section", tag("h2", f"Tables ({len(names)})"), colours, tag("div", *cards, class_="tables"))]


def _table(report: SyncReport, table: LoadedTable, most: int) -> Element:
    counts = report.counts.get(table.name)
    rows = report.rows_now.get(table.name)
    key = ", ".join(table.key)
    title: list[Content] = [table.name]
    if table.name not in report.tables_before:
        title += [" ", tag("span", "new", class_="mark new")]
    if not table.key:
        title += [" ", tag("span", "no key", class_="mark widened", title="every row sent is a new row")]
    parts: list[Content] = [tag("h3", *title)]
    if rows is not None:
        parts.append(_size(rows, most))
    parts += (
        _became(counts)
        if counts is not None
        else [tag("p", "Nothing came for it in this sync.", class_="none")]
    )
    parts += _columns(report, table)
    return tag("article", *parts, class_="card table", title=f"key: {key}" if key else None)


def _size(rows: int, most: int) -> Element:
    width = f"width:{100 * rows / most:.2f}%" if most else "width:0"
    bar = tag("div", tag("i", class_="size", style=width), class_="share slim")
    return tag("div", tag("p", tag("b", f"{rows:,}"), " rows now"), bar)


def _became(counts: Counts) -> list[Content]:
    amounts = (counts.inserted, counts.updated, counts.unchanged, counts.deleted)
    named = {f"{n:,} {word}": Part(n, word) for n, word in zip(amounts, _WORDS, strict=True)}
    said = ", ".join(text for text, part in named.items() if part.amount) or "no row changed"
    return [share_bar(named, "what became of the rows"), tag("p", said)]


def _columns(report: SyncReport, table: LoadedTable) -> list[Content]:
    """The widened columns in plain sight, all others folded away."""
    known = table.name in report.tables_before
    widened: list[Element] = []
    others: list[Element] = []
    for name in sorted(table.columns, key=lambda name: name not in table.key):
        way = _steps(report, table.name, name)
        row = _column(name, way, in_key=name in table.key, table_known=known)
        (widened if len(way) > 1 else others).append(row)
    seen: list[Content] = [_listing(widened)] if widened else []
    said = plural(len(others), "other column" if widened else "column")
    return [*seen, tag("details", tag("summary", said), _listing(others))] if others else seen


def _listing(rows: list[Element]) -> Element:
    return tag("table", tag("tbody", *rows), class_="columns")


def _column(name: str, way: list[_Step], *, in_key: bool, table_known: bool) -> Element:
    key: list[Content] = [" ", tag("span", "key", class_="mark key")] if in_key else []
    types: list[Content] = [tag("code", way[0].sql if way else "")]
    for step in way[1:]:
        types += [" → ", tag("code", step.sql), f" in #{step.invocation}"]
    if len(way) > 1:
        types += [" ", tag("span", "widened", class_="mark widened")]
    elif table_known and way and way[0].invocation is not None:
        types += [" ", tag("span", "new", class_="mark new", title=f"since invocation #{way[0].invocation}")]
    return tag("tr", tag("th", name, *key, scope="row"), tag("td", *types))


def _steps(report: SyncReport, table: str, column: str) -> list[_Step]:
    """The types the column had, in order, without repetitions."""
    before = report.tables_before.get(table)
    shapes = [(None, before)] if before is not None else []
    seen: list[_Step] = []
    for invocation, shape in [*shapes, *((n, t) for n, t in report.shapes if t.name == table)]:
        kind = shape.columns.get(column)
        if kind is not None and (not seen or seen[-1].sql != kind.sql):
            seen.append(_Step(kind.sql, invocation))
    return seen
