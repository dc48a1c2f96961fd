"""Makes a connector of a description: everything but its locks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from tools.locked.creating.choices import Choices
from tools.locked.creating.openapi import connector_code, practice_code, readme
from tools.locked.creating.openapi.document import Document, mapping, sequence, text
from tools.locked.creating.openapi.login import FIELD, login_of
from tools.locked.creating.openapi.operations import Listing
from tools.locked.creating.openapi.plan import Plan
from tools.locked.creating.openapi.schemas import ABSENT, Schemas
from tools.locked.creating.openapi.selection import Selection, select
from tools.locked.creating.openapi.words import has_plain_words, one_line
from tools.locked.creating.template_rendering import render
from tools.repository.names import import_name

NOT_SENT = {"accept", "content-type", "authorization", "user-agent"}
"""Headers that the client or the log-in sends."""


def make(
    document: Document, name: str, wanted: Sequence[str], folder: Path, description: str = ""
) -> Selection:
    """Make `folder`, which must not exist, a connector called `name`; what was chosen. RepositoryError as `select`.

    `description` is a person's own sentence about the source; by default the document's.
    """
    selection = select(document, wanted)
    plan = plan_of(document, name, selection)
    said = text(mapping(document.root.get("info")).get("description"))
    about = description or readme.description(plan.title, said[:2000])
    render(name, Choices(description=description or f"{plan.title}, for Fivetran."), folder)
    module = folder / "src" / import_name(name) / "__init__.py"
    written = {
        module: connector_code.connector(plan),
        folder / "practice.py": practice_code.practice(plan),
        folder / "tests" / "test_contract.py": practice_code.contract_test(plan, import_name(name)),
        folder / "README.md": readme.readme(plan, selection, about),
        folder / "CHANGELOG.md": readme.changelog((folder / "CHANGELOG.md").read_text("utf-8"), plan),
    }
    for file, words in written.items():
        file.write_text(words, "utf-8")
    return selection


def plan_of(document: Document, name: str, selection: Selection) -> Plan:
    """What the connector is made of."""
    listings = [table.listing for table in selection.tables]
    return Plan(
        name=name,
        title=_title(document, name),
        url=_url(document),
        tables=selection.tables,
        login=login_of(document, listings),
        schemas=Schemas(document),
        headers=dict(_headers(listings)),
    )


def _title(document: Document, name: str) -> str:
    """The API's name where it may stand in a docstring, else the connector's."""
    title = re.sub(r"[^A-Za-z0-9 .,&()'+/-]", "", one_line(document.title, 60)).strip(" .,'/-")
    return title if title and has_plain_words(title) else name.replace("-", " ").capitalize()


def _url(document: Document) -> str:
    """The first server's address with the defaults of its variables; empty if that is no whole address."""
    server = mapping(next(iter(sequence(document.root.get("servers"))), None))
    url = text(server.get("url"))[:300]
    for name, one in mapping(server.get("variables")).items():
        url = url.replace(f"{{{name}}}", text(mapping(one).get("default")) or f"{{{name}}}")
    try:
        parts = urlsplit(url)
        whole = (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and parts.username is None
            and parts.port != 0
        )
    except ValueError:
        return ""
    return (
        url.rstrip("/") if whole and re.fullmatch(r"[!-~]+", url) and not set(url) & set("{}<>\"'`\\") else ""
    )


def _headers(listings: Iterable[Listing]) -> Iterator[tuple[str, str]]:
    """Headers that a list needs and whose value the description gives, such as the API's version."""
    for listing in listings:
        for one in listing.parameters:
            if (
                one.place == "header"
                and one.required
                and one.name.lower() not in NOT_SENT
                and FIELD.fullmatch(one.name)
            ):
                known = [one.shape.default, *one.shape.enum, one.shape.example]
                value = next(
                    (value for value in known if value is not ABSENT and isinstance(value, str)), None
                )
                if value is not None and re.fullmatch(r"[!-~ ]{1,100}", value):
                    yield one.name, value
