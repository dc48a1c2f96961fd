"""Recording a connector's real source: its answers, anonymised, become the practice source.

The recorder runs between the function and the source while the emulator makes a setup test and syncs twice, in full and from the state that
leaves, into a warehouse that is thrown away. Then the recordings are synced from, where they lie for the time being: only
those that give the same rows come into the connector's folder, and whatever fails leaves that as it was.

Where a call is cut decides what the next one asks for, and recordings answer faster than the source. So the function is given
all the time and memory that Google grants any.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from tools.environments.virtual_environments import tools_environment
from tools.local.processes import descriptor_path, foreground, server, unnamed_file
from tools.local.syncing import READY, Local, emulator_environment, say
from tools.repository.errors import RepositoryError, at
from tools.repository.limits import MAX_MEMORY, MAX_TIMEOUT, Limits
from tools.repository.model import Repository
from tools.repository.names import dataset

RECORDINGS = "recordings.json"
RECORDER_SECONDS = 30.0
FINISH_SECONDS = 300.0
UNCUT = Limits(generation=2, timeout=MAX_TIMEOUT[2], memory=MAX_MEMORY[2], origin="as long as any may run")
MADE = "# Made by `nox -s record -- "

Rows = dict[str, int]
"""Tables and how many rows they have."""


@dataclass(frozen=True)
class Request:
    """What a person asks of a recording.

    Attributes:
        secrets: a JSON file with the real source's secrets.
        url: the source's address, where the secrets leave it to the connector's default.
        url_key: the secrets' key that holds the address.
        pages: how many pages of each list; 0 for all.
        keep: columns whose texts stay, and secrets' keys that do.
        hide: columns whose numbers are replaced too.
        force: whether a practice.py written by hand is replaced.
    """

    secrets: Path
    url: str | None = None
    url_key: str = "url"
    pages: int = 3
    keep: tuple[str, ...] = ()
    hide: tuple[str, ...] = ()
    force: bool = False

    def read(self) -> dict[str, Any]:
        """The secrets, the address among them. RepositoryError, without any of their content, if they can't be used."""
        try:
            found = json.loads(self.secrets.read_text("utf-8"))
        except OSError as error:
            raise RepositoryError(f"{self.secrets}: can't be read: {error.strerror}") from error
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise RepositoryError(f"{self.secrets}: this isn't one JSON object")
        address = self.url or found.get(self.url_key)
        if not isinstance(address, str):
            keys = ", ".join(sorted(found)) or "none"
            raise RepositoryError(
                f"{self.secrets}: there is no address under `{self.url_key}` (keys: {keys}); "
                "name its key with --url-key, or give the address with --url https://..."
            )
        return {**found, self.url_key: address}


@dataclass(frozen=True)
class Recorded:
    """What the recorder wrote: the secrets that open it, how much, lists that it ended, and what became of each column."""

    secrets: Mapping[str, Any] = field(repr=False)
    recorded: int
    made_up: int
    ended: list[str]
    left_out: Mapping[str, int]
    columns: list[Mapping[str, Any]]


def record(repository: Repository, name: str, request: Request) -> None:
    """Record connector `name`'s source. RepositoryError, and nothing is changed, if that fails or the recording gives other rows."""
    secrets = request.read()
    local = Local.prepared(repository, name, UNCUT)
    practice = local.project.path / "practice.py"
    stays = not request.force and not _may_be_replaced(repository, practice)
    with tempfile.TemporaryDirectory(prefix="recorded-") as folder:
        made = Path(folder)
        rows, recorded = _record(repository, local, request, secrets, made / RECORDINGS)
        (made / practice.name).write_text(practice_py(name, recorded.secrets), "utf-8")
        _tell(repository, local.project.path, recorded)
        _prove(repository, local, rows, made / practice.name, recorded)
        for file in [RECORDINGS] if stays else [RECORDINGS, practice.name]:
            _put(made / file, practice.with_name(file))
    if stays:
        say(
            f"\n{at(practice, repository.root)} was written by hand and stays (--force replaces it). To practise with the "
            f"recordings:\n\n{practice_py(name, recorded.secrets)}"
        )
    say(f"Look at {RECORDINGS} before you commit it.")


def _record(
    repository: Repository, local: Local, request: Request, secrets: Mapping[str, Any], file: Path
) -> tuple[list[Rows], Recorded]:
    """Sync through the recorder, which writes `file`; the rows after each sync, and what was recorded."""
    with (
        _scratch() as scratch,
        _recording(repository, local, request, secrets, file, scratch) as recorder,
    ):
        url = recorder["url"]
        made_local = {**secrets, request.url_key: _moved(secrets[request.url_key], url)}
        try:
            rows = _sync_twice(
                repository, local, made_local, scratch / "warehouse.duckdb", begin=recorder["begin"]
            )
        except RepositoryError as error:
            raise RepositoryError(f"nothing is recorded: {error}") from error
        return rows, _finished(recorder["finish"])


def _put(file: Path, place: Path) -> None:
    """Copy a whole file to its place in one go; a temporary folder may be on another disk."""
    unfinished = place.with_name(f".{place.name}.unfinished")
    shutil.copyfile(file, unfinished)
    unfinished.replace(place)


def practice_py(name: str, secrets: Mapping[str, Any]) -> str:
    """The practice.py that serves the recordings."""
    return (
        f'{MADE}{name}`; that command makes it again.\n"""The source\'s own answers, anonymised, as recordings.json holds them."""\n\n'
        "from __future__ import annotations\n\nfrom pathlib import Path\n\n"
        "from fivetran_emulator.practice.recorded import recorded\n\n"
        'source = recorded(Path(__file__).with_name("recordings.json"))\n\n'
        f"secrets = {_literal(secrets)}\n"
    )


def _literal(value: Any, indent: str = "") -> str:
    """A JSON value as Python, laid out as ruff would."""
    inner = indent + "    "
    if isinstance(value, dict) and value:
        members = "".join(
            f"{inner}{_literal(name)}: {_literal(one, inner)},\n" for name, one in value.items()
        )
        return f"{{\n{members}{indent}}}"
    if isinstance(value, list) and value:
        return "[\n" + "".join(f"{inner}{_literal(one, inner)},\n" for one in value) + f"{indent}]"
    if isinstance(value, str) and not ('"' in value and "'" not in value):
        return json.dumps(value, ensure_ascii=False)
    return repr(value)


def _may_be_replaced(repository: Repository, practice: Path) -> bool:
    """Whether nobody's work is lost: there is none, it is the template's, or an earlier recording's."""
    if not practice.is_file():
        return True
    if practice.read_text("utf-8").startswith(MADE):
        return True
    python = str(tools_environment(repository).prepare().python)
    command = [python, "-m", "tools.locked.creating.made_practice", str(practice)]
    return subprocess.run(command, cwd=repository.root, capture_output=True, check=False).returncode == 0


@contextmanager
def _scratch() -> Iterator[Path]:
    """A folder for real data; the recorder's supervisor removes it, whatever becomes of us."""
    folder = Path(tempfile.mkdtemp(prefix="recording-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _recording(
    repository: Repository,
    local: Local,
    request: Request,
    secrets: Mapping[str, Any],
    file: Path,
    scratch: Path,
) -> Iterator[Mapping[str, str]]:
    """The recorder, running: its `url`, and the addresses that make it `begin` to count and `finish`."""
    job = {
        "secrets": secrets,
        "url_key": request.url_key,
        "file": str(file),
        "made_by": f"nox -s record -- {local.project.name}",
        "pages": request.pages,
        "keep": request.keep,
        "hide": request.hide,
    }
    python = str(emulator_environment(repository).python)
    with server(
        "the recorder",
        [python, "-m", "fivetran_emulator.recording.recorder"],
        log=local.log("recorder"),
        cwd=local.project.path,
        stdin=json.dumps(job),
        folder=scratch,
    ) as running:
        ready = json.loads(running.wait_for(READY, seconds=RECORDER_SECONDS)[1])
        say(f"recorder         {ready['url']}")
        yield ready


def _moved(address: str, url: str) -> str:
    """The source's address with the recorder in its place: the path stays."""
    scheme, _, rest = address.partition("://")
    del scheme
    _, slash, path = rest.partition("/")
    return url + slash + path


def _sync_twice(
    repository: Repository, local: Local, secrets: Mapping[str, Any], warehouse: Path, *, begin: str = ""
) -> list[Rows]:
    """A setup test, a sync in full, one from the state that leaves, so that all kinds of request are made; the rows after each sync.

    `begin` is asked before the first sync. RepositoryError if a sync fails; a setup test that does is only reported.
    """
    with ExitStack() as running:
        held = running.enter_context(unnamed_file(json.dumps(secrets)))
        url, function = running.enter_context(local.function())
        rows: list[Rows] = []
        say("testing the setup ...")
        _test_setup(repository, url, held, function.log)
        if begin:
            _post(begin)
        for how in ("in full", "from the state that left"):
            say(f"syncing {how} ...")
            code = _emulate(repository, local, url, held, warehouse)
            if code == 130:
                raise KeyboardInterrupt
            if code:
                raise RepositoryError(
                    f"the sync {how} failed (exit {code}); the function's log is {function.log}"
                )
            rows.append(_rows(repository, warehouse))
        return rows


def _test_setup(repository: Repository, url: str, held: IO[bytes], log: Path) -> None:
    emulator = str(emulator_environment(repository).script("fivetran-emulator"))
    command = [emulator, "check-setup", "--url", url, "--secrets", descriptor_path(held)]
    done = subprocess.run(command, pass_fds=[held.fileno()], capture_output=True, text=True, check=False)
    if done.returncode:
        say(f"the setup test fails, which its tests will show too; the function's log is {log}")
        say(done.stderr.strip())


def _emulate(repository: Repository, local: Local, url: str, held: IO[bytes], warehouse: Path) -> int:
    emulator = str(emulator_environment(repository).script("fivetran-emulator"))
    options = ["--url", url, "--secrets", descriptor_path(held), "--warehouse", str(warehouse)]
    options += ["--profile", f"gen{UNCUT.generation}"]
    schema = ["--schema", dataset(local.project.name)]
    return foreground([emulator, "sync", "--quiet", *options, *schema], cwd=warehouse.parent, files=[held])


def _rows(repository: Repository, warehouse: Path) -> Rows:
    emulator = str(emulator_environment(repository).script("fivetran-emulator"))
    command = [emulator, "tables", "--json", "--warehouse", str(warehouse)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RepositoryError(f"the rows can't be counted:\n{done.stderr.strip()}")
    return {table["name"]: table["rows"] for table in json.loads(done.stdout)}


def _finished(finish: str) -> Recorded:
    """Have the recorder write its file. RepositoryError if nothing was asked of the source through it."""
    made = Recorded(**json.loads(_post(finish)))
    if not made.recorded:
        raise RepositoryError(
            "nothing came through the recorder, so nothing is written: does the connector take the source's address "
            "from the secrets? --url-key names the key"
        )
    return made


def _post(address: str) -> bytes:
    parts = urlsplit(address)
    connection = HTTPConnection(parts.netloc, timeout=FINISH_SECONDS)  # no proxy stands before this machine
    try:
        connection.request("POST", parts.path)
        answer = connection.getresponse()
        text = answer.read()
    finally:
        connection.close()
    if answer.status != 200:
        raise RepositoryError(f"the recorder failed (HTTP {answer.status}); nothing is written")
    return text


def _tell(repository: Repository, folder: Path, made: Recorded) -> None:
    """What is in the file, column by column, for a person to judge."""
    closed = f", and {made.made_up} made-up ends of lists (--pages 0 records all)" if made.made_up else ""
    say(f"\n{at(folder / RECORDINGS, repository.root)}: {made.recorded} answers{closed}")
    if made.ended:
        say(
            f"    ended early, and rows behind the end are left out of every later answer: {', '.join(made.ended)}"
        )
    for why, count in made.left_out.items():
        say(f"    left out: {count} {why}")
    for column in sorted(made.columns, key=lambda one: (one["replaced"], one["column"])):
        say(f"    {'replaced' if column['replaced'] else 'kept    '}  {column['column']}  ({column['what']})")
    say(
        "Every text is replaced: `--keep COLUMN` keeps a column's. Numbers stay: `--hide COLUMN` replaces them."
    )


def _prove(
    repository: Repository, local: Local, expected: list[Rows], practice: Path, made: Recorded
) -> None:
    """Sync from the recordings. RepositoryError, naming what they do not answer, if they give other rows than the source did."""
    with tempfile.TemporaryDirectory(prefix="recording-") as folder, ExitStack() as running:
        _, secrets = running.enter_context(local.practice(practice))
        failed = ""
        try:
            found = _sync_twice(repository, local, secrets, Path(folder) / "warehouse.duckdb")
        except RepositoryError as error:
            found, failed = [], str(error)
    if found != expected:
        asked = _unanswered(local.log("practice"))
        why = f"they have no answer to {asked}" if asked else "every request had an answer, with other rows"
        dates = {one["column"].rpartition(".")[2] for one in made.columns if one["what"] == "dates"}
        such = f" (columns of dates: {', '.join(sorted(dates))})" if dates else ""
        raise RepositoryError(
            f"the recordings don't give what the source gave ({found or failed} instead of {expected}): {why}. "
            f"Perhaps the connector asks with a value that was replaced: keep it with --keep COLUMN{such} "
            "or a key of the secrets, or record more --pages. Nothing is changed."
        )
    rows = expected[0]
    say(f"\nSynced from the recordings: the same {sum(rows.values()):,} rows in {len(rows)} tables.")


def _unanswered(log: Path) -> str:
    """The first requests that the practice source had no recording for, as its log names them."""
    text = log.read_text("utf-8", errors="replace") if log.is_file() else ""
    asked = list(dict.fromkeys(re.findall(r"^no recording answers (.+)$", text, re.MULTILINE)))
    more = f" and {len(asked) - 3} more" if len(asked) > 3 else ""
    return ", ".join(asked[:3]) + more
