from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend
from small_repository import ROOT

from tools.locked.checks.checks import run
from tools.locked.declared import schema
from tools.locked.declared.deployment_options import KEYS, ONLY_OF_FUNCTIONS, ONLY_OF_SDK, OPTIONS, REQUIRED
from tools.locked.declared.deployments import deployments
from tools.repository.errors import RepositoryError
from tools.repository.model import Repository
from tools.repository.names import NAME


def _pattern(validator: Any, pattern: str, instance: Any, _: Any) -> Iterator[ValidationError]:
    """As JavaScript has it: `$` is the end, not what precedes a last line break."""
    if isinstance(instance, str) and not re.search(re.sub(r"\$$", r"\\Z", pattern), instance):
        yield ValidationError("doesn't match")


Validator = extend(Draft7Validator, {"pattern": _pattern})
VALIDATOR = Validator(schema.schema())

RIGHT: dict[str, list[Any]] = {
    "connector": ["acme"],
    "environment": ["dev"],
    "name": ["acme", "a", "a" * 63, "acme-2"],
    "generation": [1, 2],
    "runtime": ["python311", "python312"],
    "memory": [128, 256, 1024, 8192],
    "timeout": [1, 60, 540],
    "region": ["us-central1", "europe-west1"],
    "max_instances": [1, 2, 1000],
    "service_account": ["runner@dev-project.iam.gserviceaccount.com", "12-compute@developer.gserviceaccount.com"],
    "host": ["function", "connector_sdk"],
    "python_version": ["3.11", "3.14"],
    "group": ["decent_dropsy", "a"],
    "schema": ["acme_export", "_a", "a" * 1024],
    "schedule": ["fivetran", "airflow"],
    "env": [{}, {"A": ""}, {"_b": "x\ny", "K_SERVICES": "é"}],
}  # fmt: skip
"""Values that are right in both generations."""

DOUBTFUL: list[Any] = [
    None, True, False, 0, 1, 2, 3, 127, 129, 300, 541, 3600, 3601, 32768, 32769, 1001, -1, 1.5, 10**30, "", "1024", "1", "Acme", "A_b",
    "acme-", "-acme", "acme\n", "a" * 64, "a" * 1025, "python313", "python314", "python310", "me-west1", "mars-1", "a b", "9a", "<< x >>",
    "someone", "someone@example.com", "runner@dev.iam.gserviceaccount.com", [], [1], {"A": 1}, {"A": None}, {"a-b": "x"}, {"": "x"},
    {"PORT": "x"}, {"X_GOOGLE_": "x"}, {"FIVETRAN_A": "x"}, {"PATH2": "x"}, {"A": "\0"}, {"A": "\x7f"}, {"A": "\uffff"}, {"A": "\t😀"}, {"connector": "acme"},
]  # fmt: skip
"""Values that some option takes, in some generation, or none does."""

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=20)
VALUES = {
    key: st.one_of(st.sampled_from(right), st.sampled_from(right), st.sampled_from([*right, *DOUBTFUL]))
    for key, right in RIGHT.items()
}
GROUPS = st.one_of(
    st.fixed_dictionaries(
        {key: VALUES[key] for key in REQUIRED},
        optional={key: VALUES[key] for key in RIGHT if key not in REQUIRED},
    ),
    st.dictionaries(st.one_of(st.sampled_from(KEYS), TEXT), st.sampled_from(DOUBTFUL), max_size=4),
    st.sampled_from(DOUBTFUL),
)
DOCUMENTS = st.one_of(
    st.dictionaries(
        st.one_of(st.just("acme"), st.sampled_from(["Acme", "a" * 63, "a" * 64, "acme\n", ""]), TEXT),
        GROUPS,
        max_size=1,
    ),
    st.sampled_from(DOUBTFUL),
)


def reader_takes(repository: Repository, document: Any) -> bool:
    """Whether the reader finds nothing wrong. JSON is YAML, so the document is read as it is."""
    (repository.root / "deploy.yaml").write_text(json.dumps(document, ensure_ascii=False), "utf-8")
    try:
        deployments(repository)
    except RepositoryError:
        return False
    return True


def names_what_doesnt_exist(document: Any) -> bool:
    """Whether a connector or an environment has a good name and isn't there."""
    groups = document.values() if isinstance(document, dict) else []
    named = [(group.get(key), RIGHT[key]) for group in groups if isinstance(group, dict) for key in REQUIRED]
    return any(isinstance(name, str) and NAME.fullmatch(name) and name not in there for name, there in named)


@settings(max_examples=200)
@given(document=DOCUMENTS)
def test_schema_and_reader_agree(shared: Repository, document: Any) -> None:
    """What an editor underlines, `nox -s check` refuses, and the other way round.

    As far as a schema can say: which connectors exist, two groups that are one function and 1024.0 are beyond it.
    """
    assume(not names_what_doesnt_exist(document))
    assert VALIDATOR.is_valid(document) == reader_takes(shared, document)


@pytest.mark.parametrize("key", [*OPTIONS, "env"])
def test_a_schema_without_a_rule_would_be_found(shared: Repository, key: str) -> None:
    """The property above has the power to find a rule that one side lacks: the mutant of each option."""
    mutant = schema.schema()
    group = mutant["additionalProperties"]
    generation, _ = group["allOf"]
    for rules in (group, generation["then"], generation["else"]):
        if key in rules["properties"]:
            rules["properties"][key] = {}
    validator = Validator(mutant)
    base = {"connector": "acme", "environment": "dev"}
    if key in ONLY_OF_SDK:
        base["host"] = "connector_sdk"
    documents = ({"acme": {**base, key: value}} for value in DOUBTFUL)
    assert any(validator.is_valid(document) != reader_takes(shared, document) for document in documents)


@pytest.mark.parametrize(
    ("host", "key"),
    [*(("connector_sdk", key) for key in ONLY_OF_FUNCTIONS), *(("function", key) for key in ONLY_OF_SDK)],
)
def test_what_means_nothing_on_a_host_is_underlined_there(shared: Repository, host: str, key: str) -> None:
    """By the editor and by the reader, and for no other reason than the host."""
    other = {"function": "connector_sdk", "connector_sdk": "function"}[host]
    group = {"connector": "acme", "environment": "dev", key: RIGHT[key][0]}
    for of_host, right in ((host, False), (other, True)):
        document = {"acme": {**group, "host": of_host}}
        assert VALIDATOR.is_valid(document) is right
        assert reader_takes(shared, document) is right


def test_the_schema_is_a_schema() -> None:
    """Of the draft that it says, with a meaning for each option under an editor's cursor."""
    made = schema.schema()
    Draft7Validator.check_schema(made)
    properties = made["additionalProperties"]["properties"]
    assert list(properties) == list(KEYS)
    assert all(of_one["description"] for of_one in properties.values())


def test_the_committed_schema_is_current_and_deploy_yaml_names_it() -> None:
    """An editor finds it by the comment, and it is what the options give now."""
    assert schema.stale(Repository(ROOT)) is None
    named = re.search(
        r"^# yaml-language-server: \$schema=(\S+)$", (ROOT / "deploy.yaml").read_text("utf-8"), re.MULTILINE
    )
    assert named is not None
    assert (ROOT / named[1]).samefile(ROOT / schema.FILE)


def test_a_stale_schema_is_found_and_made_again(shared: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """By check, with the command; `update` makes it."""
    file = shared.root / schema.FILE
    file.parent.mkdir(exist_ok=True)
    file.write_text("{}", "utf-8")
    (problem,) = run(shared, ["schema"])["schema"]
    assert str(problem) == f"{schema.FILE}: it isn't current\n    run `nox -s update`"
    monkeypatch.chdir(shared.root)
    with pytest.raises(RepositoryError, match="isn't current"):
        schema.main(["--check"])
    schema.main([])
    assert list(run(shared, ["schema"])["schema"]) == []
