"""What authors may import is a promise: listed here, so that a change of it is seen."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import fivetran_runtime

PUBLIC = [
    "At",
    "Auth",
    "Basic",
    "Bearer",
    "Children",
    "Client",
    "ClientCredentials",
    "Config",
    "ConfigurationError",
    "Connector",
    "ConnectorError",
    "DefectError",
    "Delete",
    "ExpiredError",
    "FetchedToken",
    "Header",
    "HeaderKey",
    "Keep",
    "Keyset",
    "NextLink",
    "Offset",
    "OutgoingRequest",
    "PageNumber",
    "PageToken",
    "QueryKey",
    "RefreshToken",
    "Row",
    "Secret",
    "Skip",
    "Table",
    "TransientError",
    "warn",
]
METHODS = {
    "Auth": ["headers", "hide", "query", "renew"],
    "Client": ["csv", "get", "lines", "pages", "post", "request", "wait"],
    "Connector": [
        "before",
        "check",
        "declared_tables",
        "discovers",
        "handler",
        "run_before",
        "run_check",
        "table",
        "tables",
        "tables_of",
    ],
    "OutgoingRequest": ["host", "path", "query"],
    "Secret": ["reveal"],
}


def test_the_public_names_are_these() -> None:
    """A name that goes breaks connectors; one that comes has to be kept."""
    assert fivetran_runtime.__all__ == PUBLIC == sorted(PUBLIC)
    importable = {
        name
        for name in dir(fivetran_runtime)
        if not name.startswith("_") and not isinstance(getattr(fivetran_runtime, name), ModuleType)
    }
    assert importable - {"TYPE_CHECKING", "import_module"} == set(PUBLIC)


def test_a_star_import_brings_every_public_name() -> None:
    """Also those whose module is loaded only when one of its names is used."""
    brought: dict[str, Any] = {}
    exec("from fivetran_runtime import *", brought)  # noqa: S102 - a star is allowed only at a module's top
    assert set(PUBLIC) <= brought.keys()


def test_an_unknown_name_is_an_error_that_names_it() -> None:
    """As of every module."""
    with pytest.raises(AttributeError, match="'fivetran_runtime' has no attribute 'Pages'"):
        _ = fivetran_runtime.Pages


def test_a_connector_loads_only_the_paginators_it_uses() -> None:
    """A function starts sooner for each module that it does not need."""
    code = (
        "import sys; from fivetran_runtime import Connector, Keyset; print(*sorted(sys.modules), sep=chr(10))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "fivetran_runtime.http.keysets" in loaded
    assert not {f"fivetran_runtime.http.{name}" for name in ("oauth", "offsets", "tokens")} & {*loaded}


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_documented(name: str) -> None:
    """In its own words, not its parent's, and not a generated signature."""
    public = getattr(fivetran_runtime, name)
    text = (vars(public).get("__doc__") if isinstance(public, type) else public.__doc__) or ""
    assert len(text) >= 20
    assert not text.startswith(f"{name}(")


@pytest.mark.parametrize("name", METHODS)
def test_public_methods_are_these_and_documented(name: str) -> None:
    """The methods authors call."""
    public = getattr(fivetran_runtime, name)
    members = {name: value for name, value in vars(public).items() if not name.startswith("_")}
    methods = {
        name: value for name, value in members.items() if callable(value) or isinstance(value, property)
    }
    assert sorted(methods) == METHODS[name]
    for method in methods.values():
        assert inspect.getdoc(method)


def test_the_package_is_typed_and_versioned() -> None:
    """A connector's mypy sees the types; its log sees the version."""
    assert Path(inspect.getfile(fivetran_runtime)).with_name("py.typed").is_file()
    assert fivetran_runtime.__version__.count(".") == 2


def callables() -> Iterator[tuple[str, Any]]:
    """Each public class, function and method of authors: its name, and what is called."""
    for name in PUBLIC:
        thing = getattr(fivetran_runtime, name)
        # Errors are raised by the runtime, and a Config is made by it, of the secrets.
        if not isinstance(thing, type) or not issubclass(thing, BaseException | fivetran_runtime.Config):
            yield name, thing
    for name, methods in METHODS.items():
        for method in methods:
            if inspect.isfunction(found := getattr(getattr(fivetran_runtime, name), method)):
                yield f"{name}.{method}", found


def explained(text: str) -> set[str]:
    """The arguments that a docstring explains: in a section, or in a sentence, between backticks."""
    listed = re.findall(r"^ *(\w+(?:, \w+)*): \S", text, re.MULTILINE)
    return {name for names in listed for name in names.split(", ")} | set(re.findall(r"`(\w+)=?`", text))


@pytest.mark.parametrize("called", [pytest.param(found, id=name) for name, found in callables()])
def test_every_argument_is_explained(called: Any) -> None:
    """Whoever reads the API page knows what each one is, what it can be, and what it is where it is left out."""
    arguments = {*inspect.signature(called).parameters} - {"self"}
    assert arguments - explained(inspect.getdoc(called) or "") == set()
