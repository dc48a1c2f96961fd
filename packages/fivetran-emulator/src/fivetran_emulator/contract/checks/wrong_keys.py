"""C59, C60: a secret that is wrong.

A newcomer would let the source refuse everything with 401. That is C45. Here the source is well and the key is not the
right one, which most sources answer with a refusal.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fivetran_emulator.contract.check import check
from fivetran_emulator.contract.checks.changing import compare, settle
from fivetran_emulator.contract.checks.observed import shown
from fivetran_emulator.contract.secret_forms import marked_secrets
from fivetran_emulator.contract.subject import Subject
from fivetran_emulator.contract.violation import NotRun, Violation, counted

__all__ = ["CHECKS", "with_wrong_keys"]

_WRONG_SYNCS = 3
"""One more than the listings after which an inferred delete is sent."""
_REFUSED = 400
_SHIFTED = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
    "bcdefghijklmnopqrstuvwxyzaBCDEFGHIJKLMNOPQRSTUVWXYZA1234567890",  # pragma: allowlist secret
)


def _wrong(secrets: Mapping[str, Any], marked: frozenset[str], above: str = "") -> dict[str, Any]:
    """The secrets with another value of the same form for each that is marked."""
    found: dict[str, Any] = {}
    for name, value in secrets.items():
        place = f"{above}.{name}" if above else name
        if isinstance(value, Mapping):
            found[name] = _wrong(value, marked, place)
        elif place in marked and isinstance(value, str):
            found[name] = value.translate(_SHIFTED)
        else:
            found[name] = value
    return found


def with_wrong_keys(secrets: Mapping[str, Any]) -> dict[str, Any]:
    """The secrets with another value of the same form for each whose name says that it is secret."""
    return _wrong(secrets, marked_secrets(secrets))


def _wrong_secrets(subject: Subject) -> tuple[dict[str, Any], str]:
    """Secrets that the practice source refuses, and which they are. Raises NotRun when it refuses none."""
    trial = subject.trial()
    secrets = trial.connection.secrets
    marked = marked_secrets(secrets)
    if not marked:
        raise NotRun("no key of the practice secrets is called token, key, secret or password")
    wrong = _wrong(secrets, marked)
    trial.connect(**wrong).sync()
    if not any(asked.status >= _REFUSED for asked in trial.source.requests):
        raise NotRun(f"the practice source takes any {shown(sorted(marked))}: give its Source an access=")
    return wrong, shown(sorted(marked))


@check("C59", "a wrong key fails the setup test", risk="pass the setup test with a wrong key")
def setup_test_needs_the_key(subject: Subject) -> None:
    """With secrets that the source refuses a setup test is an error with a message."""
    _clean = subject.clean
    wrong, names = _wrong_secrets(subject)
    trial = subject.trial()
    tested = trial.connect(**wrong).call(accept=False, setup_test=True)
    if tested.failed and tested.error:
        return
    asked = counted(len(tested.asked), "request")
    raise Violation(
        f"with a wrong {names} the setup test ends in HTTP {tested.reply.status}, after {asked} to the source",
        expected="an error: whoever types the key at Fivetran learns at once that it is wrong",
        cause="a setup test that asks nothing, or nothing that needs the key: let it read one row of a table",
        reproduce=[f'send "setup_test": true with another {names} than the practice source has'],
    )


@check(
    "C60", "a wrong key deletes nothing", risk="delete rows, or succeed without them, when its key is wrong"
)
def wrong_key_deletes_nothing(subject: Subject) -> None:
    """With a key the source refuses each sync is an error, deletes nothing, and hides nothing from the syncs after it."""
    _clean = subject.clean
    wrong, names = _wrong_secrets(subject)
    trial = subject.trial()
    connection = trial.connection
    connection.sync()
    right, connection.secrets = connection.secrets, {**connection.secrets, **wrong}
    for _ in range(_WRONG_SYNCS):
        sync = connection.sync()
        if sync.complete or any(exchange.rows("delete") for exchange in sync.exchanges):
            raise Violation(
                f"with a wrong {names} a sync is {'a success' if sync.complete else 'one that deletes rows'}",
                expected="an error, and no row deleted",
                cause="a refusal that is taken for an empty list",
                reproduce=[f"a sync, then {_WRONG_SYNCS} with another {names}, which the source refuses"],
            )
    connection.secrets = right
    settle(trial, connection)
    compare(
        subject,
        connection.warehouse,
        subject.clean.warehouse,
        cause="what the refused syncs did not read is taken for read",
        reproduce=[f"a sync, then {_WRONG_SYNCS} with another {names}, then {names} as before"],
    )


CHECKS = [setup_test_needs_the_key, wrong_key_deletes_nothing]
