"""Lists that are read on from the key of the last row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from string import Formatter
from typing import Any

import msgspec

from fivetran_runtime.errors import DefectError, ExpiredError
from fivetran_runtime.http._pages import Absent, Page
from fivetran_runtime.http._places import ABSENT, Place, look_up, shown_place
from fivetran_runtime.http.pagination import OnPath, Paginator, Param, asked


class Keyset(OnPath, frozen=True):
    """Rows after a key: `?after_id=4711`, sorted by it; nothing moves under it. Ends at an empty page.

    Args:
        after: the position, the table function's parameter; None for the first page. With `then` a list of two.
        column: the column of the listed rows that holds the key, or its place, such as "properties.id".
        then: a second column, for lists that are sorted by one that many rows may share, and then by this one.
        condition: how the source wants to be asked for the rows after a key: a text that holds {0}, and {1} for `then`,
            such as ">{0}" or "changed > '{0}' OR (changed = '{0}' AND id > {1})"; or a function of the one key or the
            two that makes it. The first page is asked with what `Client.pages` says for `param`, if anything.
        param: what takes it: as for `PageToken`.
        more: where it says whether more rows follow, as for `PageNumber`.
        size, size_param: as for `Offset`.
        at: name of the table function's parameter.
        absent: as for `PageNumber`.
    """

    after: Any = None
    column: Place = "id"
    then: Place | None = None
    condition: str | Callable[..., Any] | None = None
    param: Param = "after"
    more: Place | None = None
    size: int | None = 100
    size_param: Param = "limit"
    at: str = "after"
    absent: Absent = None

    def __post_init__(self) -> None:
        if self.condition is not None:
            _require_condition(self.condition, has_then=self.then is not None)

    def query(self) -> Mapping[Any, Any]:
        after = None if self.after is None else self._after()
        return asked(self.param, after, self.size_param if self.size else None, self.size)

    def _after(self) -> Any:
        keys = [self.after] if self.then is None else self.after
        if not isinstance(keys, list) or len(keys) != 1 + (self.then is not None):
            message = f"The position {self.at} has another form than Keyset's column= and then= give it."
            raise ExpiredError(message)  # as an earlier release has left it
        return self.after if self.condition is None else _condition(self.condition, keys)

    def following(self, page: Page, rows: list[Any]) -> Paginator | None:
        goes_on = bool(rows) if self.more is None else page.goes_on(rows, self.more, self.absent)
        if goes_on and not rows:
            raise page.contradiction(
                f"no rows came, and {shown_place(self.more or '')} says that more follow"
            )
        if not goes_on:
            return None
        after = _key(page, rows[-1], self.column)
        if self.then is not None:
            after = [after, _key(page, rows[-1], self.then)]
        if after == self.after:
            raise _stuck(page, self.column)
        return msgspec.structs.replace(self, after=after)

    def position(self) -> Mapping[str, Any]:
        return {self.at: self.after}

    def is_first(self) -> bool:
        return self.after is None


def _key(page: Page, row: Any, column: Place) -> Any:
    key = None
    if isinstance(row, dict):
        key = row[column] if isinstance(column, str) and column in row else look_up(row, column)
    if key is None or key is ABSENT:
        msg = f"{page.url}: the last row of a page has no {shown_place(column)} to go on from."
        raise DefectError(msg)
    return key


def _condition(condition: str | Callable[..., Any], keys: list[Any]) -> Any:
    if not isinstance(condition, str):
        made = condition(*keys)
        if made is None or made == "":
            msg = f"Keyset: the function condition= gave {made!r} for a key; the first page would come again."
            raise DefectError(msg, hint="It has to return what the source is to be asked with.")
        return made
    for key in keys:
        if isinstance(key, str) and not {"'", '"', "\\"}.isdisjoint(key):
            msg = f"Keyset: condition={condition!r} cannot hold the key {key!r}, which has a quote or a backslash."
            raise DefectError(msg, hint="Give condition= a function that writes it as the source reads it.")
    try:
        return condition.format(*keys)
    except (LookupError, ValueError, AttributeError):
        raise _no_condition(condition) from None


def _require_condition(condition: object, *, has_then: bool) -> None:
    """Raise for a text that leaves a key out: each page would be asked for with the same condition."""
    if callable(condition):
        return
    names = {"0", "1"} if has_then else {"0"}
    if not isinstance(condition, str) or _names_in(condition) != names:
        raise _no_condition(condition)


def _names_in(text: str) -> set[str]:
    """What a text has in braces: `str.format` fills it in."""
    try:
        fields = [name for _, name, _, _ in Formatter().parse(text) if name is not None]
    except ValueError:
        return set()
    heads = [name.partition(".")[0].partition("[")[0] for name in fields]
    return {head or str(number) for number, head in enumerate(heads)}


def _no_condition(condition: object) -> DefectError:
    return DefectError(
        f"Keyset: condition={condition!r} is no text with {{0}} for the key, and {{1}} for that of then=."
    )


def _stuck(page: Page, column: Place) -> DefectError:
    error = page.unmoving(shown_place(column))
    error.hint = "If the source lists rows from the key on, condition= can ask for what is behind it; if many rows share it, then= names a second column."
    return error
