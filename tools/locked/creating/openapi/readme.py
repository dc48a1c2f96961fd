"""The made connector's README: what was read, what the description leaves open, and which lists are no tables yet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tools.locked.creating.openapi.operations import ONE_ROW
from tools.locked.creating.openapi.plan import Plan, keeps_deleted, settings_of
from tools.locked.creating.openapi.selection import MAX_TABLES, Selection, Table, change_filter
from tools.locked.creating.openapi.words import code, has_plain_words, markdown, squeezed
from tools.repository.names import dataset

MAX_LISTED = 400
HIDING = ("deleted", "archived", "trash", "inactive", "hidden", "draft", "all")
"""Words in a parameter's name that make one ask whether the list shows everything without it."""

MARKS = """<!-- generated from the code by `nox -s update`: do not edit up to the end mark -->
<!-- end of the generated part -->
"""


def readme(plan: Plan, selection: Selection, described: str) -> str:
    """The text of README.md; the part between its marks is written by the connector's own code."""
    return "\n".join([
        f"# {markdown(plan.title)}\n", described, "", MARKS,
        f"They land in the dataset `{dataset(plan.name)}`.\n",
        "## Questions that the description leaves open\n",
        "Each is a guess until somebody who knows the source has looked. Answer it in the code, then delete it here.\n",
        *(f"- {question}" for question in questions(plan)), "",
        *_others(selection),
        "## Syncing again from the start\n", "Re-sync the connection in Fivetran, or set its state to `{}`.\n",
        "## Working on it\n",
        f"    nox -s sync -- {plan.name}      against the rows of practice.py\n    nox -s tests -- {plan.name}\n",
    ])  # fmt: skip


def questions(plan: Plan) -> Iterator[str]:
    """What a person has to look at, the whole API first, then table by table."""
    yield from plan.login.questions
    if not plan.url:
        yield "Where is the API? The description names no whole address, so `url` has to be in the secrets."
    for name in plan.settings:
        paths = [table.name for table in plan.tables if name in settings_of(table).values()]
        yield f"`{name}` stands in the addresses of {_listed(paths)}: is one value for the whole connection right?"
    yield (
        "Does a list show rows that were deleted, and how are they marked? A marked one is `yield Delete(...)`, see "
        "docs/adding-a-connector.md."
    )
    whole = [table.name for table in plan.tables if not keeps_deleted(table)]
    if whole:
        yield (
            f"{_listed(whole)}: what two syncs in a row no longer find is deleted in the warehouse. Does each list show all "
            "rows there are, and not only recent ones?"
        )
    yield from _grouped((table.name, question) for table in plan.tables for question in _of_table(table))


def _grouped(asked: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Each question once, with all tables that it is about."""
    names: dict[str, list[str]] = {}
    for name, question in asked:
        names.setdefault(question, []).append(name)
    yield from (f"{_listed(about)}: {question}" for question, about in names.items())


def _of_table(table: Table) -> Iterator[str]:
    yield from _about_columns(table)
    yield from _about_pages(table)
    for name, value in table.query.items():
        yield f"it always asks for {code(f'{name}={value}')}: does that show every row?"
    for name in table.listing.query:
        is_hiding = any(word in squeezed(name) for word in HIDING)
        if is_hiding and name not in table.query and not (table.cursor and name == table.cursor.param):
            yield f"there is a parameter {code(name)}: which rows are left out without it?"
    if table.parent:
        yield (
            f"each row of {code(table.parent.table.name)} costs at least one request in every sync: are there few enough, "
            "and is one without any answered with an empty list? For 404 there is `Skip`."
        )


def _about_columns(table: Table) -> Iterator[str]:
    if table.key.asked:
        yield f"is {code(table.key.column)} its key? {table.key.asked[0].upper()}{table.key.asked[1:]}."
    if table.cursor:
        yield (
            f"does {code(table.cursor.param)} mean *at or after*, {table.cursor.epoch or 'in UTC'}"
            f"{' since 1970' if table.cursor.epoch else ''}, and does {code(table.cursor.column)} change with "
            "every change and is never null? Are they indexed, so that asking is quick?"
        )
        yield "deleted rows stay in the warehouse: `listing=` finds them, see docs/adding-a-connector.md."
    elif filtered := change_filter(table):
        yield f"there is a filter {code(filtered)}; the table is read whole all the same, because {_unused(table)}."


def _unused(table: Table) -> str:
    if table.paging.moves:
        return "under page numbers a row that is deleted pulls another one out of sight"
    return "no column of its rows says, in the same notation, when one changed"


def _about_pages(table: Table) -> Iterator[str]:
    paging = table.paging
    if paging.style == "none":
        yield 'the description names no paging: does one answer have every row? If so, `on_missing="delete"` finds deleted ones.'
    elif paging.guessed:
        yield f"where does the answer have the next {code(paging.param)}? The description does not say; the first sync will."
    elif paging.style == "offset":
        yield "in which order are rows listed? Only an order that does not change while it is read is safe under offsets."
    elif paging.style == "keyset":
        yield f"are rows listed so that {code(paging.param)} takes the last row's {code(paging.column)}?"
    elif paging.place:
        yield f'is {code(".".join(paging.place))} in the last page\'s answer, too? If it is left out there, say `absent="end"`.'
    if paging.style != "none" and not paging.size_param:
        yield "how large may a page be? The source's own size is taken."


def _others(selection: Selection) -> Iterator[str]:
    if selection.others:
        yield "## Lists that are no tables yet\n"
        yield f"At most {MAX_TABLES} are made unless they are named with `--tables`. In a new folder they can be made as well:\n"
        for table in selection.others[:MAX_LISTED]:
            yield f"- `{table.name}`: {code(f'GET {table.listing.path}')}"
        yield from _more(len(selection.others))
    unusable = [(path, reason) for path, reason in selection.unusable.items() if reason != ONE_ROW]
    if unusable:
        yield "## GET operations that are no tables\n"
        yield from (f"- {code(f'GET {path}')}: {markdown(reason)}" for path, reason in unusable[:MAX_LISTED])
        yield from _more(len(unusable))


def _more(count: int) -> Iterator[str]:
    if count > MAX_LISTED:
        yield f"- and {count - MAX_LISTED} more"
    yield ""


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def description(title: str, said: str) -> str:
    """A sentence of what the source is: the description's own first one, if it may stand here."""
    first = said.strip().partition("\n")[0]
    usable = first if first and has_plain_words(first) and "](" not in first and "<" not in first else ""
    return markdown(usable, 300) or f"{markdown(title)}, as its OpenAPI description has it."


def changelog(template: str, plan: Plan) -> str:
    """The template's CHANGELOG with the tables that were made."""
    head = template.partition("### Added")[0]
    listed = "".join(f"- `{table.name}`, {_read(table)}.\n" for table in plan.tables)
    return f"{head}### Added\n\n{listed}"


def _read(table: Table) -> str:
    if table.cursor:
        return f"by {code(table.cursor.column)}"
    return "all of them" if keeps_deleted(table) else "all of them; deleted ones are found"
