"""What Fivetran takes as a group's id, a schema's name and a Python; its REST API refuses anything else.

Patterns match a whole value, and mean the same in Python and in a JSON schema's JavaScript.
"""

from __future__ import annotations

GROUP = "[A-Za-z0-9][A-Za-z0-9_-]*"
"""Such as `decent_dropsy`: https://fivetran.com/docs/rest-api/api-reference/groups. Fivetran publishes no rule."""

MAX_GROUP = 64

SCHEMA = "[a-z_][a-z0-9_]*"
"""A connection's schema, for ever; the same rule for both hosts (https://fivetran.com/docs/connector-sdk/setup-guide)."""

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
"""Oldest first: https://fivetran.com/docs/connector-sdk/technical-reference. Older than 3.11 the runtime package doesn't go."""
