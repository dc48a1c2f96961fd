"""The account at Fivetran that packages are deployed to."""

from __future__ import annotations

from connected_team import description, everybodys_google, google, team

__all__ = ["description", "everybodys_google", "google", "team"]
