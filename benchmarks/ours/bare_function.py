"""A function that does nothing, with the libraries that a hand-made one imports: what any function costs at its start."""

from __future__ import annotations

from typing import Any

import requests

SESSION = requests.Session()


def main(_request: Any) -> dict[str, Any]:
    """Say that all is well."""
    return {"success": True}
