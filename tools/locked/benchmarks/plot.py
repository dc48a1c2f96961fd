"""A picture of the tables: a bar for each contestant, as long as it is slower than the ceiling. Written as SVG by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from tools.locked.benchmarks.contestants import CEILINGS, OURS
from tools.locked.benchmarks.results import Spread, Table

_WIDTH, _LEFT, _BAR, _GAP = 760, 130, 16, 6
_COLOURS = {OURS: "#e08e2b", **dict.fromkeys(CEILINGS, "#5a8f5a")}
_OTHER = "#7a8ca5"


def svg(tables: Sequence[Table]) -> str:
    """The picture: a group of bars for each table that has a ceiling and at least one other contestant."""
    parts: list[str] = []
    height = _GAP
    for table in tables:
        ratios = {name: table.ratio(name) for name in table.right}
        known = {name: ratio for name, ratio in ratios.items() if ratio}
        if len(known) < 2:
            continue
        height += 26
        parts.append(f'<text x="4" y="{height - 8}" font-weight="bold">{escape(table.scenario.name)}</text>')
        scale = (_WIDTH - _LEFT - 60) / max(one.most for one in known.values())
        for name, ratio in sorted(known.items(), key=lambda item: item[1].median):
            parts += _bar(name, ratio, height, scale)
            height += _BAR + _GAP
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" '
        f'font-family="sans-serif" font-size="12">'
    )
    title = "<title>Times slower than the ceiling; the line is from the least to the most</title>"
    ground = '<rect width="100%" height="100%" fill="white"/>'
    return "\n".join([head, title, ground, *parts, "</svg>"]) + "\n"


def _bar(name: str, ratio: Spread, top: int, scale: float) -> Iterator[str]:
    """A contestant's bar, and a line from its least to its most."""
    middle = top + _BAR / 2
    least, length, most = (round(_LEFT + scale * one, 1) for one in (ratio.least, ratio.median, ratio.most))
    yield f'<text x="{_LEFT - 6}" y="{top + 12}" text-anchor="end">{escape(name)}</text>'
    yield (
        f'<rect x="{_LEFT}" y="{top}" width="{round(length - _LEFT, 1)}" height="{_BAR}" '
        f'fill="{_COLOURS.get(name, _OTHER)}"/>'
    )
    yield f'<line x1="{least}" x2="{most}" y1="{middle}" y2="{middle}" stroke="black"/>'
    yield f'<text x="{most + 6}" y="{top + 12}">{ratio.median:.1f}</text>'
