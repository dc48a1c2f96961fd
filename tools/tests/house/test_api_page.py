from __future__ import annotations

import pytest
from small_repository import Write

from tools.locked.checks.checks import run
from tools.locked.house.api_page import PAGE, rendered
from tools.repository.errors import RepositoryError
from tools.repository.model import Repository

RUNTIME = "packages/fivetran-runtime/src/fivetran_runtime"
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
