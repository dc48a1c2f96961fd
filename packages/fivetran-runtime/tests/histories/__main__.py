"""Run histories on all cores and print the seeds that fail.

python -m histories --count 10000 --seed 1
python -m histories --seed 4711 --count 1 --verbose
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
from collections import Counter

from histories.history import outcome
from histories.kinds import KINDS


def main() -> None:
    """Run histories on all cores, print the seeds that fail, and what the histories were made of."""
    parser = argparse.ArgumentParser(
        prog="histories", description="Many bad syncs, then quiet ones, against a model."
    )
    parser.add_argument("--count", type=int, default=1_000, help="how many histories (1,000)")
    parser.add_argument(
        "--seed", type=int, default=1, help="the first one's seed; the others count on from it (1)"
    )
    parser.add_argument(
        "--verbose", action="store_true", help="print what each call of a failing history answered"
    )
    options = parser.parse_args()
    failed, happened = 0, Counter[str]()
    with multiprocessing.Pool(os.cpu_count()) as pool:
        seeds = range(options.seed, options.seed + options.count)
        for one in pool.imap_unordered(outcome, seeds, chunksize=20):
            happened += one.happened
            if one.wrong:
                failed += 1
                print(f"seed {one.seed}: {one.wrong}", flush=True)
                if options.verbose:
                    print(f"{one.about}\n" + "\n".join(one.log), flush=True)
    print("\n".join(f"{happened[kind]:9,}  {kind}" for kind in KINDS))
    print(f"{options.count} histories, {failed} failed.")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
