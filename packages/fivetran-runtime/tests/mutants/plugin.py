"""A pytest plugin that puts the fault named by the environment variable FAULT into the runtime: `-p mutants.plugin`."""

from __future__ import annotations

import os

from mutants.catalogue import MUTANTS

MUTANTS[os.environ["FAULT"]].apply()
