"""CircleCI's configuration as text and back: dumped so that a person reads it from top to bottom, loaded strictly.

PyYAML keeps the last of two equal keys without a word; a job that vanishes so would be green. CircleCI refuses them.
"""

from __future__ import annotations

from typing import Any

import yaml

from tools.repository.errors import RepositoryError


class _Loader(yaml.CSafeLoader):
    """PyYAML's safe loader, but two equal keys are an error."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """The mapping; raises for a key that stands twice."""
        seen = set()
        for key_node, _ in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else str(key_node)
            if key in seen and key != "<<":
                raise yaml.constructor.ConstructorError(
                    problem=f"`{key}` stands here a second time", problem_mark=key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


class _Dumper(yaml.CSafeDumper):
    """Dumps scripts as blocks, and repeats what is repeated instead of naming it `&id001`."""

    def ignore_aliases(self, data: Any) -> bool:
        """Always: a reader shouldn't have to jump about."""
        return True


def _text(dumper: yaml.CSafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def dumped(data: Any) -> str:
    """The data as YAML, in its own order."""
    return str(yaml.dump(data, Dumper=_Dumper, sort_keys=False, width=1000, allow_unicode=True))


def loaded(text: str, where: str) -> dict[str, Any]:
    """The configuration in `text`. RepositoryError, with `where` and the line, for what isn't YAML or isn't a mapping."""
    try:
        data = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader, made stricter
    except yaml.YAMLError as error:
        raise RepositoryError(f"{where}: not YAML as CircleCI reads it: {error}") from error
    if not isinstance(data, dict):
        raise RepositoryError(f"{where}: a mapping is expected, not {type(data).__name__}")
    return data
