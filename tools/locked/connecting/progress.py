"""What a run has done at Fivetran, for when it ends early: it never says "nothing" while a request has no answer."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Progress:
    """`done` is what Fivetran has answered to; `sent` is what it hasn't yet, to follow "whether", empty without any."""

    done: list[str] = field(default_factory=list)
    sent: str = ""

    def sends(self, what: str) -> None:
        """Before a request that changes something."""
        self.sent = what

    def answered(self, *done: str) -> None:
        """It has been carried out; `done` says what to people. Without any: nothing was done."""
        self.sent = ""
        self.done += done

    def __str__(self) -> str:
        known = [f"done so far: {', '.join(self.done)}"] if self.done else []
        if self.sent:
            return "; ".join(
                [*known, f"whether {self.sent} isn't known; the same command looks, and goes on from there"]
            )
        return "; ".join([*known, "the same command goes on from there"]) if known else "nothing was changed"
