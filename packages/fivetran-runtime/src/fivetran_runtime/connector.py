"""A connector: its configuration, its tables, its check, and the function that Google calls.

`app.handler` is a plain function because functions-framework refuses bound methods and callable objects.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

from fivetran_runtime._arguments import kind_of, takes
from fivetran_runtime._sync.row_encoder import table_problems
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
        _require_right(name, version, config, client, replaces_state)
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
        """Declare the decorated generator function as a table.

        Args:
            name: the table's name in the destination; by default the function's.
            options: `Table`'s arguments, by name; `key` is required.

        Raises:
            DeclarationError: the declaration does not fit the function, or the name is taken.
        """

        def declare(read: AnyRead) -> AnyRead:
            _require_options(name or read.__name__, options)
            table = Table(name or read.__name__, read, **options)
            require_usable_names([*self._tables, table])
            self._tables.append(table)
            return read

        return declare

    def tables(self, discover: Discover) -> Discover:
        """Declare the decorated function as the source of tables known only at run time.

        It gets the client and gives `Table`s; it is called once per invocation, so it should be cheap, and must
        give the same tables while a sync runs.

        Args:
            discover: the decorated function.

        Raises:
            DeclarationError: there is one already; it takes something else than the client; or it is asynchronous.
        """
        if self._discover is not None:
            message = (
                f"{_name_of(self._discover)} and {_name_of(discover)} are both declared with app.tables."
            )
            raise DeclarationError(message, hint="Make one function of them.")
        _require_takes_client(discover, _TABLES)
        self._discover = discover
        return discover

    def check(self, function: Check) -> Check:
        """Declare the decorated function as the setup test.

        It gets the client, asks the source something cheap that needs the credentials, and raises when the answer
        is not right. It reads no rows. Returning False fails it, too.

        Args:
            function: the decorated function.

        Raises:
            DeclarationError: it is a generator or asynchronous: calling it would run nothing of it, and pass.
        """
        _require_takes_client(function, _CHECK)
        _require_runs(function, _CHECK)
        self._check = function
        return function

    def before(self, function: Check) -> Check:
        """Declare the decorated function as the guard: it runs once in each call, before any table is read.

        It gets the client and raises when the source is not as it should be, for instance where a wrong key is answered with
        status 200 and the public part of the data. That fails the whole call and leaves the state as it was; so does
        returning False. It runs before the setup test and before `tables` discovers any, too, and costs its requests in every
        call of a sync.

        Args:
            function: the decorated function.

        Raises:
            DeclarationError: there is one already; it takes something else than the client; or it is a generator or
                asynchronous: calling it would run nothing of it, and pass.
        """
        if self._before is not None:
            message = f"{_name_of(self._before)} and {_name_of(function)} are both declared with app.before."
            raise DeclarationError(message, hint="Make one function of them.")
        _require_takes_client(function, _BEFORE)
        _require_runs(function, _BEFORE)
        self._before = function
        return function

    @property
    def declared_tables(self) -> tuple[Table, ...]:
        """The tables that are known without asking the source, in the order of their declaration."""
        return tuple(self._tables)

    @property
    def discovers(self) -> bool:
        """Whether the source is asked for tables."""
        return self._discover is not None

    def tables_of(self, client: Any) -> list[Table]:
        """All tables, the discovered ones included.

        Args:
            client: what the discovery gets.

        Raises:
            DeclarationError: two tables or children share a name, as Fivetran writes them.
            DefectError: the discovery gave something else than tables.
        """
        tables = [*self._tables, *(_discovered(self._discover, client) if self._discover else ())]
        require_usable_names(tables)
        return tables

    def run_check(self, client: Any) -> None:
        """Run the setup test, if one is declared.

        Args:
            client: what it gets.

        Raises:
            ConfigurationError: it returned False.
            DefectError: it returned something that has still to be run.
        """
        if self._check is not None:
            _run(self._check, client, _CHECK)

    def run_before(self, client: Any) -> None:
        """Run the guard, if one is declared.

        Args:
            client: what it gets.

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


_CHECK, _BEFORE, _TABLES = "setup test", "app.before", "app.tables"


def _require_runs(function: Check, what: str) -> None:
    if any(is_kind(inspect.unwrap(function)) for is_kind in _RUN_NOTHING):
        message = f"The {what} {_name_of(function)} is a generator or asynchronous: nothing of it would run."
        raise DeclarationError(message, hint="Take yield and async out of it; it asks the source and raises.")


def _require_takes_client(function: Callable[[Any], Any], what: str) -> None:
    if not callable(function):
        raise DeclarationError(f"The {what} is {kind_of(function)}, and has to be a function of the client.")
    if not takes(function, None):
        message = f"The {what} {_name_of(function)} must take one argument, the client."
        raise DeclarationError(message, hint=f"Write def {_name_of(function)}(client).")


def _require_right(name: Any, version: Any, config: Any, client: Any, replaces_state: Any) -> None:
    """Raise DeclarationError for an argument of a connector that cannot be used."""
    problems = []
    if not (isinstance(name, str) and name):
        problems.append(f"name={name!r}: it is a text, such as 'acme'")
    if not isinstance(version, str):
        problems.append(f"version={version!r}: it is a text, such as '1.2.0'")
    if config is not None and not (isinstance(config, type) and issubclass(config, Config)):
        problems.append(f"config={config!r:.60}: it is a subclass of Config, the class itself")
    if client is not None and not takes(client, None):
        problems.append("client= is a function of the configuration")
    if isinstance(replaces_state, str) or not isinstance(replaces_state, Iterable):
        problems.append(f"replaces_state={replaces_state!r:.60}: it is a list of names")
    if problems:
        raise DeclarationError(f"Connector: {'; '.join(problems)}.")


def _require_options(name: str, options: Mapping[str, Any]) -> None:
    """Raise DeclarationError for arguments that no table has, or for none where there has to be one."""
    known = Options.__annotations__
    if unknown := [one for one in options if one not in known]:
        message = f"Table {name}: {', '.join(unknown)} is no argument of a table."
        raise DeclarationError(message, hint=f"There are: name, {', '.join(known)}.")
    if "key" not in options:
        raise DeclarationError(
            f"Table {name}: key= is missing, the column of the primary key, or a list of them."
        )


def _discovered(discover: Discover, client: Any) -> list[Table]:
    tables: Any = discover(client)
    what = f"The function {_name_of(discover)} of app.tables"
    if not isinstance(tables, Iterable) or isinstance(tables, str | Mapping):
        raise DefectError(f"{what} gave {kind_of(tables)}; it gives a list of Tables, or yields them.")
    found = list(tables)
    for one in found:
        if not isinstance(one, Table):
            raise DefectError(
                f"{what} gave {kind_of(one)} among its tables.", hint="Give Table(name, read, key=...)."
            )
    return found


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
