"""`python -m fivetran_emulator`, the same as the command; not to be confused with `fivetran_emulator.practice`."""

from __future__ import annotations

import sys

from fivetran_emulator.cli import main

if __name__ == "__main__":
    sys.exit(main())
