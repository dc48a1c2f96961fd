"""How long Google supports a Python runtime: https://cloud.google.com/functions/docs/runtime-support.

Fixes end when Python's own do; half a year later nothing can be deployed on it any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Support:
    """The days on which a runtime's fixes end and its decommissioning begins."""

    fixes_end: date
    deploys_end: date

    def shown(self, today: date) -> str:
        """For people, louder the nearer it is."""
        if today >= self.deploys_end:
            return f"DECOMMISSIONED since {self.deploys_end}: Google takes no deploys"
        if today >= self.fixes_end:
            return f"DEPRECATED since {self.fixes_end}, no deploys from {self.deploys_end}"
        return f"supported until {self.fixes_end}"


SUPPORT = {
    "python310": Support(date(2026, 10, 4), date(2027, 4, 4)),
    "python311": Support(date(2027, 10, 24), date(2028, 4, 24)),
    "python312": Support(date(2028, 10, 2), date(2029, 4, 2)),
    "python313": Support(date(2029, 10, 10), date(2030, 4, 10)),
    "python314": Support(date(2030, 10, 10), date(2031, 4, 10)),
}
"""Where sources disagree about the day deploys end, the earlier one."""
