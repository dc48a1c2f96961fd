"""Run histories with the fault named by the environment variable FAULT until one finds it; 1 if one does, 0 if none."""

from __future__ import annotations

import os
import sys

from histories.history import outcome

from mutants.catalogue import MUTANTS

MAX_SEEDS = 600


def main() -> int:
    """Print the seed that finds the fault."""
    MUTANTS[os.environ["FAULT"]].apply()
    for seed in range(1, MAX_SEEDS + 1):
        if wrong := outcome(seed).wrong:
            print(f"seed {seed}: {wrong}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
