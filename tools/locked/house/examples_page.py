"""docs/examples.md: the examples in a table, each with its sentence and its number of lines, made from their sources."""

from __future__ import annotations

from collections.abc import Iterator

from tools.repository import generated
from tools.repository.errors import Problem, StaleError, at, run_as_command
from tools.repository.examples import EXAMPLES, MAX_LINES, Example, examples_of
from tools.repository.generated import write_or_check
from tools.repository.model import Repository

PAGE = "docs/examples.md"
COMMAND = "nox -s update"
HEAD = f"""\
<!-- Made by `{COMMAND}` from the folders of examples/: edit those. -->

# Examples

A connector for each kind of source, as short as an author writes it: at most {MAX_LINES} lines, without blank ones, comments and
docstrings. Each folder of [examples/](../{EXAMPLES}) has the connector, a practice source that is like the real one, and tests of what
[the contract](contract.md) cannot know. All of them keep the whole contract:

    nox -s examples                       # all of them, with a table of what held
    nox -s examples -- token_on_last_page # one

| the source | lines |
|---|---|
"""


def rendered(repository: Repository) -> str:
    """The page as it has to be."""
    return HEAD + "".join(_row(example) for example in examples_of(repository.root))


def _row(example: Example) -> str:
    sentence = example.sentence.replace("|", "\\|")
    return (
        f"| [{example.name}](../{EXAMPLES}/{example.name}/connector.py): {sentence} | {example.own_lines} |\n"
    )


def stale(repository: Repository) -> StaleError | None:
    """That the committed page doesn't say what the examples say; None if it does."""
    return generated.stale(repository, PAGE, rendered, COMMAND)


def problems(repository: Repository) -> Iterator[Problem]:
    """A page that isn't current, an example that is too long, one without a practice source."""
    if stale(repository):
        yield Problem(PAGE, "it isn't current", f"run `{COMMAND}`")
    for example in examples_of(repository.root):
        where = at(example.connector, repository.root)
        if example.own_lines > MAX_LINES:
            yield Problem(
                where, f"it has {example.own_lines} lines; {MAX_LINES} is the most an example may have"
            )
        if not (example.path / "practice.py").is_file():
            yield Problem(at(example.path, repository.root), "there is no practice.py")


def main(arguments: list[str]) -> int:
    """Write the page, or with --check say whether it is current."""
    return write_or_check(
        arguments, module="tools.locked.house.examples_page", file=PAGE, text=rendered, problem=stale
    )


if __name__ == "__main__":
    run_as_command(main)
