"""The words that this project doesn't use, and what it says instead: the last part of `nox -s lint`.

The English of a good manual: short, current, technical. A word is looked for in names, messages, comments and pages
alike; `_`, digits and a capital letter in a name end one.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tools.repository.errors import Problem, run_as_command

INSTEAD = {
    "told": "say what is shown, reported, logged or passed, and by whom",
    "heed|heeds|heeded": "respect, follow",
    "mend|mends|mended|mending": "fix, repair",
    "further": "more, extra, later, other",
    "(?:is|are|was|were|be|has|have|had|really)[ _]gone": "deleted, removed, no longer there",
    "living": "existing, current, changing",
    "newcomer": "say what goes wrong without the line",
    "nameless": "unnamed, without a name",
    "wish|wishes|wished": "options, a request",
    "watcher": "name what it watches for",
    "anew": "again, from the start",
    "in force": "active, valid",
    "ought": "should",
    "lest|hence|thence|whence|hereby|thereof|wherein|whereupon": "use a word of today",
}
NAMES = {
    "most_(?!common)": "max_",
    "refuse_": "require_, validate_, or the verb of what it does",
}
"""Beginnings of names; `most_common` is the standard library's."""

READ = {".py", ".md", ".toml", ".yaml", ".yml", ".html"}
MAY_NAME_THEM = ("tools/locked/house/words.py", "tools/tests/house/test_words.py")


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    words = [(rf"(?<![A-Za-z])(?:{word})(?![a-z])", instead) for word, instead in INSTEAD.items()]
    names = [(rf"(?<!\w)_?{name}(?=\w)", instead) for name, instead in NAMES.items()]
    return tuple((re.compile(pattern, re.IGNORECASE), instead) for pattern, instead in words + names)


def word_problems(text: str, where: str) -> Iterator[Problem]:
    """Every place of a text that holds one of the words."""
    for number, line in enumerate(text.splitlines(), start=1):
        for pattern, instead in _patterns():
            for found in pattern.finditer(line):
                yield Problem(f"{where}:{number}", f"`{found[0]}` is not plain here", f"instead: {instead}")


def texts(root: Path, paths: list[str]) -> Iterator[tuple[str, str]]:
    """The path from `root` and the text of what git tracks, or would if it was added, at these paths or anywhere."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", *paths]
    done = subprocess.run(listing, cwd=root, capture_output=True, text=True, check=False)
    for path in sorted(filter(None, done.stdout.split("\0"))):
        file = root / path
        if file.suffix in READ and path not in MAY_NAME_THEM and file.is_file():
            yield path, file.read_text("utf-8", errors="replace")


def main(arguments: list[str]) -> int:
    """Print each place at the paths given, or anywhere below here; 1 if there is one."""
    every = texts(Path.cwd(), arguments)
    found = [problem for path, text in every for problem in word_problems(text, path)]
    print("".join(f"{problem}\n" for problem in found), end="")
    return 1 if found else 0


if __name__ == "__main__":
    run_as_command(main)
