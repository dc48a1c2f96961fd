"""The connector's code, for tables that were chosen.

Whatever comes from the description stands there as a literal that `ascii` wrote, or as a name that was made of letters,
digits and underscores only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tools.locked.creating.openapi.columns import Cursor
from tools.locked.creating.openapi.operations import PARAMETER
from tools.locked.creating.openapi.paging import Paging
from tools.locked.creating.openapi.plan import STYLES, Plan, keeps_deleted, key_literal, literal, place
from tools.locked.creating.openapi.selection import Table
from tools.locked.creating.openapi.words import is_free

POSITIONS = {
    "page": ("page", "int", "1"),
    "offset": ("offset", "int", "0"),
    "token": ("token", "str | None", "None"),
    "link": ("link", "str | None", "None"),
    "keyset": ("after", "str | None", "None"),
    "none": ("after", "str | None", "None"),
}
"""By the style of paging, the table function's position: name, type and where it begins."""


def connector(plan: Plan) -> str:
    """The text of the connector's module, before it is formatted."""
    above = {table.parent.table.name: table.parent.table for table in plan.tables if table.parent}
    parts = [
        *(_parents(plan, table) for table in above.values()),
        *(_table(plan, table) for table in plan.tables),
    ]
    tables = "\n\n".join(parts)
    return "\n".join([*_head(plan, tables), tables, *_tail(plan)])


def _head(plan: Plan, tables: str) -> Iterator[str]:
    names = {"Client", "Config", "Connector", *plan.login.auth.imports}
    names |= {"Secret"} if any(secret.hidden for secret in plan.login.auth.secrets) else set()
    names |= {name for name in (*STYLES.values(), "At") if f"{name}(" in tables or f", {name})" in tables}
    yield f'"""{plan.title}: made from its OpenAPI description. README.md has the questions that it leaves open."""\n'
    yield "from __future__ import annotations\n"
    yield from _imports(plan, tables, names)
    yield '__version__ = "0.1.0"\n'
    yield f"URL = {plan.url!a}\n" if plan.url else ""
    yield from _secrets(plan)
    yield from _connect(plan)
    yield from _helpers(tables)


def _imports(plan: Plan, tables: str, names: set[str]) -> Iterator[str]:
    kinds = {table.cursor.kind for table in plan.tables if table.cursor} & {"date", "datetime"}
    moments = sorted(kinds | {"timedelta"}) if kinds else []
    yield f"from collections.abc import {'Callable, ' if 'under(' in tables else ''}Iterator"
    if plan.settings:
        yield "from dataclasses import dataclass"
    if moments:
        yield f"from datetime import {', '.join(moments)}"
    yield "from typing import Annotated, Any"
    if "segment(" in tables:
        yield "from urllib.parse import quote"
    yield "\nfrom msgspec import Meta\n"
    yield f"from fivetran_runtime import {', '.join(sorted(names))}\n"


def _secrets(plan: Plan) -> Iterator[str]:
    yield '\nclass Secrets(Config):\n    """What Fivetran sends as secrets."""\n'
    for secret in plan.login.auth.secrets:
        kind = "Secret" if secret.hidden else "str"
        default = f" = {plan.login.oauth_url!a}" if secret.key == "oauth_url" else ""
        if not default:
            yield f'    {secret.key}: Annotated[{kind}, Meta(description="{secret.meaning}")]'
    for name in plan.settings:
        yield f'    {name}: Annotated[str, Meta(description="Stands in the addresses of lists.")]'
    yield '    url: Annotated[str, Meta(description="Where the API is.")]' + (" = URL" if plan.url else "")
    if plan.login.oauth_url:
        yield '    oauth_url: Annotated[str, Meta(description="Where an access token is asked for.")] = ('
        yield f"        {plan.login.oauth_url!a}\n    )"


def _connect(plan: Plan) -> Iterator[str]:
    auth = f", auth={plan.login.auth.client}" if plan.login.auth.client else ""
    headers = f", headers={literal(plan.headers)}" if plan.headers else ""
    client = f"Client(secrets.url{auth}{headers})"
    if plan.settings:
        yield '\n\n@dataclass(frozen=True)\nclass Source:\n    """The API, and what of its addresses the secrets say."""\n'
        yield "    api: Client\n    secrets: Secrets"
        client = f"Source({client}, secrets)"
    kind = "Source" if plan.settings else "Client"
    yield f'\n\ndef connect(secrets: Secrets) -> {kind}:\n    """The API, as the secrets open it."""'
    yield f"    return {client}\n\n"
    yield f'app = Connector("{plan.name}", version=__version__, config=Secrets, client=connect)\n'


def _helpers(tables: str) -> Iterator[str]:
    if "segment(" in tables:
        yield '\ndef segment(value: object) -> str:\n    """A value as a part of an address."""'
        yield '    return quote(str(value), safe="")\n'
    if "under(" in tables:
        yield "\ndef under(column: str, parent: object) -> Callable[[Any], Any]:"
        yield '    """What writes the parent into each row of its list."""'
        yield "    return lambda row: {**row, column: parent}\n"


def _table(plan: Plan, table: Table) -> str:
    function = f"{table.function}(source: {'Source' if plan.settings else 'Client'}, {_parameters(table)}) -> Iterator[Any]"
    lines = [_decorator(table), f"def {function}:", f'    """`GET {table.listing.path}`."""']
    lines += [f"    {line}" for line in (_nested(plan, table) if table.parent else _flat(plan, table))]
    return "\n".join(lines) + "\n"


def _decorator(table: Table) -> str:
    name = f", name={table.name!a}" if table.function != table.name else ""
    parents = f", parents={table.parent.table.name}_keys" if table.parent else ""
    missing = "" if keeps_deleted(table) else ', on_missing="delete"'
    return f"@app.table(key={key_literal(table)}{_cursor(table)}{parents}{missing}{name})"


def _cursor(table: Table) -> str:
    if table.cursor is None:
        return ""
    kind = table.cursor.kind
    hours = {
        "datetime": "timedelta(hours=6)",
        "date": "timedelta(days=1)",
        "seconds": "21_600",
        "milliseconds": "21_600_000",
    }
    epoch = f", epoch={kind!a}" if kind in ("seconds", "milliseconds") else ""
    return f", cursor={table.cursor.column!a}, lookback={hours[kind]}{epoch}"


def _position(paging: Paging, key: str) -> tuple[str, str, str]:
    name, kind, start = POSITIONS[paging.style]
    if paging.style == "page":
        start = str(paging.first)
    if paging.style in ("none", "keyset") and key == "integer":
        kind = "int | None"
    return name, kind, start


def _parameters(table: Table) -> str:
    """The table function's parameters behind the client: the parent, the mark, and where in the list to begin."""
    given = []
    if table.parent:
        given.append(f"{table.parent.argument}: {_key_type(table.parent.table)}")
    if table.cursor:
        moment = {"datetime": "datetime", "date": "date"}.get(table.cursor.kind, "int")
        given.append(f"since: {moment} | None")
    if not (table.parent and table.paging.style == "none"):
        name, kind, start = _position(table.paging, table.key.kind)
        given.append(f"{name}: {kind} = {start}")
    return ", ".join(given)


def _key_type(table: Table) -> str:
    return "int" if table.key.kind == "integer" else "str"


def _paginator(paging: Paging, position: str) -> str:
    """The runtime's paginator at a position; without one, at the beginning."""
    name, _, _ = POSITIONS[paging.style]
    size = [f"size={paging.size}", f"size_param={paging.size_param!a}"] if paging.size_param else []
    if not size and paging.style in ("page", "offset"):
        size = ["size_param=None"]
    if not size and paging.style == "keyset":
        size = ["size=None"]
    where: list[str] = []
    if paging.style in ("token", "link"):
        where = [f"next={place(paging.place)}"] if paging.place else []
    elif paging.style == "page":
        where = [f"{kind}={place(at)}" for kind, at in (("more", paging.place), ("last", paging.last)) if at]
    elif paging.style == "keyset":
        where = [f"column={paging.column!a}"]
    overlap = ["overlap=10"] if paging.style == "offset" else []
    param = [f"param={paging.param!a}"] if paging.param else []
    at = [f"at={name!a}"] if paging.style == "token" and paging.param != name else []
    start = (
        [position]
        if position
        else [str(paging.first)]
        if paging.style == "page" and paging.first != 1
        else []
    )
    return f"{STYLES[paging.style]}({', '.join([*start, *overlap, *where, *param, *size, *at])})"


def _address(table: Table, parent: str = "") -> str:
    """The table's path; its parameters from the secrets, and the last one from `parent`."""
    path = table.listing.path
    if not PARAMETER.search(path):
        return ascii(path)
    for param, secret in table.settings.items():
        path = path.replace(f"{{{param}}}", f"{{segment(source.secrets.{secret})}}")
    last = table.listing.path_parameters[-1]
    path = path.replace(f"{{{last}}}", f"{{segment({parent})}}") if parent else path
    return f'f"{path}"'


def _arguments(query: Mapping[str, str]) -> str:
    """A query's parameters as arguments; those whose name is none of Python's in a dict."""
    named = [f"{name}={value}" for name, value in query.items() if is_free(name)]
    others = [f"{name!a}: {value}" for name, value in query.items() if not is_free(name)]
    spread = [f"**{{{', '.join(others)}}}"] if others else []
    return "".join(f", {argument}" for argument in (*named, *spread))


def _query(table: Table) -> str:
    query = {name: ascii(value) for name, value in table.query.items()}
    return _arguments({**query, table.cursor.param: _since(table.cursor)} if table.cursor else query)


def _since(cursor: Cursor) -> str:
    """What the filter by change is given: the mark, or whole seconds or milliseconds before it."""
    factor = {"": "", "seconds": "", "milliseconds": " * 1000"}[cursor.epoch]
    return f"since and int(since.timestamp(){factor})" if cursor.epoch else "since"


def _api(plan: Plan) -> str:
    return "source.api" if plan.settings else "source"


def _listed(plan: Plan, table: Table, parent: str = "") -> str:
    """The rows of a list that comes in one answer."""
    inside = "".join(f"[{name!a}]" for name in table.listing.rows)
    return f"{_api(plan)}.get({_address(table, parent)}{_query(table)}){inside}"


def _pages(plan: Plan, table: Table, paginator: str, parent: str = "", more: str = "") -> str:
    rows = f", rows={place(table.listing.rows)}" if table.listing.rows else ""
    return f"{_api(plan)}.pages({_address(table, parent)}, {paginator}{rows}{more}{_query(table)})"


def _flat(plan: Plan, table: Table) -> Iterator[str]:
    if table.paging.style != "none":
        name, _, _ = POSITIONS[table.paging.style]
        yield f"paginator = {_paginator(table.paging, name)}"
        yield f"yield from {_pages(plan, table, 'paginator')}"
        return
    key = ascii(table.key.column)
    yield f"listed = {_listed(plan, table)}"
    yield f"for row in sorted(listed, key=lambda row: row[{key}]):"
    yield f"    if after is None or row[{key}] > after:"
    yield f"        yield row\n            yield At(after=row[{key}])"


def _nested(plan: Plan, table: Table) -> Iterator[str]:
    """The list of one parent: the runtime goes from one to the next."""
    if table.parent is None:
        return
    added = f"under({table.parent.column!a}, {table.parent.argument})"
    if table.paging.style == "none":
        yield f"listed = {_listed(plan, table, table.parent.argument)}"
        yield f"yield from map({added}, listed)"
        return
    name, _, _ = POSITIONS[table.paging.style]
    yield f"paginator = {_paginator(table.paging, name)}"
    yield f"yield from {_pages(plan, table, 'paginator', table.parent.argument, f', row={added}')}"


def _parents(plan: Plan, table: Table) -> str:
    """The function that gives the keys of the rows under which other lists stand."""
    kind, key = "Source" if plan.settings else "Client", ascii(table.key.column)
    listed = (
        _listed(plan, table)
        if table.paging.style == "none"
        else _pages(plan, table, _paginator(table.paging, ""))
    )
    chosen = "" if table.paging.style == "none" else " if not isinstance(row, At)"
    return "\n".join([
        f"def {table.name}_keys(source: {kind}) -> Iterator[{_key_type(table)}]:",
        f'    """Those of `GET {table.listing.path}`."""',
        f"    listed = {listed}",
        f"    yield from (row[{key}] for row in listed{chosen})\n",
    ])  # fmt: skip


def _tail(plan: Plan) -> Iterator[str]:
    first = next((table for table in plan.tables if not table.parent), None) or plan.tables[0]
    tested = first.parent.table if first.parent else first
    query = {name: ascii(value) for name, value in tested.query.items()}
    size = {tested.paging.size_param: "1"} if tested.paging.size_param else {}
    kind = "Source" if plan.settings else "Client"
    yield f"\n@app.check\ndef can_list_{tested.name}(source: {kind}) -> None:"
    yield '    """Fivetran\'s setup test: a short list is enough to tell wrong secrets."""'
    yield f"    {_api(plan)}.get({_address(tested)}{_arguments({**query, **size})})\n\n"
    yield "main = app.handler"
