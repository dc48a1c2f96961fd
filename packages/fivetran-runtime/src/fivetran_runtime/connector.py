"""A connector: its configuration, its tables, its check, and the function that Google calls.

`app.handler` is a plain function because functions-framework refuses bound methods and callable objects.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

from fivetran_runtime._arguments import kind_of
from fivetran_runtime._sync.names import table_problems
from fivetran_runtime.config import Config
from fivetran_runtime.errors import ConfigurationError, DeclarationError, DefectError
from fivetran_runtime.tables import Options, Read, Table

if TYPE_CHECKING:
    from fivetran_runtime.function.envelope import Answer, Request

AnyRead = TypeVar("AnyRead", bound=Read)
Check = Callable[[Any], object]
Discover = Callable[[Any], Iterable[Table]]


class Connector:
    """One source system, as tables.

    Args:
        name: the connector's name; it is written into the state, so it must not change.
        version: the release, for logs.
        config: the typed secrets; without it the tables get the raw secrets of the request.
        client: makes from the configuration what every table gets as its first argument; by default the
            configuration itself. Called once per invocation; must not send requests.
        replaces_state: the state keys of a hand-written predecessor; a state made of them is dropped and every
            table read from the start, with a line in the log.
    """

    def __init__(
        self,
        name: str,
        *,
        version: str = "0",
        config: type[Config] | None = None,
        client: Callable[[Any], Any] | None = None,
        replaces_state: Iterable[str] = (),
    ) -> None:
        self.name = name
        self.version = version
        self.config = config
        self.client = client or (lambda config: config)
        self.replaces_state = frozenset(replaces_state)
        self._tables: list[Table] = []
        self._discover: Discover | None = None
        self._check: Check | None = None
        self._before: Check | None = None

    def table(self, *, name: str | None = None, **options: Unpack[Options]) -> Callable[[AnyRead], AnyRead]:
        """Declare the decorated generator function as a table, named like it; see `Table` for the arguments.

        Raises:
            DeclarationError: the declaration does not fit the function, or the name is taken.
        """

        def declare(read: AnyRead) -> AnyRead:
            table = Table(name or read.__name__, read, **options)
            require_usable_names([*self._tables, table])
            self._tables.append(table)
            return read

        return declare

    def tables(self, discover: Discover) -> Discover:
        """Declare the decorated function as the source of tables known only at run time.

        It gets the client and gives `Table`s; it is called once per invocation, so it should be cheap, and must
        give the same tables while a sync runs.
        """
        self._discover = discover
        return discover

    def check(self, function: Check) -> Check:
        """Declare the decorated function as the setup test.

        It gets the client, asks the source something cheap that needs the credentials, and raises when the answer
        is not right. It reads no rows. Returning False fails it, too.

        Raises:
            DeclarationError: it is a generator or asynchronous: calling it would run nothing of it, and pass.
        """
        _require_runs(function, _CHECK)
        self._check = function
        return function

    def before(self, function: Check) -> Check:
        """Declare the decorated function as the guard: it runs once in each call, before any table is read.

        It gets the client and raises when the source is not as it should be, which fails the whole call and leaves the
        state as it was: for instance where a wrong key is answered with status 200 and the public part of the data. It
        runs before the setup test and before `tables` discovers any, too, and costs its requests in every call of a sync.
        Returning False fails the call, too.

        Raises:
            DeclarationError: there is one already; it takes something else than the client; or it is a generator or
                asynchronous: calling it would run nothing of it, and pass.
        """
        if self._before is not None:
            message = f"{_name_of(self._before)} and {_name_of(function)} are both declared with app.before."
            raise DeclarationError(message, hint="Make one function of them.")
        _require_runs(function, _BEFORE)
        _require_takes_client(function, _BEFORE)
        self._before = function
        return function

    @property
    def declared_tables(self) -> tuple[Table, ...]:
        """The tables that are known without asking the source, in the order of their declaration."""
        return tuple(self._tables)

    def tables_of(self, client: Any) -> list[Table]:
        """All tables, the discovered ones included.

        Raises:
            DeclarationError: two tables or children share a name, as Fivetran writes them.
        """
        tables = [*self._tables, *(self._discover(client) if self._discover else ())]
        require_usable_names(tables)
        return tables

    def run_check(self, client: Any) -> None:
        """Run the setup test, if one is declared.

        Raises:
            ConfigurationError: it returned False.
            DefectError: it returned something that has still to be run.
        """
        if self._check is not None:
            _run(self._check, client, _CHECK)

    def run_before(self, client: Any) -> None:
        """Run the guard, if one is declared.

        Raises:
            ConfigurationError: it returned False.
            DefectError: it returned something that has still to be run.
        """
        if self._before is not None:
            _run(self._before, client, _BEFORE)

    @property
    def handler(self) -> Callable[[Request], Answer]:
        """The function for functions-framework: `main = app.handler`."""
        from fivetran_runtime.function import handler  # noqa: PLC0415 - other hosts do without it

        def main(request: Request) -> Answer:
            return handler.answer(self, request)

        return main


_RUN_NOTHING = (inspect.isgeneratorfunction, inspect.iscoroutinefunction, inspect.isasyncgenfunction)
"""What a function is when a call of it runs nothing."""


_CHECK, _BEFORE = "setup test", "app.before"


def _require_runs(function: Check, what: str) -> None:
    if any(is_kind(inspect.unwrap(function)) for is_kind in _RUN_NOTHING):
        message = f"The {what} {_name_of(function)} is a generator or asynchronous: nothing of it would run."
        raise DeclarationError(message, hint="Take yield and async out of it; it asks the source and raises.")


def _require_takes_client(function: Check, what: str) -> None:
    try:
        inspect.signature(function).bind(object())
    except TypeError:
        message = f"The {what} {_name_of(function)} must take one argument, the client."
        raise DeclarationError(message, hint=f"Write def {_name_of(function)}(client).") from None


def _run(function: Check, client: Any, what: str) -> None:
    result = function(client)
    if result is False:
        hint = f"Check the credentials and what they may read; raising an error in the {what} says more."
        raise ConfigurationError(f"The {what} {_name_of(function)} returned False.", hint=hint)
    if isinstance(result, Iterator) or inspect.isawaitable(result):
        message = f"The {what} {_name_of(function)} returned {kind_of(result)}, of which nothing has run."
        raise DefectError(message, hint="Read what it gives, for instance with next() or list().")


def _name_of(check: Check) -> str:
    return getattr(check, "__name__", type(check).__name__)


def require_usable_names(tables: Iterable[Table]) -> None:
    """Raise DeclarationError when tables or children share a name at Fivetran, or have one that is Fivetran's."""
    if problems := list(table_problems(name for table in tables for name in table.keys)):
        raise DeclarationError(f"{'. '.join(problems)}.", hint="Give one of them name=...")
