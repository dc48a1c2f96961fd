"""What a table is: a generator function and what its author declares about it.

The function's signature is the declaration of its state: first the client, then `since` when the table has a
cursor, then keyword parameters with defaults, which *are* the durable position.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, Literal, Required, TypedDict
from uuid import UUID

import msgspec

from fivetran_runtime import cursors
from fivetran_runtime._arguments import kind_of, takes
from fivetran_runtime._scope import Digest, digests_of
from fivetran_runtime.errors import DeclarationError, DefectError

Read = Callable[..., Iterable[Any]]
"""A table function: client, `since`, position -> dicts, Rows, Deletes and Ats."""

OnMissing = Literal["keep", "delete"] | Callable[[Any], Literal["keep", "delete"]]
"""What becomes of rows that complete passes no longer find."""

Fetch = Callable[[Any, list[Any]], Iterable[Any]]
"""Reads the rows of some keys: client, keys (a value each, or a tuple for a key of several columns) -> dicts, Deletes."""

Embeds = Callable[[Any], Mapping[int, Any]]
"""What rows hold of other objects: client -> number of each object, and what of it is in the rows, as plain values."""

Parents = Callable[[Any], Iterable[Any]]
"""The parents of a table's rows: client -> the key of each, and whatever `At` a paginator puts between them."""

Scope = Callable[[Any], Any]
"""What of a configuration decides which rows a table holds: configuration -> plain values."""

Columns = Mapping[str, str | Mapping[str, str]]
"""Column to type, and child table to its columns and their types; the types are in `_column_types.py`."""

_EMPTY = inspect.Parameter.empty
_TYPED = (float, Decimal, date, timedelta, UUID)


class Options(TypedDict, total=False):
    """What `Connector.table` takes beside the name: `Table`'s arguments, where they are described."""

    key: Required[str | Sequence[str]]
    cursor: str | None
    lookback: cursors.Lookback | None
    epoch: cursors.Epoch | None
    in_order: bool
    scope: Scope | None
    embeds: Embeds | None
    floor: Any
    children: Mapping[str, str | Sequence[str]] | None
    parents: Parents | None
    keeps: str | Sequence[str]
    on_missing: OnMissing
    max_missing: float
    listing: Read | None
    fetch: Fetch | None
    columns: Columns | None
    parallel: bool


@dataclass(
    frozen=True, eq=False
)  # tables are not compared, and what would do it takes a millisecond of each cold start
class Table:
    """A table of the destination and how to read it.

    Args:
        name: the table's name in the destination.
        read: the table function.
        key: the primary key's column, or columns.
        cursor: the column that says when a row last changed; `since` then gets the mark of the last complete
            pass, less the lookback, and its annotation (int, date or datetime) says what the column holds.
        lookback: how far before the mark to read again, for rows that were committed late: a timedelta (whole
            days for a day cursor), or an int for an integer cursor. Not negative.
        epoch: "seconds" or "milliseconds" for an integer cursor that is a time; a value later than the present
            then moves no mark. Without it an integer is a number, such as an id or a revision.
        in_order: whether the source lists rows in the order of the cursor, oldest first, and the position is the
            cursor (a keyset): the next pass then asks from the newest row met. A step back is an error. Needs a
            lookback that covers the source's grain, since rows may appear at an instant that was passed already.
        scope: what of the configuration decides which rows the table holds; when it changes, the table is read
            from its floor. By default every setting that is no Secret.
        embeds: what the source writes into rows without changing their cursor, such as the names of products: a
            function of the client that gives each object's number and name. It is called once in each call of the
            function, unless another table fails. When an object is renamed or removed, the table is read from its
            floor; objects with higher numbers than all before are new, and read nothing again.
        floor: where the first sync starts; a value of the cursor's kind, or a function of the configuration.
            Without it the first `since` is None.
        children: child tables that this function also yields, name to key.
        parents: for rows that are read parent by parent, such as each repository's issues: a function of the client that
            gives the parents' keys (int or str), such as `lambda client: client.pages("/repositories", PageNumber(),
            row=lambda one: one["id"])`. The table function is called for each of them, as the one argument
            without a default. They share one mark; one that is new, or back after it was away or skipped (`Skip`), is
            read from the floor.
        keeps: for a source that gives a token with a listing and later tells what changed since: the function's parameter,
            or parameters, that get what `Keep` has named in the last complete pass. A pass without one, the first or
            one whose token has expired, is a full listing. Instead of a cursor.
        on_missing: "delete" deletes rows that two complete passes in a row have not found, as long as the keys
            of all tables compress to less than 700 KB; or a function of the configuration that gives "keep" or
            "delete".
        max_missing: the share of the keys that may be deleted so, recent deletes included; above it, and from 20
            keys on, nothing is deleted until a person confirms it in the state. 1 for no bound.
        listing: for on_missing="delete" with a cursor, whose passes are never complete: a table function that
            yields at least the key columns of all rows there are. They are compared, not sent.
        fetch: with listing=: a function of the client and a list of keys that yields their rows. It brings what
            the listing shows and no pass has sent; without it such a key costs one pass from the floor.
        only_keys: whether this is another table's listing, whose rows are compared and not sent; set by `listing_table`.
        columns: the types of columns, where they are to be known before a value comes: {"ratio": "double", "due": "date"},
            of children {"lines": {"price": "decimal(12, 2)"}}. A type is boolean, long, double, decimal(P, S), string,
            json, date, datetime (without an offset) or timestamp (an instant). Columns that are left out get the type of
            their values. A function's answers are the same with and without it; Fivetran's Connector SDK sends
            fractions of columns that are not declared as 32 bits.
        parallel: whether the source may be asked for this table and for others that say so at the same time. They take turns
            at each `At`: while one's rows are sent, the pages that the others have asked for ahead (`ahead=` of
            `Client.pages`) are on their way. Their functions never run at the same time. Such tables are read first.

    Raises:
        DeclarationError: the declaration does not fit together; names the table and says how to fix it.
    """

    name: str
    read: Read
    _: KW_ONLY
    key: str | Sequence[str]
    cursor: str | None = None
    lookback: cursors.Lookback | None = None
    epoch: cursors.Epoch | None = None
    in_order: bool = False
    scope: Scope | None = None
    embeds: Embeds | None = None
    floor: Any = None
    children: Mapping[str, str | Sequence[str]] | None = None
    parents: Parents | None = None
    keeps: str | Sequence[str] = ()
    on_missing: OnMissing = "keep"
    max_missing: float = 0.5
    listing: Read | None = None
    fetch: Fetch | None = None
    columns: Columns | None = None
    parallel: bool = False
    only_keys: bool = False

    def __post_init__(self) -> None:
        for find in (_kind_problems, _signature_problems, _problems):
            if problems := list(find(self)):
                raise DeclarationError(f"Table {self.name}: {'; '.join(problems)}.")
        self.listing_table()

    @cached_property
    def keys(self) -> dict[str, tuple[str, ...]]:
        """The key columns of the table itself and of each child."""
        keys = {self.name: self.key, **(self.children or {})}
        return {name: (key,) if isinstance(key, str) else tuple(key) for name, key in keys.items()}

    @cached_property
    def primary_key(self) -> tuple[str, ...]:
        """The table's own key columns."""
        return self.keys[self.name]

    @cached_property
    def _arguments(self) -> dict[str, inspect.Parameter]:
        """The function's parameters after the client."""
        return dict(list(inspect.signature(self.read).parameters.items())[1:])

    @cached_property
    def position(self) -> dict[str, Any]:
        """What a position in the state may name: to what each holds, or `inspect.Parameter.empty` for JSON as it comes."""
        return {name: self._held(name) for name in self._arguments if name != "since"}

    @cached_property
    def parent(self) -> str | None:
        """The parameter that gets the parent, of a table with parents."""
        if self.parents is None:
            return None
        return next(iter(self.bare))

    @property
    def bare(self) -> list[str]:
        """The parameters of the position that have no default."""
        return [name for name in self.position if self._has_no_default(name)]

    def _has_no_default(self, name: str) -> bool:
        return self._arguments[name].default is _EMPTY

    @cached_property
    def kept(self) -> frozenset[str]:
        """The parameters that get what a pass before has kept."""
        return frozenset([self.keeps] if isinstance(self.keeps, str) else self.keeps)

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """The parameters that an `At` may name, to what each holds."""
        return {
            name: held
            for name, held in self.position.items()
            if name not in self.kept and name != self.parent
        }

    def _held(self, name: str) -> Any:
        """What a position's parameter holds, by its annotation, or by a default that is more than plain JSON."""
        annotation, default = self._annotation(name), self._arguments[name].default
        if annotation is _EMPTY and isinstance(default, _TYPED):
            return type(default)
        if annotation in (_EMPTY, Any, object) or not _is_understood(annotation):
            return _EMPTY
        return annotation | None if default is None and isinstance(annotation, type) else annotation

    @property
    def has_since(self) -> bool:
        """Whether its function has a parameter for the mark."""
        return "since" in self._arguments

    @cached_property
    def kind(self) -> cursors.Kind | None:
        """The cursor's kind; None for a table without `since`."""
        if not self.has_since:
            return None
        annotation = self._annotation("since")
        parts = typing.get_args(annotation) if _is_union(annotation) else (annotation,)
        named = [cursors.KINDS.get(part) for part in parts if part is not types.NoneType]
        kind = named[0] if len(named) == 1 else None
        return cursors.EPOCHS.get(self.epoch, kind) if self.epoch and kind is cursors.INTEGER else kind

    @property
    def remembers(self) -> bool:
        """Whether its passes bring only what the ones before have not: by a cursor, or by what they kept."""
        return self.kind is not None or bool(self.kept)

    def _annotation(self, name: str) -> Any:
        annotation = self._arguments[name].annotation
        if not isinstance(annotation, str):
            return annotation
        try:
            return eval(annotation, getattr(self.read, "__globals__", {}))  # noqa: S307 - the connector's own source
        except NameError:
            return _EMPTY  # imported for type checkers only

    def require_kind(self) -> cursors.Kind:
        """The cursor's kind; only for tables that have one."""
        if self.kind is None:
            raise DeclarationError(f"Table {self.name} has no cursor.")
        return self.kind

    @property
    def declared(self) -> str:
        """What the state's values of this table mean: its key, and its cursor."""
        by = f" by {self.cursor}, {self.kind.name}" if self.cursor and self.kind else ""
        return f"{', '.join(self.primary_key)}{by}"

    def scope_of(self, config: Any, settings: Digest | None) -> Digest | None:
        """A digest of the settings that decide which rows the table holds; `settings` is that of all of them."""
        return digests_of(self.scope(config)) if self.scope else settings

    @property
    def column_types(self) -> dict[str, dict[str, str]]:
        """The declared types of the columns, by table; of tables that declare none nothing."""
        if not self.columns:
            return {}
        from fivetran_runtime._column_types import by_table  # noqa: PLC0415 - most connectors declare none

        return by_table(self.columns, self.name)

    def deletes_missing(self, config: Any) -> bool:
        """Whether rows that are no longer found are deleted under this configuration."""
        chosen = self.on_missing(config) if callable(self.on_missing) else self.on_missing
        if chosen not in ("keep", "delete"):
            raise DefectError(
                f'Table {self.name}: the function on_missing= gave {chosen!r}; it gives "keep" or "delete".'
            )
        return chosen == "delete"

    def listing_table(self) -> Table | None:
        """The listing of this table's keys, as a table that is read before it."""
        if self.listing is None:
            return None
        return Table(
            self.name,
            self.listing,
            key=self.primary_key,
            on_missing=self.on_missing,
            max_missing=self.max_missing,
            children=self.children,
            only_keys=True,
        )


def _kind_problems(table: Table) -> Iterable[str]:
    """Arguments of another kind than they have to be: nothing more can be said of them."""
    name: object = table.name
    if not isinstance(name, str):  # an empty one is a name that Fivetran cannot have
        yield "name= is a text"
    yield from _function_problems(table)
    if not _is_names(table.key):
        yield "key= is the name of a column, or a list of them"
    children: object = table.children
    if children is not None and not (
        isinstance(children, Mapping)
        and all(map(_is_name, children))
        and all(map(_is_names, children.values()))
    ):
        yield "children= is a dict, of each child table's name to the columns of its key"
    if table.cursor is not None and not _is_name(table.cursor):
        yield "cursor= is the name of a column"
    if table.keeps != () and not _is_names(table.keeps):
        yield "keeps= is the name of a parameter, or a list of them"
    if table.in_order not in (True, False):
        yield "in_order= is True or False"
    if table.parallel not in (True, False):
        yield "parallel= is True or False"


def _function_problems(table: Table) -> Iterable[str]:
    read: Any = table.read
    if not callable(read):
        yield f"its function is {kind_of(read)}"
    elif any(is_kind(inspect.unwrap(read)) for is_kind in _ASYNCHRONOUS):
        yield "its function is asynchronous: take async and await out of it"
    listing: object = table.listing
    if listing is not None and not callable(listing):
        yield "listing= is a function of the client"


_ASYNCHRONOUS = (inspect.iscoroutinefunction, inspect.isasyncgenfunction)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_names(value: object) -> bool:
    return isinstance(value, str) or (
        isinstance(value, Sequence) and all(isinstance(one, str) for one in value)
    )


def _signature_problems(table: Table) -> Iterable[str]:
    """The function takes the client, and a position that has defaults: else nothing more can be said of it."""
    if not inspect.signature(table.read).parameters:
        yield f"its function{_of_listing(table)} takes the client as its first parameter"
    elif table.parents is not None:
        if len(table.bare) != 1:
            example = "def issues(client, repository, since, page=1), for instance"
            found = ", ".join(table.bare) or "none"
            yield f"parents= needs one parameter without a default, the parent; found: {found}: {example}"
    elif table.bare:
        names = ", ".join(table.bare)
        yield f"a position's parameter{_of_listing(table)} needs a default: {names}; it is where a pass starts"


def _of_listing(table: Table) -> str:
    return " listing=" if table.only_keys else ""


def _problems(table: Table) -> Iterable[str]:
    for name, key in table.keys.items():
        if not key or len(set(key)) < len(key) or not all(key):
            yield f"the key of {name} must name at least one column, each once"
    if table.name in (table.children or {}):
        yield "a child has the table's own name"
    if table.cursor and not table.kind:
        yield 'cursor= needs a parameter "since", annotated int, date or datetime'
    if table.has_since and table.only_keys:
        yield 'listing= takes no "since": it shows all keys that there are'
    elif table.has_since and not table.cursor:
        yield 'a parameter "since" needs cursor=, the column it is compared with'
    yield from _order_problems(table)
    yield from _kept_problems(table)
    if table.floor is not None and not table.cursor:
        yield "floor= needs a cursor"
    if callable(table.floor) and not takes(table.floor, None):
        yield "floor= is a value of the cursor, or a function of the configuration"
    yield from _deletion_problems(table)
    if table.columns is not None:
        from fivetran_runtime import _column_types  # noqa: PLC0415 - most connectors declare none

        yield from _column_types.problems(table.columns, table.children or ())


def _order_problems(table: Table) -> Iterable[str]:
    if table.lookback is not None:
        yield from _lookback_problems(table, table.lookback)
    if table.epoch is not None and table.kind not in cursors.EPOCHS.values():
        yield 'epoch= is "seconds" or "milliseconds", for a cursor whose "since" is annotated int'
    if table.in_order and not (table.kind and table.lookback):
        yield "in_order= needs a cursor and a lookback: rows may appear at an instant that was passed already"
    scope: object = table.scope
    if scope is not None and not takes(scope, None):
        yield "scope= is a function of the configuration"
    if table.embeds is not None and not (table.kind and takes(table.embeds, None)):
        yield "embeds= is a function of the client, for a table with a cursor"


def _kept_problems(table: Table) -> Iterable[str]:
    parents: object = table.parents
    if parents is not None and not takes(parents, None):
        yield "parents= is a function of the client that gives the parents' keys"
    if parents is not None and table.in_order:
        yield "in_order= is for one list, and with parents= there is one for each"
    if parents is not None and table.kept:
        yield "keeps= is for one list, and with parents= there is one for each: declare a table for each, with @app.tables"
    if unknown := sorted(table.kept - table.position.keys()):
        yield f"keeps= names {', '.join(unknown)}, which is no parameter of its function: add it, with the default None"
    if table.kept and (table.cursor or table.kind):
        yield "keeps= takes the place of cursor= and since: what was kept says what is new"


def _lookback_problems(table: Table, lookback: cursors.Lookback) -> Iterable[str]:
    if isinstance(lookback, bool) or not (table.kind and isinstance(lookback, table.kind.lookback)):
        yield "lookback= needs a cursor, and is a timedelta, or an int for an integer cursor"
    elif (lookback.total_seconds() if isinstance(lookback, timedelta) else lookback) < 0:
        yield "lookback= is negative: it would skip rows"
    elif table.kind is cursors.DAY and lookback != timedelta(days=lookback.days):  # type: ignore[union-attr]
        yield "lookback= of a day cursor is in whole days: timedelta(days=1), for instance"


def _deletion_problems(table: Table) -> Iterable[str]:
    if table.parallel and (table.listing or table.fetch):
        yield "parallel= is not for a table with listing=, whose keys are read before its rows"
    on_missing: object = table.on_missing
    if on_missing not in ("keep", "delete") and not takes(on_missing, None):
        yield 'on_missing= is "keep", "delete" or a function of the configuration'
    if table.listing is not None and (table.on_missing == "keep" or not table.cursor):
        yield 'listing= is for a table with a cursor and on_missing="delete"'
    if table.on_missing != "keep" and table.cursor and table.listing is None:
        yield 'on_missing="delete" with a cursor needs listing=, since its passes bring only what changed'
    if table.fetch is not None and (table.listing is None or not takes(table.fetch, None, [])):
        yield "fetch= is a function of the client and a list of keys, beside listing="
    if type(table.max_missing) not in (int, float) or not 0 <= table.max_missing <= 1:
        yield "max_missing= is a share of the keys, from 0 to 1"


def _is_understood(annotation: Any) -> bool:
    """Whether values can be converted to it; there are annotations that only type checkers understand."""
    try:
        msgspec.convert(None, annotation)
    except msgspec.ValidationError:
        return True
    except TypeError:
        return False
    return True


def _is_union(annotation: Any) -> bool:
    return typing.get_origin(annotation) in (typing.Union, types.UnionType)
