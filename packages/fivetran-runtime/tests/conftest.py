from __future__ import annotations

from hypothesis import settings

# Seeds are fixed, so that a run tells the same tomorrow; --hypothesis-profile=random looks for what it has not met.
settings.register_profile("fixed", derandomize=True, database=None)
settings.register_profile("random", print_blob=True)
settings.load_profile("fixed")
