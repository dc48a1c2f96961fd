from __future__ import annotations

from typing import Any

import pytest

from tools.locked.ci.compiler.compiling import Compilation, compiled, idle_jobs
from tools.locked.ci.compiler.validity import problems
from tools.locked.ci.yaml_text import loaded

VALID = r"""
version: 2.1
parameters:
  everything: {type: boolean, default: false}
executors:
  gcloud:
    parameters:
      tag: {type: string, default: slim}
    docker: [{image: "google/cloud-sdk:<< parameters.tag >>"}]
    environment: {HOW: gcloud}
commands:
  install:
    parameters:
      how: {type: enum, enum: [fast, slow], default: fast}
      times: {type: integer, default: 1}
      quiet: {type: boolean, default: true}
    steps:
    - run: install << parameters.how >> << parameters.times >> << parameters.quiet >>
    - when:
        condition: << parameters.quiet >>
        steps: [{run: "be quiet"}]
    - unless:
        condition: {or: [<< parameters.quiet >>, {equal: [fast, << parameters.how >>]}]}
        steps: [{run: "be loud"}]
  compare:
    parameters:
      folder: {type: string}
    steps:
    - run: compare << parameters.folder >>
    - install
jobs:
  check:
    docker: [{image: "cimg/python:3.11.13"}]
    steps:
    - checkout
    - install: {how: slow, quiet: false}
  test:
    parameters:
      subject: {type: string}
    executor: {name: gcloud, tag: alpine}
    environment: {SUBJECT: << parameters.subject >>}
    steps:
    - compare: {folder: << parameters.subject >>}
    - run:
        name: Say
        command: |
          cat \<<EOF
          << parameters.subject >> on << pipeline.git.branch >>
          EOF
    - store_test_results: {path: results}
workflows:
  all:
    jobs:
    - check
    - test: {name: test-one, subject: one, requires: [check]}
    - test:
        name: test-<< matrix.subject >>
        matrix:
          alias: others
          parameters: {subject: [two, three, four]}
          exclude: [{subject: four}]
        requires: [check]
    - hold: {type: approval, requires: [test-one, others]}
    - check: {name: again, requires: [hold, {test-one: [success, failed]}], filters: 'pipeline.git.branch == "main"'}
""".replace('    - after:\n        steps: [{run: "the end"}]\n', "")


def of(text: str, **values: Any) -> Compilation:
    return compiled(loaded(text, "config.yml"), {f"pipeline.{key}": value for key, value in values.items()})


def test_a_valid_configuration_is_filled_in() -> None:
    r"""Parameters keep their types, executors theirs, conditions decide, a matrix multiplies, `\<<` is a `<<`."""
    assert list(problems(VALID, "config.yml")) == []
    found = of(VALID)
    assert found.started() == ["check", "test-one", "test-two", "test-three", "again"]
    hold = found.job("hold")
    assert hold is not None
    assert hold.requires == ["test-one", "test-two", "test-three"]
    check, two = found.job("check"), found.job("test-two")
    assert check is not None
    assert two is not None
    assert check.job is not None
    assert two.job is not None
    assert check.job.steps == [
        {"checkout": {}},
        {"run": {"command": "install slow 1 false"}},
        {"run": {"command": "be loud"}},
    ]
    assert two.job.host["docker"] == [{"image": "google/cloud-sdk:alpine"}]
    assert two.job.environment == {"HOW": "gcloud", "SUBJECT": "two"}
    said = two.job.steps[3]["run"]["command"]
    assert said == "cat <<EOF\ntwo on main\nEOF\n"


def test_filters_decide_by_the_branch() -> None:
    """A job whose filter doesn't hold gets no container."""
    assert "again" not in of(VALID, **{"git.branch": "mine"}).started()


FAULTS: dict[str, tuple[str, str, str]] = {
    "unknown job in a workflow": ("    - check\n", "    - check\n    - nope\n", "job nope isn't defined"),
    "requires names no job": ("subject: one, requires: [check]", "subject: one, requires: [nope]", "requires nope"),
    "requires itself": ("subject: one, requires: [check]", "subject: one, requires: [test-one]", "requires itself"),
    "requires in a circle": ("    - check\n", "    - check: {requires: [hold]}\n", "check requires itself"),
    "an unknown status": ("{test-one: [success, failed]}", "{test-one: [greenish]}", "greenish"),
    "misspelt step": ("    - checkout\n", "    - checkout\n    - ruun: {command: x}\n", "step ruun is neither"),
    "unknown command, as text": ("    - checkout\n", "    - checkout\n    - nope\n", "step nope is neither"),
    "list for text": ("folder: << parameters.subject >>", "folder: [a]", "['a'] isn't of type string"),
    "text for a boolean": ("quiet: false}", "quiet: 'no'}", "'no' isn't of type boolean"),
    "text for an integer": ("quiet: false}", "times: '3'}", "'3' isn't of type integer"),
    "none of the enum": ("how: slow", "how: slowly", "'slowly' is none of fast, slow"),
    "required parameter missing": ("    - checkout\n", "    - checkout\n    - compare\n", "parameter folder is missing"),
    "unknown parameter": ("how: slow", "howw: slow", "there is no parameter howw; how?"),
    "undeclared parameter": ("compare << parameters.folder >>", "compare << parameters.nope >>", "<< parameters.nope >> isn't"),
    "undeclared pipeline parameter": ("<< pipeline.git.branch >>", "<< pipeline.parameters.nope >>", "isn't declared"),
    "unknown pipeline value": ("<< pipeline.git.branch >>", "<< pipeline.git.brunch >>", "pipeline.git.brunch >> isn't"),
    "unknown pipeline value in a filter": ("pipeline.git.branch ==", "pipeline.git.brunch ==", "is no pipeline value"),
    "a key that stands twice": ("  gcloud:\n", "  gcloud: {docker: [{image: x}]}\n  gcloud:\n", "stands here a second time"),
    "an alias of nothing": ('steps: [{run: "be quiet"}]', "steps: *nope", "undefined alias"),
    "broken indentation": ("  gcloud:\n", "   gcloud:\n  x:\n", "not YAML"),
    "no executor": ('    docker: [{image: "cimg/python:3.11.13"}]\n', "", "CircleCI's schema refuses"),
    "undefined executor": ("name: gcloud,", "name: gclouds,", "executor gclouds isn't defined"),
    "unknown executor parameter": ("tag: alpine", "tagg: alpine", "there is no parameter tagg"),
    "no steps": ("    steps:\n    - checkout\n    - install: {how: slow, quiet: false}\n", "", "CircleCI's schema refuses"),
    "run without command": ("        command: |\n", "        comand: |\n", "CircleCI's schema refuses"),
    "no version": ("version: 2.1\n", "", "CircleCI's schema refuses"),
    "unknown key of a job": ("    executor: {", "    executer: x\n    executor: {", "CircleCI's schema refuses"),
    "imagee": ('docker: [{image: "cimg', 'docker: [{imagee: "cimg', "CircleCI's schema refuses"),
    "wrong filters": ("filters: 'pipeline.git.branch == \"main\"'", "filters: {branches: 1}", "CircleCI's schema refuses"),
    "unknown type of parameter": ("subject: {type: string}", "subject: {type: text}", "CircleCI's schema refuses"),
    "the same job twice": ("    - check\n", "    - check\n    - check\n", "two jobs are called check"),
    "the same name twice": ("name: test-one", "name: test-two", "two jobs are called test-two"),
    "parameter for a job without": ("    - check\n", "    - check: {subject: x}\n", "there is no parameter subject"),
    "job's parameter missing": ("name: test-one, subject: one,", "name: test-one,", "parameter subject is missing"),
    "here-document": (r"cat \<<EOF", "cat <<EOF", r"must be written `\<<`"),
    "undefined orb job": ("    - check\n", "    - check\n    - node/test\n", "job node/test isn't defined"),
    "undefined orb command": ("    - checkout\n", "    - checkout\n    - node/install\n", "step node/install is neither"),
    "a command that calls itself": ("    - install\njobs", "    - install\n    - compare: {folder: x}\njobs", "calls itself"),
    "default of another type": ("everything: {type: boolean, default: false}", "everything: {type: boolean, default: x}", "isn't of type boolean"),
    "a type that pipelines don't have": ("everything: {type: boolean, default: false}", "everything: {type: steps, default: []}", "'steps' is not one of"),
    "a serial group that is too long": ("subject: one, requires", "subject: one, serial-group: " + "x" * 513 + ", requires", "refuses it at workflows > all > jobs > 1 > test > serial-group"),
    "a job that nothing calls": ("jobs:\n  check:", "jobs:\n  idle:\n    docker: [{image: x}]\n    steps: [checkout]\n  check:", "job idle is in no workflow"),
    "an unknown expression": ('== "main"', 'is "main"', "isn't a comparison"),
    "an unknown operator": ("{or: [", "{xor: [", "xor"),
    "a second workflow in a set-up": ("workflows:\n", "setup: true\nworkflows:\n  more:\n    jobs: [check]\n", "exactly one workflow"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_found_alone(fault: str) -> None:
    """Each fault that CircleCI would refuse, put into a configuration that is right but for it."""
    before, after, expected = FAULTS[fault]
    broken = VALID.replace(before, after, 1)
    assert broken != VALID
    found = list(problems(broken, "config.yml"))
    assert any(expected in problem for problem in found), found


def test_more_than_eight_megabytes_are_refused() -> None:
    """The limit is on what is compiled, where a command's text stands as often as it is called."""
    config = loaded(VALID, "config.yml")
    config["commands"]["install"]["steps"].append({"run": "#" * 2_000_000 + "\nx"})
    assert any("and CircleCI takes 8" in problem for problem in compiled(config).problems)


def test_idle_jobs_are_named() -> None:
    """In a whole configuration a job that nothing calls is a mistake."""
    config = loaded(VALID, "config.yml")
    config["jobs"]["idle"] = config["jobs"]["check"]
    assert list(idle_jobs(config)) == ["job idle is in no workflow"]
