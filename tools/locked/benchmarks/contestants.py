"""Who takes part: the module that is run, the environments it needs, and what it is in a sentence."""

from __future__ import annotations

from dataclasses import dataclass

from tools.environments.virtual_environments import (
    VirtualEnvironment,
    benchmark_environments,
    project_environment,
)
from tools.repository.model import Repository

CEILINGS = ("limit-raw", "limit-parallel")
"""The single processes of which the faster one is the ceiling."""
OURS = "ours"
INCREMENTAL = "ours-incremental"
EMULATOR, RUNTIME = "fivetran-emulator", "fivetran-runtime"


@dataclass(frozen=True)
class Contestant:
    """One of them: run by the first environment's Python, and given those of the others; `shown` are distributions' names."""

    name: str
    module: str
    environments: tuple[str, ...]
    shown: tuple[str, ...]
    what: str


CONTESTANTS = {
    one.name: one
    for one in (
        Contestant(
            "limit-raw", "ceiling.limit_raw", ("benchmark-ceiling",), ("duckdb", "msgspec"),
            "one connection, the next pages asked for ahead; rows stay bytes that DuckDB reads; merged by key",
        ),
        Contestant(
            "limit-parallel", "ceiling.limit_parallel", ("benchmark-ceiling",), ("duckdb", "msgspec"),
            "the same over four connections, by offset",
        ),
        Contestant(
            OURS, "ours.sync", (EMULATOR, RUNTIME),
            ("fivetran-emulator", "fivetran-runtime", "functions-framework", "requests", "msgspec", "duckdb"),
            "a connector under the functions-framework, Google's default limits, synced by `fivetran-emulator sync`",
        ),
        Contestant(
            "hand-made", "hand_made.smart", ("benchmark-hand-made", "benchmark-hand-made"),
            ("functions-framework", "requests", "orjson", "pyarrow", "duckdb"),
            "a function written for speed (ten pages a call, orjson, no retries, no checks) and an Arrow loader",
        ),
        Contestant(
            "one-process", "hand_made.one_process", ("benchmark-hand-made",),
            ("requests", "orjson", "pyarrow", "duckdb"),
            "no function: one process that reads pages as dicts and loads them through Arrow, one after the other",
        ),
        Contestant(
            "dlt-arrow", "dlt.arrow", ("benchmark-dlt",), ("dlt", "pyarrow", "duckdb"),
            "dlt, pages handed over as Arrow tables, which it does not normalize row by row",
        ),
        Contestant(
            "dlt-tuned", "dlt.rest_api", ("benchmark-dlt",), ("dlt", "pyarrow", "duckdb"),
            "dlt's rest_api source into DuckDB: nothing unnested, Parquet, large buffers, two workers",
        ),
        Contestant(
            "singer", "singer.pipe", ("benchmark-singer",), ("singer-sdk", "target-duckdb", "duckdb"),
            "a tap of the Singer SDK piped into target-duckdb, with the newest DuckDB on which that target loses no row",
        ),
        Contestant(
            "airbyte-cdk", "airbyte.read", ("benchmark-airbyte",), ("airbyte-cdk", "pyarrow", "duckdb"),
            "Airbyte's CDK, a declarative source; its records go into the hand-made Arrow loader, not Airbyte's",
        ),
        Contestant(
            INCREMENTAL, "ours.incremental", (EMULATOR, RUNTIME), ("fivetran-emulator", "fivetran-runtime"),
            "ours with a cursor, in its second sync",
        ),
    )
}  # fmt: skip


def environments(repository: Repository) -> dict[str, VirtualEnvironment]:
    """Every environment a contestant may need, by name; none is made yet."""
    own = {name: project_environment(repository, repository.project(name)) for name in (EMULATOR, RUNTIME)}
    return {**own, **benchmark_environments(repository)}
