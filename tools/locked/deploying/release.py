"""What runs: a connector's version, its bundle and commit, as a function's labels and environment variables name them.

Labels are the only memory a deploy has, so that no store of bundles is needed: a commit gives the same bundle again.
Google takes lower case, digits, `-` and `_`, at most 63 characters:
https://cloud.google.com/functions/docs/configuring#labels.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

BUNDLE_DIGITS = 40
"""Of the 64 hexadecimal digits of a bundle's SHA-256: a label holds 63 characters, and 160 bits are enough."""

DIRTY = "-dirty"
"""After a commit: the tree differed from it, so no commit gives this bundle again."""

PREVIOUS = ("previous-commit", "previous-bundle")
WITHDRAWN = "withdrawn"
OPTIONAL_LABELS = (*PREVIOUS, WITHDRAWN)
"""Labels that a deploy removes where it doesn't set them."""


@dataclass(frozen=True)
class Release:
    """A connector's version, its bundle's first 40 hexadecimal digits, and the commit it was made from.

    `version` is spelt as in a label where it was read from one; compare with `same_version`.
    """

    connector: str
    version: str
    bundle: str
    commit: str

    @classmethod
    def live(cls, labels: Mapping[str, str]) -> Release | None:
        """The release that a function's labels name; None if these tools haven't deployed it."""
        names = ("connector", "version", "bundle", "commit")
        return cls(*(labels[name] for name in names)) if all(labels.get(name) for name in names) else None

    @property
    def dirty(self) -> bool:
        """Whether the tree held more than the commit."""
        return self.commit.endswith(DIRTY)

    @property
    def shown_version(self) -> str:
        """The version with dots, as people write it; from a label, its first hyphens were dots."""
        return re.sub(r"^(\d+)-(\d+)-(\d+)", r"\1.\2.\3", self.version)

    def __str__(self) -> str:
        return f"{self.shown_version} (bundle {self.bundle[:12]}, commit {self.commit[:12]})"

    def same_version(self, other: Release) -> bool:
        """Whether both are one version of the connector, whatever they hold."""
        return label(self.version) == label(other.version)

    def labels(self, *, previous: Release | None = None, withdrawn: str | None = None) -> dict[str, str]:
        """As labels; with the release before it, for `rollback`, and with the bundle that was taken back, if one was."""
        named = {
            "connector": self.connector,
            "version": self.version,
            "bundle": self.bundle,
            "commit": self.commit,
        }
        if previous is not None:
            named |= dict(zip(PREVIOUS, (previous.commit, previous.bundle), strict=True))
        if withdrawn is not None:
            named[WITHDRAWN] = withdrawn
        return {name: label(value) for name, value in named.items()}

    def variables(self) -> dict[str, str]:
        """As environment variables: the runtime names the bundle in its log and its configuration error."""
        return {"FIVETRAN_BUNDLE": self.bundle, "FIVETRAN_COMMIT": self.commit}


def label(text: str) -> str:
    """Text as a label's value may be: lower case, digits, `-` and `_`, at most 63."""
    return re.sub(r"[^a-z0-9_-]", "-", text.lower())[:63]
