"""The practice source's code and that of the contract's test; quoted as the connector's."""

from __future__ import annotations

from collections.abc import Iterator

from tools.locked.creating.choices import SecretKey
from tools.locked.creating.openapi.operations import PARAMETER
from tools.locked.creating.openapi.paging import Paging
from tools.locked.creating.openapi.plan import STYLES, Plan, keeps_deleted, key_literal, literal, place
from tools.locked.creating.openapi.practice_rows import count_of, row_of
from tools.locked.creating.openapi.selection import Table

CAP = 10
"""Rows of a page of the practice source, whatever is asked for: so each list has several."""


def practice(plan: Plan) -> str:
    """The text of practice.py, before it is formatted."""
    listings = "\n".join(_listing(table) for table in _served(plan))
    one_page = ONE_PAGE if "OnePage()" in listings else ""
    names = {"Source", *plan.login.auth.practice_imports}
    names |= {name for name in STYLES.values() if f"={name}(" in listings}
    names |= {"Listed", "Page", "Request"} if one_page else set()
    constants = "\n".join(f'{one.key.upper()} = "{one.practice}"' for one in _constants(plan))
    rows = "\n".join(_rows(plan, table) for table in _served(plan))
    access = f"access={plan.login.auth.access}" if plan.login.auth.access else ""
    return "\n".join(filter(None, [
        '"""The API as its description has it, with rows made up: syncs and tests run against it, offline.\n',
        'Keep it as the real API is, quirks included; what isn\'t practised here is first met in production.\n"""\n',
        f"from __future__ import annotations\n\nfrom fivetran_emulator.practice import {', '.join(sorted(names))}\n",
        constants, rows, one_page,
        f"source = Source({access})\nsource.cap = {CAP}  # rows of a page, whatever is asked for", listings,
        "\nsecrets = {", *_practice_secrets(plan), "}",
    ]))  # fmt: skip


ONE_PAGE = '''

class OnePage:
    """Every row at once, whatever the request asks for."""

    def page(self, listed: Listed, request: Request) -> Page:
        """All of them."""
        return Page(listed.rows)

'''
"""The page style of a list that comes in one answer, which the kit leaves to practice.py."""


def _served(plan: Plan) -> list[Table]:
    """The tables with the parents that are asked for them."""
    parents = [table.parent.table for table in plan.tables if table.parent]
    found = {table.listing.path: table for table in (*parents, *plan.tables)}
    return [found[path] for path in {table.listing.path: None for table in (*parents, *plan.tables)}]


def _constants(plan: Plan) -> list[SecretKey]:
    return [one for one in plan.login.auth.secrets if one.key != "oauth_url"]


def rows_name(table: Table) -> str:
    """The name of a table's list of rows in practice.py."""
    name = table.name.upper()
    taken = {"TOKEN", "KEY", "USER", "PASSWORD", "CLIENT_ID", "CLIENT_SECRET"}
    return f"{name}_ROWS" if name in taken or len(name) == 1 else name


def _rows(plan: Plan, table: Table) -> str:
    columns = "".join(f"{name!a}: {value}, " for name, value in row_of(plan.schemas, table).items())
    return f"{rows_name(table)} = [{{{columns}}} for number in range(1, {count_of(table, plan.tables) + 1})]"


def _listing(table: Table) -> str:
    cursor = f", cursor={table.cursor.column!a}" if table.cursor else ""
    since = f", since={table.cursor.param!a}" if table.cursor else ""
    since += f", epoch={table.cursor.epoch!a}" if table.cursor and table.cursor.epoch else ""
    rows = f"source.rows({table.name!a}, {rows_name(table)}, key={key_literal(table)}{cursor})"
    within = place(table.listing.rows) if table.listing.rows else "None"
    return f"source.listing({_practice_path(table)!a}, {rows}, pages={_served_pages(table.paging)}, within={within}{since})"


def _practice_path(table: Table) -> str:
    path = table.listing.path
    for param, secret in table.settings.items():
        path = path.replace(f"{{{param}}}", practice_value(secret))
    return PARAMETER.sub(f"<{table.parent.column}>", path) if table.parent else path


def practice_value(secret: str) -> str:
    """What a setting is in the practice source: too short to be taken for a secret that leaks, whatever it is called."""
    return f"{secret.partition('_')[0][:5]}-1"


def _served_pages(paging: Paging) -> str:
    if paging.style == "none":
        return "OnePage()"
    arguments = [f"param={paging.param!a}"] if paging.param else []
    arguments += [f"size_param={paging.size_param!a}"] if paging.size_param else []
    if paging.style == "token":
        arguments.append(f"next={place(paging.place)}")
    if paging.style == "link":
        arguments += [f"next={place(paging.place)}"] if paging.place else []
    if paging.style == "keyset":
        arguments.append(f"column={paging.column!a}")
    if paging.style == "page":
        arguments += [f"more={place(paging.place)}"] if paging.place else []
        arguments += [f"last={place(paging.last)}"] if paging.last else []
        arguments += [f"first={paging.first}"] if paging.first != 1 else []
    return f"{STYLES[paging.style]}({', '.join(arguments)})"


def _practice_secrets(plan: Plan) -> Iterator[str]:
    for secret in plan.login.auth.secrets:
        yield f'"{secret.key}": ' + (
            f'"{secret.practice}",' if secret.key == "oauth_url" else f"{secret.key.upper()},"
        )
    for name in plan.settings:
        yield f'"{name}": "{practice_value(name)}",'
    yield '"url": "{url}",'


def contract_test(plan: Plan, module: str) -> str:
    """The text of tests/test_contract.py, before it is formatted."""
    kept = {table.name: why for table in plan.tables if (why := keeps_deleted(table))}
    served = {table.name for table in _served(plan)} - {table.name for table in plan.tables}
    return "\n".join([
        "from __future__ import annotations\n\nfrom pathlib import Path\n",
        f"from {module} import main\nfrom fivetran_emulator.contract import contract_tests\n",
        "test_contract = contract_tests(main, practice=Path(__file__).parents[1] / 'practice.py',",
        f"keeps_deleted={literal(kept)}," if kept else "",
        f"leave_alone={literal(dict.fromkeys(sorted(served), 'parents of other tables'))}," if served else "", ")",
    ])  # fmt: skip
