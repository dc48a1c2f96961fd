"""From a `Connector` to the object that the SDK looks for, and one of its syncs.

A sync is a call of `update()`, in a process of its own, for as long as it takes. It is a loop of answers, each like a
function's: read on for a minute or 10 MB, send the rows, then a checkpoint with the state that the answer ended with.
A call of the SDK's that reports a checkpoint as sent is the only thing that the loop waits for.

The SDK takes for a success whatever ends `update()` otherwise than by an `Exception`, so nothing else leaves it. What an
error says becomes a task for people, traceback included: it is raised again, cleaned, from one place.

Fivetran gives a sync no id. One that goes on with a state after a kill has the open sync in it, and finished tables stay
finished. Where tables fail, the last checkpoint closes it, so that the next sync reads the others again.
"""

from __future__ import annotations

import os
import traceback
from contextlib import suppress
from importlib import import_module
from math import inf
from typing import Any

from fivetran_runtime._invocation import logs
from fivetran_runtime._invocation.budget import MB, Budget, Ends, Limits, Wording
from fivetran_runtime._invocation.context import Invocation, run_as
from fivetran_runtime._invocation.failures import as_connector_error
from fivetran_runtime._sync.loop import Leave, Progress
from fivetran_runtime._sync.session import Served, Session, efforts
from fivetran_runtime._sync.state import SyncState
from fivetran_runtime.connector import Connector
from fivetran_runtime.connector_sdk.operations import RowSender, write_log
from fivetran_runtime.connector_sdk.setup import form_of, schema_of
from fivetran_runtime.errors import DeclarationError

SYNC_ID = "connector_sdk"
"""The id of every sync, since Fivetran gives none; only an open one is in a state."""

LIMITS = Limits(answer_bytes=100 * MB, seconds=inf, memory_bytes=2**30, max_wait=3600)
"""1 GB of memory and half a processor, and no time limit that is documented.

https://github.com/fivetran/connector_sdk, all_things_ai/ai_agents/AGENTS.md. Up to an hour a source may ask to be waited for.
"""

_ANSWER_BYTES = "FIVETRAN_ANSWER_BYTES"
_ENDS = Ends(bytes=10 * MB, seconds=60)
_WORDING = Wording(
    host="the connector",
    more_time="yield At(...) more often",
    more_memory="split the connection by its tables: the Connector SDK gives 1 GB",
)


class SyncFailedError(Exception):
    """What a failed sync says to people: the runtime's own text, without a secret."""


class SdkRules:
    """A sync may be without rows for six hours; then the rest is the next one's."""

    max_empty_answers = 360

    def settle(self, progress: Progress, sync: SyncState) -> Leave | None:
        """None to go on.

        Raises:
            ConnectorError: a table that fails would never be reported.
        """
        if sync.empty < self.max_empty_answers:
            return None
        if progress.failures or sync.failed:
            raise progress.failure()
        return Leave.after_empty(progress, sync, ends=True)


def connector_of(module: str) -> Any:
    """The SDK's connector made of the `Connector` in a module, such as "connector_acme".

    Raises:
        DeclarationError: there is none, as in a plain function.
    """
    found = [value for value in vars(import_module(module)).values() if isinstance(value, Connector)]
    if not found:
        message = f"{module} has no Connector: a plain function answers Fivetran's POST, which the Connector SDK does not send."
        raise DeclarationError(
            message, hint="Declare its tables with a Connector, or deploy it as a function."
        )
    import fivetran_connector_sdk as sdk  # noqa: PLC0415 - only there where the SDK runs

    app = found[0]
    sync = SdkSync(app)
    form = None if app.config is None else form_of(app, lambda secrets: check(app, secrets))
    return sdk.Connector(
        update=sync.update, schema=lambda secrets: schema(app, secrets), configuration_form=form
    )


def invocation_of(sync_id: str | None = None) -> Invocation:
    """One answer's invocation, which ends by itself. FIVETRAN_ANSWER_BYTES makes answers smaller, for tests."""
    logs.install(write_log)
    size = os.environ.get(_ANSWER_BYTES, "")
    ends = Ends(bytes=min(int(size), 10 * MB), seconds=60) if size.isdecimal() else _ENDS
    return Invocation(Budget(LIMITS, ends, _WORDING), sync_id=sync_id)


def schema(app: Connector, secrets: dict[str, str]) -> list[dict[str, Any]]:
    """What the SDK's `schema()` gives; the source is only asked where tables are found at run time.

    Raises:
        SyncFailedError: the source, or the configuration, does not let them be found.
    """
    with run_as(invocation_of()) as invocation:
        try:
            return schema_of(
                Session(app, secrets, invocation).tables() if app.discovers else app.declared_tables
            )
        except BaseException as error:  # noqa: BLE001 - see the module
            failure = _failure(error, invocation, app)
    raise SyncFailedError(failure)


def check(app: Connector, secrets: dict[str, str]) -> str | None:
    """Run the setup test; what is wrong, None if nothing is."""
    with run_as(invocation_of()) as invocation:
        invocation.is_setup_test = True
        try:
            Session(app, secrets, invocation).check({})
        except BaseException as error:  # noqa: BLE001 - see the module
            return _failure(error, invocation, app)
    return None


class SdkSync:
    """`update()`, of which a process may run one: in the SDK a second one would wait for ever."""

    def __init__(self, app: Connector) -> None:
        self._app = app
        self._has_run = False

    def update(self, configuration: dict[str, str], state: dict[str, Any]) -> None:
        """Read everything there is to read.

        Raises:
            SyncFailedError: the sync has failed; what was checkpointed stays.
        """
        if self._has_run:
            raise SyncFailedError(
                "This process has run a sync; the Connector SDK needs another one for the next."
            )
        self._has_run = True
        held = _continued(state)
        while True:
            failure, ended_state, has_more = self._answer(configuration, held)
            if failure is not None:
                _close(held)
                raise SyncFailedError(failure)
            if not has_more:
                return
            held = ended_state

    def _answer(
        self, configuration: dict[str, str], held: dict[str, Any]
    ) -> tuple[str | None, dict[str, Any], bool]:
        """Read and send one answer: how it has failed, else the state that Fivetran has now, and whether there is more."""
        with run_as(invocation_of(SYNC_ID)) as invocation:
            try:
                ended = Session(self._app, configuration, invocation).read(held, SdkRules())
                RowSender(ended.tables).send(ended)
                logs.emit("INFO", str(ended), **_running(self._app), **ended.report(), **efforts(invocation))
                RowSender.checkpoint(ended.state)
            except BaseException as error:  # noqa: BLE001 - see the module
                return _failure(error, invocation, self._app), held, False
            return None, ended.state, ended.has_more


def _continued(state: dict[str, Any]) -> dict[str, Any]:
    """A state whose open sync is this one, whoever began it."""
    sync = state.get("sync")
    return {**state, "sync": {**sync, "id": SYNC_ID}} if isinstance(sync, dict) else state


def _close(held: dict[str, Any]) -> None:
    """Let the next sync read finished tables again: of what Fivetran has, only the open sync is dropped."""
    if "sync" in held:
        with suppress(Exception):  # the failure that is reported is the sync's
            RowSender.checkpoint({name: part for name, part in held.items() if name != "sync"})


def _failure(error: BaseException, invocation: Invocation, app: Served) -> str:
    """The sentences for people, logged with the traceback where it is the connector's."""
    known = as_connector_error(error)
    text = invocation.redactor.clean(str(known))
    trace = {}
    if known.__cause__ is not None or known.kind == "bug":
        lines = "".join(traceback.format_exception(known.__cause__ or known))
        trace = {"stack_trace": invocation.redactor.clean(lines)}
    logs.emit("ERROR", text, kind=known.kind, **trace, **_running(app), **efforts(invocation))
    return text


def _running(app: Served) -> dict[str, Any]:
    return {"connector": app.name, "version": app.version}
