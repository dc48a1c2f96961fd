"""The options of a group of deploy.yaml: what each means, and what Google takes, per generation.

The reader and the schema for editors are both made from this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tools.locked.declared import fivetran_rules, google_rules
from tools.locked.declared.environments import GROUP, NAME_OF_ONE, SERVICE_ACCOUNT
from tools.locked.declared.value_rules import OneOf, Rule, Text, Whole
from tools.repository.limits import DEFAULT_RUNTIME, MAX_MEMORY, MAX_TIMEOUT, MEMORY_STEPS, RUNTIMES
from tools.repository.names import LONGEST, NAME

HOSTS = ("function", "connector_sdk")
DEFAULT_HOST = "function"

SCHEDULES = ("fivetran", "airflow")
DEFAULT_SCHEDULE = "fivetran"

GENERATIONS = (1, 2)
DEFAULT_GENERATION = 1

DEFAULT_PYTHON = "3.13"
"""Of the Connector SDK. Always sent, for Fivetran's own default changes."""

DEFAULT_TIMEOUT = 540
"""Seconds: all that the first generation grants; a function that needs less isn't billed for more."""

DEFAULT_MEMORY = 1024
"""MB: answers of 10 MB are built in memory, and with memory comes the processor's share."""

MAX_FUNCTION = 63
"""Characters of a function's name."""

KEY = Text(
    NAME.pattern, "lower-case letters and digits in words joined by single hyphens, at most 63", MAX_FUNCTION
)

CONNECTOR = Text(NAME.pattern, "the name of a folder of connectors/", LONGEST)

VARIABLE = Text(
    google_rules.VARIABLE, "letters, digits and underscores, starting with a letter or an underscore"
)
# Otherwise gcloud, which reads variables from YAML, would refuse or change it.
VARIABLE_VALUE = Text(
    "[^\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u2028\\u2029\\ufffe\\uffff]*",
    "text (without control characters but tabs and line breaks)",
)


@dataclass(frozen=True)
class Option:
    """An option's meaning in one line, and its rule by generation."""

    meaning: str
    rules: Mapping[int, Rule]

    @property
    def is_the_same(self) -> bool:
        """Whether both generations have one rule."""
        return self.rules[1] == self.rules[2]


def _both(rule: Rule) -> Mapping[int, Rule]:
    return dict.fromkeys(GENERATIONS, rule)


OPTIONS: Mapping[str, Option] = {
    "connector": Option("A folder of connectors/.", _both(CONNECTOR)),
    "environment": Option(
        "An environment of the root pyproject.toml: project, region, CircleCI context.", _both(NAME_OF_ONE)
    ),
    "name": Option(
        "The function's name at Google, where it isn't the group's: one name in two projects needs two groups.",
        {
            1: Text(google_rules.FUNCTION_NAME[1], "letters, digits, hyphens and underscores, at most 63, in generation 1"),
            2: Text(google_rules.FUNCTION_NAME[2], "lower-case letters, digits and hyphens, at most 63, in generation 2"),
        },
    ),
    "generation": Option("Of Cloud Functions: 1 unless given.", _both(OneOf(GENERATIONS))),
    "runtime": Option(
        f"Google's Python; {DEFAULT_RUNTIME[1]} in generation 1 and {DEFAULT_RUNTIME[2]} in generation 2 unless given.",
        {which: OneOf(RUNTIMES[which], f"a Python of generation {which}") for which in GENERATIONS},
    ),
    "memory": Option(
        f"MB; {DEFAULT_MEMORY} unless given.",
        {1: OneOf(MEMORY_STEPS, "MB of generation 1"), 2: Whole(MEMORY_STEPS[0], MAX_MEMORY[2], "whole MB")},
    ),
    "timeout": Option(
        f"Seconds that one invocation may take; {DEFAULT_TIMEOUT} unless given.",
        {which: Whole(1, MAX_TIMEOUT[which], f"whole seconds of generation {which}") for which in GENERATIONS},
    ),
    "region": Option(
        "Another region than the environment's.",
        {which: OneOf(google_rules.REGIONS[which], f"a region of generation {which}") for which in GENERATIONS},
    ),
    "max_instances": Option(
        "How many may run at once; 1 unless given, which is enough for one connection.",
        _both(Whole(1, google_rules.MAX_INSTANCES)),
    ),
    "service_account": Option(
        "Who the function runs as, where it isn't the environment's.", _both(SERVICE_ACCOUNT)
    ),
    "host": Option(
        "Where the connector runs: `function`, Google's, unless given; `connector_sdk` is Fivetran itself.",
        _both(OneOf(HOSTS)),
    ),
    "python_version": Option(
        f"Fivetran's Python, with `host: connector_sdk`; '{DEFAULT_PYTHON}' unless given.",
        _both(OneOf(fivetran_rules.PYTHONS, "a Python of the Connector SDK")),
    ),
    "group": Option("The destination: the id of a group at Fivetran, where it isn't the environment's.", _both(GROUP)),
    "schema": Option(
        "The destination schema, a dataset in BigQuery; the connector's name with `_export` unless given.",
        _both(
            Text(
                fivetran_rules.SCHEMA,
                "the name of a schema: lower-case letters, digits and underscores, not starting with a digit",
                google_rules.MAX_DATASET,
            )
        ),
    ),
    "schedule": Option(
        "Who starts syncs: `fivetran` unless given; `airflow` leaves the connection manual, and paused until its first run.",
        _both(OneOf(SCHEDULES)),
    ),
}  # fmt: skip
"""All options but `env`, which holds names with values: VARIABLE, VARIABLE_VALUE and RESERVED say which."""

ONLY_OF_FUNCTIONS = (
    "name", "generation", "runtime", "memory", "timeout", "region", "max_instances", "service_account", "env",
)  # fmt: skip
"""What means nothing at Fivetran, which grants every connector the same: 1 GB of memory and no environment variables."""

ONLY_OF_SDK = ("python_version",)

FORMER = {"dataset": "schema"}
"""What an option was called before."""

ENV = "env"
ENV_MEANING = "More environment variables, in text. No secrets: those are the connection's, at Fivetran."
RESERVED = "|".join(google_rules.RESERVED_VARIABLES)
KEYS = (*OPTIONS, ENV)
REQUIRED = ("connector", "environment")
