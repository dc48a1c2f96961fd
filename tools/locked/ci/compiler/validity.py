"""Everything that can be said here against a configuration: as YAML, by CircleCI's schema, and as CircleCI compiles it."""

from __future__ import annotations

from collections.abc import Iterator

from tools.locked.ci.compiler.compiling import compiled, idle_jobs
from tools.locked.ci.compiler.schema import schema_problems
from tools.locked.ci.yaml_text import loaded
from tools.repository.errors import RepositoryError


def problems(text: str, where: str, *, whole: bool = True) -> Iterator[str]:
    """What is wrong with a configuration, as sentences. One that isn't `whole` may hold jobs that nothing calls."""
    try:
        config = loaded(text, where)
    except RepositoryError as error:
        yield str(error)
        return
    wrong = list(schema_problems(config))
    yield from wrong
    if not wrong:  # a shape that the schema refuses can't be compiled
        yield from compiled(config).problems
        yield from idle_jobs(config) if whole else ()
