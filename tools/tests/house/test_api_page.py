from __future__ import annotations

import re

import pytest
from small_repository import ROOT, Write

from tools.locked.checks.checks import run
from tools.locked.house.api_page import PRACTICE, rendered
from tools.locked.house.api_page import RUNTIME as PAGE_OF_RUNTIME
from tools.repository.errors import RepositoryError
from tools.repository.model import Repository

RUNTIME = "packages/fivetran-runtime/src/fivetran_runtime"
PAGE = PAGE_OF_RUNTIME.file
FRONT = """from fivetran_runtime.pages import Numbered

__all__ = ["Numbered"]
__version__ = "0.1.0"
"""
PAGES = '''@dataclass(frozen=True)
class Numbered:
    """Numbered pages.

    Args:
        page: the first one.
        size: rows of a page,
            at most.
    """

    page: int = 1
    _: KW_ONLY
    size: int = 100

    @property
    def last(self) -> bool:
        """Whether it is the last."""

    def following(self, rows: int, /, *, total: int | None = None) -> Numbered:
        """The next page.

        Raises:
            ValueError: there is none.
        """

    def _hidden(self) -> None:
        """Not of the public's."""
'''
TEXT = """## Numbered

    Numbered(page=1, *, size=100)

Numbered pages.

**Args**

- `page`: the first one.
- `size`: rows of a page,
  at most.

### Numbered.last

    last

Whether it is the last.

### Numbered.following

    following(rows, /, *, total=None)

The next page.

**Raises**

- `ValueError`: there is none.
"""


@pytest.fixture
def documented(small: Repository, write: Write) -> Repository:
    """One public class, and a page that says so."""
    write(f"{RUNTIME}/__init__.py", FRONT)
    write(f"{RUNTIME}/pages.py", PAGES)
    write(PAGE, rendered(small))
    return small


def found(repository: Repository) -> list[str]:
    """What the check says."""
    return [str(problem) for problem in run(Repository(repository.root), ["api"])["api"].problems]


def test_a_public_class_is_shown_with_its_arguments_and_methods(documented: Repository) -> None:
    """As an author writes them; the types stand in the text."""
    assert rendered(documented).endswith(TEXT)
    assert found(documented) == []


@pytest.mark.parametrize(
    ("word", "other"), [("The next page", "The page after"), ("size: int = 100", "size: int = 50")]
)
def test_a_page_that_no_longer_says_what_the_code_says_is_found(
    documented: Repository, write: Write, word: str, other: str
) -> None:
    """A docstring and a default are in the page as they are now."""
    write(f"{RUNTIME}/pages.py", PAGES.replace(word, other))
    assert found(documented) == [f"{PAGE}: it isn't current\n    run `nox -s update`"]


def test_a_public_function_is_shown_with_its_arguments(small: Repository, write: Write) -> None:
    """Not everything that authors import is made first."""
    write(f"{RUNTIME}/__init__.py", FRONT.replace("Numbered", "warn"))
    write(f"{RUNTIME}/pages.py", 'def warn(text: str, *, times: int = 1) -> None:\n    """Say it."""\n')
    assert rendered(small).endswith("## warn\n\n    warn(text, *, times=1)\n\nSay it.\n")


def test_a_public_name_that_is_no_class_is_an_error(documented: Repository, write: Write) -> None:
    """Nothing that is public is left out in silence."""
    write(f"{RUNTIME}/__init__.py", FRONT.replace('["Numbered"]', '["Numbered", "other"]'))
    with pytest.raises(RepositoryError, match="other is no class"):
        rendered(documented)


def test_a_field_that_is_made_for_each_is_shown_by_what_it_is(documented: Repository, write: Write) -> None:
    """Not by the call that says so; and one that has to be given has no default."""
    fields = """    token: str = field(repr=False)
    parameters: dict[str, str] = field(default_factory=dict)
    _began: float = 0
    page: int = 1
"""
    write(f"{RUNTIME}/pages.py", PAGES.replace("    page: int = 1\n", fields))
    assert "    Numbered(token, parameters=dict(), page=1, *, size=100)\n" in rendered(documented)


ARGUMENTS = re.compile(r"^#+ (?P<name>[\w.]+)\n\n    \w+\((?P<arguments>.*)\)$", re.MULTILINE)


def test_every_argument_of_the_practice_kit_is_explained() -> None:
    """In the entry of its class or function; an argument that nobody explains has to be guessed."""
    text = (ROOT / PRACTICE.file).read_text("utf-8")
    unexplained = []
    for entry in re.split(r"\n(?=#{2,3} )", text)[1:]:
        if (found := ARGUMENTS.match(entry)) is None:
            continue
        names = re.findall(r"(?:^|, )\**(\w+)(?:=(?:\([^)]*\)|'[^']*'|[^,(']|\(\))*)?", found["arguments"])
        unexplained += [
            f"{found['name']}: {name}"
            for name in names
            if not re.search(rf"\b{name}\b", entry[found.end() :])
        ]
    assert "; ".join(unexplained) == ""
