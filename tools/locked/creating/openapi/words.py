"""Names and texts of a description, made fit for Python, SQL and Markdown."""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata

from tools.locked.house.words import word_problems

MAX_NAME = 60

TAKEN = {
    "app", "main", "connect", "segment", "under", "source", "secrets", "timedelta", "datetime", "date", "quote",
    "dataclass", "row", "rows", "listed", "since", "paginator", "url",
}  # fmt: skip
"""Names that a made connector uses for itself."""


def snake(name: str) -> str:
    """A name as a column or a function is written: `userGroups 2` -> user_groups_2; empty where nothing is left."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    divided = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", plain)
    return re.sub(r"[^a-z0-9]+", "_", divided.lower()).strip("_")[:MAX_NAME].strip("_")


def squeezed(name: str) -> str:
    """A name without case and punctuation, to compare by: `page[size]` and `PageSize` are pagesize."""
    return re.sub(r"[^a-z0-9]+", "", name.lower())


def singular(name: str) -> str:
    """One of what a name means: categories -> category. English, and no more than the usual endings."""
    for ending, instead in (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("ches", "ch"), ("shes", "sh")):
        if name.endswith(ending) and len(name) > len(ending) + 1:
            return name.removesuffix(ending) + instead
    is_plural = name.endswith("s") and not name.endswith(("ss", "us", "is"))
    return name[:-1] if is_plural and len(name) > 2 else name


def identifier(name: str) -> str:
    """A name that a function can have: no keyword, no builtin, nothing that the connector calls something else."""
    clashes = (
        keyword.iskeyword(name) or keyword.issoftkeyword(name) or hasattr(builtins, name) or name in TAKEN
    )
    if not name or name[0].isdigit() or name.startswith("test"):
        return f"table_{name}" if name else "table"  # a function called test_... is one of pytest's
    return f"{name}_" if clashes else name


def is_free(name: str) -> bool:
    """Whether a parameter or an attribute can be called so."""
    return name.isascii() and name.isidentifier() and not keyword.iskeyword(name)


def one_line(words: str, length: int = 120) -> str:
    """A text on one line, without control characters or such that change the direction of reading."""
    clean = "".join(letter if letter.isprintable() else " " for letter in words[: length * 20])
    short = " ".join(clean.split())
    return short if len(short) <= length else f"{short[: length - 1].rstrip()}…"


def has_plain_words(words: str) -> bool:
    """Whether the repository's own lint has nothing against a text."""
    return not list(word_problems(words, ""))


def markdown(words: str, length: int = 120) -> str:
    """A text that Markdown shows as it is: no link, no HTML, no other cell of a table."""
    return re.sub(r"([\\`*_{}\[\]<>()#|~&!])", r"\\\1", one_line(words, length))


def code(words: str) -> str:
    """A text as code in Markdown, in a table's cell, too."""
    return "`" + one_line(words, 120).replace("`", "'").replace("|", "¦") + "`"
