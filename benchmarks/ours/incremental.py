"""A whole sync of the connector with a cursor; into a warehouse of an earlier sync, it brings what has changed."""

from __future__ import annotations

import sys

from benchmarks.arguments import task
from benchmarks.ours.sync import CONNECTOR, sync

if __name__ == "__main__":
    sys.exit(sync(task(), CONNECTOR.with_name("incremental_connector.py")))
