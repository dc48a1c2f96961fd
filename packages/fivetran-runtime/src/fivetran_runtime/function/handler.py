"""From Fivetran's POST to the answer: one invocation of a connector.

Nothing that goes wrong leaves as a crash page: Fivetran shows `errorMessage` to people, and a failed answer carries
no state and no rows, so the state Fivetran holds stays as it is (docs/protocol.md, "Errors").
"""

from __future__ import annotations

import os
import traceback
from typing import Any

from fivetran_runtime._encoding import encode
from fivetran_runtime._invocation import logs
from fivetran_runtime._invocation.budget import Budget
from fivetran_runtime._invocation.context import Invocation, run_as
from fivetran_runtime._invocation.failures import as_connector_error
from fivetran_runtime._sync.session import Served, Session, efforts
from fivetran_runtime.errors import ConfigurationError, ConnectorError, DefectError
from fivetran_runtime.function.envelope import (
    Answer,
    BadRequestError,
    Envelope,
    Request,
    SyncBody,
    error_body,
    parse,
    respond,
    setup_body,
)
from fivetran_runtime.function.rules import FunctionRules, limits_from

BUNDLE = "FIVETRAN_BUNDLE"
"""The environment variable in which a deploy names what it uploaded: 40 hexadecimal digits."""


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
    invocation.labels = _labels(envelope.sync_id, request.headers.get("X-Cloud-Trace-Context", ""))
    with run_as(invocation):
        return _serve(connector, envelope, invocation)


def _labels(sync_id: str | None, trace: str) -> dict[str, str]:
    """What joins the lines of this call with Fivetran's log, and with Google's of the request."""
    labels = {"sync_id": sync_id} if sync_id else {}
    project = os.environ.get("GOOGLE_CLOUD_PROJECT") or os.environ.get("GCP_PROJECT")
    if project and (identity := trace.partition("/")[0]):
        labels["logging.googleapis.com/trace"] = f"projects/{project}/traces/{identity}"
    return labels


def _serve(connector: Served, envelope: Envelope, invocation: Invocation) -> Answer:
    report = _running(connector)
    outcome: dict[str, Any]
    body: bytes | SyncBody
    try:
        session = _session(connector, envelope, invocation)
        if envelope.setup_test:
            session.check(envelope.state)
            sentence, outcome = "The setup test passed.", {"setup_test": "passed", **_columns(connector)}
            body = setup_body(envelope.state)
        else:
            ended = session.read(envelope.state, FunctionRules())
            sentence, outcome = str(ended), ended.report()
            body = SyncBody(ended)
            _require_fit(len(body), invocation)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - also asyncio's CancelledError, gevent's Timeout, GreenletExit
        return _failure(as_connector_error(error), invocation, report)
    report |= outcome | {"bytes": len(body), **efforts(invocation)}
    logs.emit("INFO", sentence, **report)
    return respond(body, 200, report)


def _session(connector: Served, envelope: Envelope, invocation: Invocation) -> Session:
    try:
        return Session(connector, envelope.secrets, invocation)
    except ConfigurationError as error:
        error.hint += _signature(connector)
        raise


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


def _columns(connector: Served) -> dict[str, Any]:
    """The declared types of columns, for the contract's check; too many have no room in a header."""
    types: dict[str, Any] = {}
    for table in connector.declared_tables:
        types |= table.column_types
    if not types:
        return {}
    return {"columns": types} if len(encode(types)) <= _MAX_COLUMNS_BYTES else {"columns_left_out": True}


_MAX_COLUMNS_BYTES = 4_000


def _require_fit(size: int, invocation: Invocation) -> None:
    """Refuse in words what the platform would refuse without any; the state stays as it was."""
    limit = invocation.budget.limits.answer_bytes
    if size > limit:
        message = f"The answer takes {size:,} bytes, and {limit:,} may be sent: the state grew too fast."
        raise DefectError(message, hint="Yield At(...) more often.")


def _failure(error: ConnectorError, invocation: Invocation, report: dict[str, Any]) -> Answer:
    clean = invocation.redactor.clean
    trace = clean("".join(_trace(error))).splitlines(keepends=True)
    body = error_body(clean(str(error)), error.kind, trace=trace, sync_id=invocation.sync_id)
    report |= {"cut": "failed", **efforts(invocation)}
    logs.emit(
        "ERROR", str(error), kind=error.kind, **({"stack_trace": "".join(trace)} if trace else {}), **report
    )
    return respond(body, 500, report)


def _trace(error: ConnectorError) -> list[str]:
    """The traceback, for whoever fixes the connector; the other errors are nobody's code."""
    return traceback.format_exception(error.__cause__ or error) if isinstance(error, DefectError) else []
