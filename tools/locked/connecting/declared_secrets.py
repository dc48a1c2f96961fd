"""A file of secrets beside what the connector's code declares: Fivetran takes any keys and values, and the next sync fails.

The code's declaration is the generated part of the connector's README, which CI holds to the code: so nothing has to be
installed to know it. A plain function declares nothing; of its secrets only that they are filled texts can be said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tools.local.readmes import MARKED
from tools.locked.connecting.secrets_file import Secrets
from tools.repository.errors import RepositoryError
from tools.repository.model import Repository
from tools.repository.names import nearest

ROW = re.compile(r"^\| `([^`]+)` \| (.+?) \| (required|optional|default `.*?`) \|", re.MULTILINE)
"""A key, its type and its need, as `python -m fivetran_runtime.describe` prints them."""

TEXTS = ("text", "a text that is not empty")
INSIDE = {
    "a list": (list, str),
    "an object": (dict, str),
    "a whole number": (int, str),
    "a number": (int, float, str),
}
"""By how a type's words begin: what JSON may hold for it; text is what Fivetran's form makes of any."""

JSON_WORDS = {
    dict: "an object",
    list: "a list",
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "text",
}


@dataclass(frozen=True)
class Declared:
    """What the code says of one key: its type in words, and `required`, `optional` or its default."""

    words: str
    need: str

    def problem(self, value: Any) -> str:
        """Why a value can't be the key's; empty if nothing is seen."""
        if value is None:
            return "is null: leave it out, or fill it"
        if value == "":
            return "" if self.need == "optional" else "is empty"
        kinds = self._kinds()
        if kinds and (not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds)):
            return f"must be {self.words}, and is {JSON_WORDS[type(value)]}"
        return ""

    def _kinds(self) -> tuple[type, ...]:
        """What may stand in JSON; empty where the words don't say."""
        if self.words in TEXTS:
            return (str,)
        if " or " in self.words:
            return ()
        return next((kinds for words, kinds in INSIDE.items() if self.words.startswith(words)), ())


def declared_secrets(repository: Repository, connector: str) -> Mapping[str, Declared] | None:
    """By key what the code declares, empty where it takes none in particular; None for a plain function."""
    readme = repository.connector(connector).path / "README.md"
    found = MARKED.search(readme.read_text("utf-8")) if readme.is_file() else None
    if found is None:
        return None
    section = found[0].partition("## Secrets\n")[2].partition("\n## ")[0]
    return {key: Declared(kind, need) for key, kind, need in ROW.findall(section)}


def require_declared(repository: Repository, connector: str, secrets: Secrets) -> None:
    """RepositoryError with everything that isn't as declared; no value in it."""
    declared = declared_secrets(repository, connector)
    problems = list(_compared(declared, secrets.content) if declared else _filled_texts(secrets.content))
    if problems:
        where = f"connectors/{connector}/README.md"
        way_out = (
            f"{where} lists the keys" if declared else "a plain function gets texts: write others in quotes"
        )
        lines = "\n".join(f"    {problem}" for problem in problems)
        raise RepositoryError(
            f"{secrets.file}: these can't be the secrets of {connector}, so nothing was sent:\n{lines}\n{way_out}"
        )


def _compared(declared: Mapping[str, Declared], content: Mapping[str, Any]) -> Iterator[str]:
    for key in content:
        if key not in declared:
            yield f"{key}: the connector has no such key.{nearest(key, declared)}"
    for key, one in declared.items():
        if key not in content:
            if one.need == "required":
                yield f"{key}: is missing"
        elif problem := one.problem(content[key]):
            yield f"{key}: {problem}"


def _filled_texts(content: Mapping[str, Any]) -> Iterator[str]:
    for key, value in content.items():
        if not isinstance(value, str):
            yield f"{key}: must be text, and is {JSON_WORDS.get(type(value), 'null')}"
        elif not value.strip():
            yield f"{key}: is empty"
