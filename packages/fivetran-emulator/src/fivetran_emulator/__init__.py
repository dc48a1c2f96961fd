"""Fivetran's side of a function connector, on your machine.

Importing this package costs nothing: DuckDB and rich are imported by the command alone (`fivetran-emulator[cli]`), so that
a connector's tests can stand on the light parts with whatever versions the connector pinned.
"""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"
