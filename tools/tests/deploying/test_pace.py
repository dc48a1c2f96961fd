from __future__ import annotations

from tools.locked.declared.environments import Environment
from tools.locked.deploying.stale import Pace, in_turn


def test_deploys_stay_within_googles_writes() -> None:
    """80 in 100 s and project; however quick the deploys are, and without waiting after slow ones."""
    now, starts = [0.0], []

    def sleep(seconds: float) -> None:
        now[0] += seconds

    pace = Pace(clock=lambda: now[0], sleep=sleep)
    for seconds in [1.0] * 50 + [60.0] * 3:
        pace.wait()
        starts.append(now[0])
        now[0] += seconds
    for start in starts:
        writes = 4 * sum(start <= other < start + 100 for other in starts)
        assert writes <= 80
    assert starts[-1] - starts[-2] == 60


def test_an_environment_comes_after_the_one_it_waits_for() -> None:
    """Prod after dev; a circle ends."""
    dev, prod = (
        Environment(name, name, "r", "c", after=after) for name, after in (("dev", None), ("prod", "dev"))
    )
    assert [one.name for one in in_turn({"prod": prod, "dev": dev})] == ["dev", "prod"]
    first, second = (
        Environment(name, name, "r", "c", after=after) for name, after in (("a", "b"), ("b", "a"))
    )
    assert len(in_turn({"a": first, "b": second})) == 2
