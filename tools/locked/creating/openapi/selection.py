"""Which lists become tables: their names, parents and order, and why the others don't."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tools.locked.creating.openapi.columns import Cursor, Key, cursor_of, has_change_filter, key_of
from tools.locked.creating.openapi.document import Document, mapping, text
from tools.locked.creating.openapi.operations import PARAMETER, Listing, NotAListError, Operations, last_word
from tools.locked.creating.openapi.paging import Paging, is_paging, names_of, paging_of
from tools.locked.creating.openapi.schemas import ABSENT, Schemas, Shape
from tools.locked.creating.openapi.words import TAKEN, identifier, is_free, singular, snake, squeezed
from tools.repository.errors import RepositoryError
from tools.repository.names import nearest

MAX_TABLES = 10
"""Tables that are made unless they are chosen by name."""

MAX_CHOSEN = 40
MAX_COLUMNS = 300
ARGUMENTS = {"self", "path", "paginator", "rows", "row", "at"}
"""What `Client.pages` takes itself, so that no query's parameter can be called so."""

POSITIONS = {"page", "offset", "token", "link", "after"}
"""What a table function calls its place in a list."""
SECRETS = {"token", "user", "password", "key", "client_id", "client_secret", "oauth_url", "url"}
"""What the other secrets are called."""

Value = str | int | bool


@dataclass(frozen=True)
class Parent:
    """The table whose rows a nested list is asked for, under `column` in the child's rows."""

    table: Table
    column: str

    @property
    def argument(self) -> str:
        """The table function's argument for it."""
        return identifier(snake(self.column))


@dataclass(frozen=True)
class Table:
    """A list as a table.

    `settings` are the parameters of its path that only the secrets can give, with the secret's name; `query` is what is
    always sent.
    """

    name: str
    listing: Listing
    members: Mapping[str, Shape]
    key: Key
    paging: Paging
    cursor: Cursor | None = None
    parent: Parent | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, Value] = field(default_factory=dict)

    @property
    def function(self) -> str:
        """The name of its function."""
        return identifier(self.name)

    @property
    def keys(self) -> tuple[str, ...]:
        """Its key columns."""
        return (self.parent.column, self.key.column) if self.parent else (self.key.column,)


@dataclass(frozen=True)
class Selection:
    """The tables to make, those that could be made as well, and what can't be, by path with the reason."""

    tables: tuple[Table, ...]
    others: tuple[Table, ...]
    unusable: Mapping[str, str]


def select(document: Document, wanted: Sequence[str] = ()) -> Selection:
    """The tables that are `wanted`, by name, or the first few. RepositoryError if there are none, or not those."""
    proposed, unusable = _proposed(document)
    if not proposed:
        raise RepositoryError(_nothing(document, unusable))
    if not wanted:
        return Selection(tuple(proposed[:MAX_TABLES]), tuple(proposed[MAX_TABLES:]), unusable)
    _require_known(wanted, [one.name for one in proposed])
    chosen = tuple(one for one in proposed if one.name in wanted)
    return Selection(chosen, tuple(one for one in proposed if one not in chosen), unusable)


def _require_known(wanted: Sequence[str], known: list[str]) -> None:
    if unknown := [name for name in wanted if name not in known]:
        shown = ", ".join(known[:60]) + (f" and {len(known) - 60} more" if len(known) > 60 else "")
        raise RepositoryError(
            f"--tables: the description has no list {unknown[0]!r}.{nearest(unknown[0], known)} There are: {shown}"
        )
    if len(wanted) > MAX_CHOSEN:
        raise RepositoryError(
            f"--tables: {len(wanted)} are too many for one connector; {MAX_CHOSEN} is the most"
        )


def _nothing(document: Document, unusable: Mapping[str, str]) -> str:
    why = "; ".join(f"{path}: {reason}" for path, reason in list(unusable.items())[:3])
    seen = (
        f"{len(unusable)} GET operations, and none lists rows with a key" if unusable else "no GET operations"
    )
    return f"{document.where}: it has {seen}" + (
        f" ({why}{'; ...' if len(unusable) > 3 else ''})" if why else ""
    )


def _proposed(document: Document) -> tuple[list[Table], dict[str, str]]:
    """Every list that can be a table, best first, and the reasons for the rest."""
    schemas = Schemas(document)
    operations = Operations(document, schemas)
    maker = _Maker(schemas, _details(document), text(mapping(document.root.get("info")).get("version")))
    tables, unusable = [], {}
    for path, item, get in operations.gets():
        try:
            tables.append(maker.table(operations.listing(path, item, get)))
        except NotAListError as error:
            unusable[path] = str(error)
    parents = {_collection(table.listing.path): table for table in tables}
    related = []
    for table in tables:
        try:
            related.append(_with_parent(table, parents))
        except NotAListError as error:
            unusable[table.listing.path] = str(error)
    return _named(sorted(related, key=_rank)), unusable


def _collection(path: str) -> str:
    """The start of the addresses of a list's rows."""
    return path.rstrip("/").removesuffix(".json")


def _rank(table: Table) -> tuple[Any, ...]:
    listing = table.listing
    return (
        listing.deprecated, len(table.settings), table.parent is not None, table.paging.style == "none", bool(table.key.asked),
        listing.path.count("/"),
    )  # fmt: skip


@dataclass(frozen=True)
class _Maker:
    """Makes tables of lists. `details` are, by a list's path, the parameters under which one of its rows can be asked for."""

    schemas: Schemas
    details: Mapping[str, Sequence[str]]
    version: str = ""

    def table(self, listing: Listing) -> Table:
        """The list as a table without a name and a parent. NotAListError if it has no key or needs what nobody knows."""
        members = dict(list(self.schemas.members(listing.item))[:MAX_COLUMNS])
        key = key_of(listing, members, self.details.get(_collection(listing.path), ()))
        if key is None:
            raise NotAListError(f"no column is known as the key of what it lists{self._inside(members)}")
        paging = paging_of(listing, key.column, numeric_key=key.kind == "integer")
        cursor = cursor_of(listing, members)
        if cursor and (cursor.param in ARGUMENTS or cursor.column == key.column or paging.moves):
            cursor = None
        query = dict(self._always_sent(listing, names_of(paging) | ({cursor.param} if cursor else set())))
        return Table("", listing, members, key, paging, cursor, query=query)

    def _inside(self, members: Mapping[str, Shape]) -> str:
        """The question whether the rows are in a list inside what is listed: groups, each with its rows."""
        inner = [
            name
            for name, shape in members.items()
            if shape.kind == "array" and self.schemas.shape(shape.items).kind == "object"
        ]
        if not inner:
            return ""
        return f'; are its rows the `{inner[0]}` of each? Then write its table by hand, with a second loop: `yield from one["{inner[0]}"]`'

    def _always_sent(self, listing: Listing, others: set[str]) -> Iterator[tuple[str, Value]]:
        """Parameters with the value that shows all rows, or without which the source refuses; not the `others`."""
        for name, one in listing.query.items():
            if name in others:
                continue
            value = next((value for value in one.shape.enum if value in ("all", "any")), None)
            if one.required and value is None:
                value = _known(one.shape) or (self.version if squeezed(name) == "apiversion" else None)
                if not value and not is_paging(name):
                    raise NotAListError(f"it needs the query's parameter {name}")
            if value is not None and name not in ARGUMENTS:
                yield name, value


def _details(document: Document) -> dict[str, list[str]]:
    """By a list's path the parameters under which one row can be asked for: /users and /users/{user_id}."""
    found: dict[str, list[str]] = {}
    for path, _ in document.paths():
        start, _, last = path.rstrip("/").rpartition("/")
        if name := PARAMETER.fullmatch(last.removesuffix(".json")):
            found.setdefault(start, []).append(name[1])
    return found


def _known(shape: Shape) -> Value | None:
    """A value that a parameter may have, as the description gives one."""
    known = [shape.default, *shape.enum, shape.example]
    return next(
        (one for one in known if one is not ABSENT and isinstance(one, str | int) and len(str(one)) < 200),
        None,
    )


def _with_parent(table: Table, parents: Mapping[str, Table]) -> Table:
    """The table under its parent's, or with the parameters of its path as settings."""
    names = table.listing.path_parameters
    if not names:
        return table
    above, _, below = table.listing.path.rpartition(f"/{{{names[-1]}}}")
    parent = parents.get(above)
    if parent is None or "{" in below:
        return _with_settings(table, names)
    if any(name in parents_parameters(parents, above) for name in names[:-1]):
        raise NotAListError("it is a list within a list within a list")
    column = _parent_column(table, parent, names[-1])
    parent = replace(
        _with_settings(parent, parent.listing.path_parameters), cursor=None
    )  # all parents, each time
    return replace(_with_settings(table, names[:-1]), parent=Parent(parent, column))


def parents_parameters(parents: Mapping[str, Table], path: str) -> set[str]:
    """The parameters of a path that stand for rows of another list."""
    return {found[1] for found in PARAMETER.finditer(path) if path[: found.start()].rstrip("/") in parents}


def _with_settings(table: Table, names: Sequence[str]) -> Table:
    if len(set(names)) != len(names) or len(names) > 3:
        raise NotAListError("its address has more parameters than the secrets should give")
    settings = {}
    for name in names:
        before = table.listing.path.partition(f"/{{{name}}}")[0]
        secret = _named_after(before, name)
        settings[name] = secret if is_free(secret) and secret not in SECRETS else f"path_{secret}"
    if len(set(settings.values())) != len(settings):
        raise NotAListError("two parameters of its address have one name")
    return replace(table, settings=settings)


def _parent_column(table: Table, parent: Table, param: str) -> str:
    """What the parent's key is called in a child's row: as the row has it already, or after the parent."""
    name = _named_after(parent.listing.path, param)
    there = {squeezed(member): member for member in table.members if table.members[member].is_scalar}
    column = there.get(squeezed(name), name)
    taken = {snake(column)} & (TAKEN | ARGUMENTS | POSITIONS)
    if column == table.key.column or not (is_free(column) and is_free(snake(column))) or taken:
        raise NotAListError("its rows would have two keys of one name")
    return column


def _named_after(path: str, param: str) -> str:
    """A parameter's name, with that of the list before it where it only says `id`: post_id."""
    noun, own = singular(snake(last_word(path))), snake(param)
    return (
        f"{noun}_{own}" if squeezed(param) in ("id", "key", "uuid", "gid", "slug", "name") and noun else own
    )


def _named(tables: list[Table]) -> list[Table]:
    """Each with a name of its own: the path's last word, or more of them where that is taken."""
    taken: set[str] = set()
    named = []
    for table in tables:
        name = next(name for name in _names(table) if name not in taken)
        taken.add(name)
        named.append(replace(table, name=name))
    names = {table.listing.path: table.name for table in named}
    return [_with_parents_name(table, names) for table in named]


def _with_parents_name(table: Table, names: Mapping[str, str]) -> Table:
    if table.parent is None:
        return table
    parent = replace(table.parent.table, name=names.get(table.parent.table.listing.path, "parents"))
    return replace(table, parent=replace(table.parent, table=parent))


def _names(table: Table) -> Iterator[str]:
    segments = [segment for segment in table.listing.path.split("/") if segment]
    words = [snake(segment.removesuffix(".json")) for segment in segments if not PARAMETER.fullmatch(segment)]
    words = [word for word in words if word not in ("list", "all", "index", "")] or ["rows"]
    for count in range(1, len(words) + 1):
        *before, last = words[-count:]
        name = "_".join([*map(singular, before), last])[:60].strip("_")
        yield f"t{name}" if name[:1].isdigit() else name
    for number in range(2, 10_000):
        yield f"{words[-1][:50]}_{number}"


def change_filter(table: Table) -> str | None:
    """A filter by time of change that the table doesn't use."""
    return None if table.cursor else has_change_filter(table.listing)
