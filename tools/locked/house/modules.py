"""The modules of a folder of sources and which imports which: read from the files, never by importing them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tools.repository.imports import Import, imports_of, loaded_imports_of
from tools.repository.model import Repository, python_files

Edges = Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class Modules:
    """Modules by dotted name (`fivetran_runtime.http.client`), and the file of each."""

    files: Mapping[str, Path]

    def imports(self) -> Edges:
        """What each imports of the others, wherever the import stands."""
        return self._imports

    def loaded_imports(self) -> Edges:
        """What of the others has to be loaded before each: none from inside a function or under TYPE_CHECKING."""
        return self._edges(loaded=True)

    @cached_property
    def _imports(self) -> Edges:
        """Kept, since each of twenty pictures asks for it."""
        return self._edges(loaded=False)

    def _edges(self, *, loaded: bool) -> Edges:
        find = loaded_imports_of if loaded else imports_of
        return {
            name: frozenset(target for one in find(path) for target in self._targets(one)) - {name}
            for name, path in self.files.items()
        }

    def _targets(self, one: Import) -> Iterator[str]:
        """The modules an import reaches: `from a import b` is a's or, where b is a module, b's."""
        inner = [name for name in (f"{one.module}.{taken}" for taken in one.names) if name in self.files]
        yield from inner
        if one.module in self.files and len(inner) < max(len(one.names), 1):
            yield one.module


def modules_below(folder: Path, root: Path) -> Modules:
    """Those of a folder, named from `root`: the place that is on the path when they are imported."""
    return Modules({_name(path, root): path for path in python_files(folder)})


def package_modules(repository: Repository) -> Modules:
    """Those of all packages together."""
    sources = [project.path / "src" for project in repository.packages.values()]
    return Modules({name: path for src in sources for name, path in modules_below(src, src).files.items()})


def _name(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def way_back(start: str, edges: Edges) -> list[str]:
    """The shortest way from a module over its imports back to itself; empty if there is none."""
    waiting, seen = [[start]], {start}
    while waiting:
        way = waiting.pop(0)
        for following in sorted(edges.get(way[-1], ())):
            if following == start:
                return way
            if following not in seen:
                seen.add(following)
                waiting.append([*way, following])
    return []
