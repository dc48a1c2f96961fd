"""The team of the tests of connecting, and a person at the terminal."""

from __future__ import annotations

from connected_team import answers, description, everybodys_google, google, team

__all__ = ["answers", "description", "everybodys_google", "google", "team"]
