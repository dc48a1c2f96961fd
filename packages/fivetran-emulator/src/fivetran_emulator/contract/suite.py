"""The contract as tests: one line in a connector's tests/test_contract.py, one test for each check.

    test_contract = contract_tests(main, practice=Path(__file__).parents[1] / "practice.py")

pytest calls them `test_contract[C21 crash at every HTTP call]`; `-k C21` runs one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from fivetran_emulator.contract.check import Blocked, Check, NotRun, Violation
from fivetran_emulator.contract.checks import CATALOGUE, named
from fivetran_emulator.contract.checks.state import record as record_release
from fivetran_emulator.contract.lab.trial import InProcess
from fivetran_emulator.contract.releases import version_of
from fivetran_emulator.contract.subject import Exemption, PracticeSubject
from fivetran_emulator.errors import PracticeError
from fivetran_emulator.practice.serving import load

if TYPE_CHECKING:
    import pytest

__all__ = ["contract_tests", "run_check"]

_VARYING = re.compile(r"\[[^]]*\](?:, )?| and \d+ more|\d[\d,.]*|(?<=row)s")
"""What differs between two sights of one cause: keys, numbers."""
Record = Callable[[str, object], None]
REPORTS_ALL = "C09"
"""The check that fails for what keeps all the others from running."""
_MAX_FAILURES = 3
WRITES_RELEASE = "C35"
"""The check that writes what it would compare with when pytest is run with --write-released."""


def contract_tests(
    main: Callable[..., Any],
    *,
    practice: Path,
    keeps_deleted: Mapping[str, str] | None = None,
    commits_late: Mapping[str, timedelta | int] | None = None,
    leave_alone: Mapping[str, str] | None = None,
    selects: Callable[[str, Mapping[str, Any]], bool] | None = None,
    exempt: Sequence[Exemption] = (),
    blocking: Literal["all", "protocol"] = "all",
) -> Callable[..., None]:
    """A test function that runs every check against a function and its practice source.

    `main` is the function, `practice` the path of its practice.py. The other arguments are what only the author can know,
    see `PracticeSubject` and docs/contract.md. With blocking="protocol" only the checks of the protocol fail; of the others the run's end
    shows which would, and what that means.
    """
    _validate_arguments(main, keeps_deleted, commits_late, leave_alone, exempt, blocking)
    practice = Path(practice)
    subject = PracticeSubject(
        InProcess(main),
        practice,
        keeps_deleted=keeps_deleted or {},
        commits_late=commits_late or {},
        leave_alone=leave_alone or {},
        selects=selects or (lambda _table, _row: True),
        exempt=tuple(exempt),
        released=practice.parent / "tests" / "released.json",
        version=version_of(practice.parent),
        reports=blocking == "protocol",
    )
    _require_practice(practice)
    return _test_of(subject)


def _require_practice(practice: Path) -> None:
    """Fail once, while tests are collected, where practice.py cannot be used: then no check can run, whichever is chosen."""
    try:
        load(practice)
    except PracticeError as error:
        _fail(str(error))


def _test_of(subject: PracticeSubject) -> Callable[..., None]:
    import pytest  # noqa: PLC0415 - the checks themselves also run without it, as the command `check` puts them

    @pytest.mark.parametrize("check", CATALOGUE, ids=[check.name for check in CATALOGUE])
    def test_contract(check: Check, request: pytest.FixtureRequest) -> None:
        # What pytest's record_property does, without its warning that JUnit files of today have no place for it.
        def record(name: str, value: object) -> None:
            request.node.user_properties.append((name, value))

        if check.id == WRITES_RELEASE and request.config.getoption("write_released", default=False):
            _write_release(subject, record)
            return
        run_check(check, subject, record, today=datetime.now(UTC).date())

    test_contract.subject = subject  # type: ignore[attr-defined]  # a failure's script asks for it
    test_contract.__doc__ = "The connector keeps every promise of docs/contract.md."
    return test_contract


def _validate_arguments(main: object, *declared: Any) -> None:
    """Raise TypeError or ValueError for arguments that would only be noticed much later."""
    keeps_deleted, commits_late, leave_alone, exempt, blocking = declared
    if not callable(main):
        raise TypeError(f"main is {main!r}, not a function; of a Connector it is its handler")
    for name, tables in (
        ("keeps_deleted", keeps_deleted),
        ("commits_late", commits_late),
        ("leave_alone", leave_alone),
    ):
        if tables is not None and not isinstance(tables, Mapping):
            raise TypeError(f"{name} is {tables!r}; it is a dict with the names of tables")
    if blocking not in ("all", "protocol"):
        raise ValueError(f'blocking is {blocking!r}; it is "all" or "protocol"')
    for exemption in exempt:
        named(exemption.check)
        if type(exemption.until) is not date:
            raise TypeError(
                f"the exemption of {exemption.check} is until {exemption.until!r}; it is a datetime.date"
            )
    if len({one.check for one in exempt}) < len(exempt):
        raise ValueError("a check has two exemptions; one is enough")


def _write_release(subject: PracticeSubject, record: Record) -> None:
    text = ""
    try:
        record("contract-recorded", record_release(subject))
    except (ValueError, OSError, PracticeError, Violation) as error:
        text = str(error)
    except (NotRun, Blocked):
        text = "the undisturbed sync does not complete: -k C09 shows why"
    if text:
        _fail(f"{text}\nNothing is recorded.")


def run_check(check: Check, subject: PracticeSubject, record: Record, *, today: date) -> None:
    """Run one check as a test: fail with the violation's text, skip what cannot run, and note both for the summary."""
    exemption = next((one for one in subject.exempt if one.check == check.id), None)
    broken, reason, wrong = None, "", False
    # C09 fails for the undisturbed syncs, which an earlier check may have begun.
    begun = 0 if check.id == REPORTS_ALL else len(subject.failures)
    try:
        _run(check, subject)
    except (NotRun, Blocked) as why:
        reason = str(why)
    except PracticeError as error:
        reason = str(error)
        wrong = check.id == REPORTS_ALL
    except Violation as violation:
        broken = violation
    if wrong:
        _fail(f"{check.name}\n{reason}")
    if reason:
        exempted = f" (exempt until {exemption.until}: {exemption.reason})" if exemption else ""
        record("contract-not-run", f"{check.name}: {reason}{exempted}")
        _skip(reason)
    failed = _practice_failures(subject.failures[begun:])
    if broken and subject.reports and check.risk and (exemption is None or today > exemption.until):
        _report(f"{failed}{broken}", check, record)
    elif broken:
        seen = _as_shown_before(check, broken, subject) or broken
        text = f"{check.name}\n{failed}promise:   {check.promise}\n{seen}"
        _fail_unless_exempt(text, check, exemption, record, today)
    elif exemption is not None:
        _fail(f"{check.name} holds; take its exemption away: {exemption.reason}")


def _practice_failures(failures: Sequence[str]) -> str:
    """Lines for what practice.py itself raised: to be corrected before anything else, since it may be all that is wrong."""
    return "".join(f"first:     {failure}\n" for failure in list(dict.fromkeys(failures))[:_MAX_FAILURES])


def _run(check: Check, subject: PracticeSubject) -> None:
    if reason := subject.function.platform.without.get(check.id):
        raise NotRun(reason)
    if subject.endless and check.id != REPORTS_ALL:
        raise Blocked(f"the undisturbed sync never ends; see {REPORTS_ALL}")
    check.run(subject)


def _as_shown_before(check: Check, broken: Violation, subject: PracticeSubject) -> str:
    """Where another check has shown the same already, what is this one's own and where the rest is; empty for the first one.

    The same is what was seen, numbers and keys aside: they differ with what each check does to the source.
    """
    first = subject.shown.setdefault(_VARYING.sub("", broken.seen), check)
    if first.id == check.id:
        return ""
    return f"seen:      as {first.name} shows\nlikely:    {broken.cause}\nwhole:     -k {check.id}"


def _report(broken: str, check: Check, record: Record) -> None:
    import pytest  # noqa: PLC0415 - see _test_of

    text = broken.replace("\n", "\n    ")
    record("contract-report", f"{check.name}: would {check.risk}\n    {text}")
    pytest.xfail(f"would {check.risk}")


def _fail_unless_exempt(
    text: str, check: Check, exemption: Exemption | None, record: Record, today: date
) -> None:
    import pytest  # noqa: PLC0415 - see _test_of

    if exemption is None:
        _fail(text)
    if today > exemption.until:
        _fail(f"{text}\nexempt:    until {exemption.until}, which is over: {exemption.reason}")
    record("contract-exempt", f"{check.name}: {exemption.reason} (until {exemption.until})")
    pytest.xfail(exemption.reason)


def _fail(text: str) -> NoReturn:
    import pytest  # noqa: PLC0415 - see _test_of

    pytest.fail(text, pytrace=False)


def _skip(reason: str) -> NoReturn:
    import pytest  # noqa: PLC0415 - see _test_of

    pytest.skip(reason)
