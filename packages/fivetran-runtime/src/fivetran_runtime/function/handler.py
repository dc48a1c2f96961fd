"""From Fivetran's POST to the answer: one invocation of a connector.

Nothing that goes wrong leaves as a crash page: Fivetran shows `errorMessage` to people, and a failed answer carries
no state and no rows, so the state Fivetran holds stays as it is (docs/protocol.md, "Errors").
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from fivetran_runtime._encoding import encode
from fivetran_runtime._invocation import logs
from fivetran_runtime._invocation.budget import Budget, NoToken
from fivetran_runtime._invocation.context import Invocation, run_as
from fivetran_runtime._invocation.failures import as_connector_error
from fivetran_runtime._sync.loop import leave_to_next_call, read_tables
from fivetran_runtime._sync.state import State, credentials_in, load
from fivetran_runtime.config import Config, all_texts, read, secret_texts, texts_to_hide
from fivetran_runtime.errors import ConfigurationError, ConnectorError, DefectError
from fivetran_runtime.function.envelope import (
    Answer,
    BadRequestError,
    Envelope,
    Request,
    answer_body,
    error_body,
    parse,
    respond,
    schema_json,
    setup_body,
)
from fivetran_runtime.function.limits import limits_from
from fivetran_runtime.tables import Table

BUNDLE = "FIVETRAN_BUNDLE"
"""The environment variable in which a deploy names what it uploaded: 40 hexadecimal digits."""


class Served(Protocol):
    """What of a `Connector` is used; its attributes are described there."""

    name: str
    version: str
    config: type[Config] | None
    client: Callable[[Any], Any]
    replaces_state: frozenset[str]

    @property
    def declared_tables(self) -> tuple[Table, ...]:
        """Those that are known without asking the source."""

    def tables_of(self, client: Any) -> list[Table]:
        """All tables."""

    def run_check(self, client: Any) -> None:
        """The setup test."""

    def run_before(self, client: Any) -> None:
        """The guard."""


def answer(connector: Served, request: Request) -> Answer:
    """Serve one request; raises nothing but KeyboardInterrupt."""
    try:
        return _answer(connector, request)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - a crash page would tell nobody anything
        # Outside of any invocation nothing is known that could say which text is secret.
        message = f"The request could not be served: {type(error).__name__}."
        return respond(error_body(message, "bug"), 500, {})


def _answer(connector: Served, request: Request) -> Answer:
    logs.install()
    try:
        envelope = parse(request)
    except BadRequestError as error:
        logs.emit("WARNING", str(error), connector=connector.name, version=connector.version)
        return respond(error_body(str(error), "request"), 400, {})
    try:
        invocation = Invocation(Budget(limits_from(os.environ)))
    except ConfigurationError as error:
        logs.emit("ERROR", str(error), connector=connector.name, version=connector.version)
        return respond(error_body(str(error), error.kind), 500, {})
    invocation.sync_id, invocation.is_setup_test = envelope.sync_id, envelope.setup_test
    invocation.trace = request.headers.get("X-Cloud-Trace-Context", "").split("/")[0] or None
    with run_as(invocation):
        return _serve(connector, envelope, invocation)


def _serve(connector: Served, envelope: Envelope, invocation: Invocation) -> Answer:
    report = _running(connector)
    try:
        config = _configure(connector, envelope, invocation)
        client = connector.client(config)
        if envelope.setup_test:
            body, outcome = _setup_test(connector, client, envelope, invocation)
        else:
            body, outcome = _sync(connector, client, config, envelope, invocation)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - also asyncio's CancelledError, gevent's Timeout, GreenletExit
        return _failure(as_connector_error(error), invocation, report)
    report |= outcome | {"bytes": len(body), **_efforts(invocation)}
    logs.emit("INFO", _sentence(outcome), **report)
    return respond(body, 200, report)


def _configure(connector: Served, envelope: Envelope, invocation: Invocation) -> Any:
    if connector.config is None:
        invocation.redactor.add(*all_texts(envelope.secrets))
        return envelope.secrets if isinstance(envelope.secrets, Mapping) else {}
    invocation.redactor.add(*texts_to_hide(connector.config, envelope.secrets))
    try:
        config = read(connector.config, envelope.secrets)
    except ConfigurationError as error:
        error.hint += _signature(connector)
        raise
    invocation.redactor.add(*secret_texts(config))
    return config


def _running(connector: Served) -> dict[str, Any]:
    """What runs: the connector, its version and, where it was deployed by the tools, the bundle's digest."""
    bundle = os.environ.get(BUNDLE)
    return {
        "connector": connector.name,
        "version": connector.version,
        **({"bundle": bundle} if bundle else {}),
    }


def _signature(connector: Served) -> str:
    """The sentence by which a deploy's smoke test, which has no secrets, knows what answered it."""
    running = _running(connector)
    return (
        " This is {connector} {version}, bundle {bundle}.".format_map(running) if "bundle" in running else ""
    )


def _setup_test(
    connector: Served, client: Any, envelope: Envelope, invocation: Invocation
) -> tuple[bytes, dict[str, Any]]:
    kept = credentials_in(envelope.state)
    for credentials in invocation.single_use:
        credentials.restore(kept)
    try:
        connector.run_before(client)
        connector.run_check(client)
    except NoToken as stop:  # a refresh token that holds for one exchange is the first sync's
        logs.warn(
            f"The setup test could not ask the source: {stop.why}. The first sync gets an access token."
        )
    return setup_body(envelope.state), {"setup_test": "passed"}


def _sync(
    connector: Served, client: Any, config: Any, envelope: Envelope, invocation: Invocation
) -> tuple[bytes, dict[str, Any]]:
    state, note = load(envelope.state, connector=connector.name, replaces=connector.replaces_state)
    if note:
        logs.emit("WARNING", note, connector=connector.name)
    try:
        _renew_tokens(state, invocation)
        connector.run_before(client)
        tables = connector.tables_of(client)
    except NoToken as stop:
        tables, progress = [*connector.declared_tables], leave_to_next_call(state, invocation)
        logs.emit("INFO", f"This call ends without rows: {stop.why}.", connector=connector.name)
    else:
        kept = len(encode(state.dump())) + len(schema_json(tables))
        invocation.budget.reserve(kept, tables=len(tables))
        progress = read_tables(tables, client, config=config, state=state, invocation=invocation)
    for name, error in progress.failures.items():
        logs.emit("ERROR", str(error), connector=connector.name, table=name, kind=error.kind)
    body = answer_body(tables, state.dump(), progress)
    _require_fit(body, invocation)
    return body, {
        "cut": progress.cut or ("failed" if progress.failures else None),
        "rows": progress.batch.counts(deletes=False),
        "deletes": progress.batch.counts(deletes=True),
    }


def _renew_tokens(state: State, invocation: Invocation) -> None:
    """Give credentials the tokens that the state keeps of them, and exchange those that do not do for this call.

    One in a call, since an error with the next would lose its tokens.

    Raises:
        NoToken: one was exchanged, and the call has to end with that.
    """
    for credentials in invocation.single_use:
        credentials.restore(state.credentials())
    if any(credentials.renewed() for credentials in invocation.single_use):
        raise NoToken("new tokens go into the state first")


def _require_fit(body: bytes, invocation: Invocation) -> None:
    """Refuse in words what the platform would refuse without any; the state stays as it was."""
    most = invocation.budget.limits.answer_bytes
    if len(body) > most:
        message = f"The answer takes {len(body):,} bytes, and {most:,} may be sent: the state grew too fast."
        raise DefectError(message, hint="Yield At(...) more often.")


def _failure(error: ConnectorError, invocation: Invocation, report: dict[str, Any]) -> Answer:
    clean = invocation.redactor.clean
    trace = clean("".join(_trace(error))).splitlines(keepends=True)
    body = error_body(clean(str(error)), error.kind, trace=trace, sync_id=invocation.sync_id)
    report |= {"cut": "failed", **_efforts(invocation)}
    logs.emit(
        "ERROR", str(error), kind=error.kind, **({"stack_trace": "".join(trace)} if trace else {}), **report
    )
    return respond(body, 500, report)


def _trace(error: ConnectorError) -> list[str]:
    """The traceback, for whoever fixes the connector; the other errors are nobody's code."""
    return traceback.format_exception(error.__cause__ or error) if isinstance(error, DefectError) else []


def _efforts(invocation: Invocation) -> dict[str, Any]:
    return {
        "seconds": round(invocation.budget.elapsed(), 3),
        "requests": invocation.requests,
        "retries": invocation.retries,
        "waited_seconds": round(invocation.waited_seconds, 3),
        **logs.reported_warnings(invocation),
    }


def _sentence(outcome: Mapping[str, Any]) -> str:
    if "setup_test" in outcome:
        return "The setup test passed."
    rows, deletes = sum(outcome["rows"].values()), sum(outcome["deletes"].values())
    ending = f"cut by {outcome['cut']}" if outcome["cut"] else "complete"
    return f"{rows} rows, {deletes} deletes, {ending}."
