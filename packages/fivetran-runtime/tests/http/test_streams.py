"""Bodies read as streams of rows, over real HTTP: every row once, or an error that names the file and the line."""

from __future__ import annotations

import csv as standard_csv
import gzip
import io
import json
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from fivetran import Fivetran
from hypothesis import given, settings
from hypothesis import strategies as st
from source_server import Handler, Received, Resets, Says, Source, serving
from virtual_clock import VirtualClock

from fivetran_runtime import (
    At,
    Client,
    Connector,
    ConnectorError,
    DefectError,
    ExpiredError,
    TransientError,
)
from fivetran_runtime._invocation.budget import Budget, Limits, OutOfBudget
from fivetran_runtime._invocation.context import Invocation, run_as

ROWS = [{"id": str(number), "name": f"Größe {number}, klein"} for number in range(5_000)]
CSV = b"id,name\n" + b"".join(f'{row["id"]},"{row["name"]}"\n'.encode() for row in ROWS)
LINES = b"".join(json.dumps(row).encode() + b"\n" for row in ROWS)
SHAPES = pytest.mark.parametrize("shape", ["plain", "gzip", "gzip by encoding"])


pytestmark = pytest.mark.usefixtures("invocation")


@dataclass(frozen=True)
class Chunks(Says):
    """A body in chunks; `ends` says whether the last one is sent."""

    ends: bool = True

    def write(self, handler: Handler) -> None:
        handler.send_response(200)
        for name, value in {
            "Content-Type": self.kind,
            "Transfer-Encoding": "chunked",
            **self.headers,
        }.items():
            handler.send_header(name, value)
        handler.end_headers()
        for start in range(0, len(self.body), 1_000):
            piece = self.body[start : start + 1_000]
            handler.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        if self.ends:
            handler.wfile.write(b"0\r\n\r\n")
        handler.close_connection = True


@dataclass(frozen=True)
class Short(Says):
    """Announces a whole body, and sends `count` bytes of it."""

    count: int = 0

    def write(self, handler: Handler) -> None:
        self.head(handler, len(self.body))
        handler.wfile.write(self.body[: self.count])
        handler.close_connection = True


@dataclass(frozen=True)
class Unframed(Says):
    """A body that ends when the connection does, as of HTTP 1.0."""

    def write(self, handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", self.kind)
        handler.end_headers()
        handler.wfile.write(self.body)
        handler.close_connection = True


@dataclass
class File:
    """A file as web servers give it: with an ETag and, if it is asked for so, from a byte on."""

    body: bytes
    etag: str = '"one"'
    ranges: bool = True
    headers: dict[str, str] = field(default_factory=dict)

    def __call__(self, request: Received) -> Says:
        headers = {"ETag": self.etag, **self.headers} | ({"Accept-Ranges": "bytes"} if self.ranges else {})
        start = int(request.headers.get("Range", "bytes=0-")[6:-1])
        if not self.ranges or not start or request.headers.get("If-Range") != self.etag:
            return Says(self.body, headers=headers, kind="text/csv")
        size = len(self.body)
        headers |= {"Content-Range": f"bytes {start}-{size - 1}/{size}"}
        return Says(self.body[start:], 206, headers, kind="text/csv")


def shaped(body: bytes, shape: str) -> Says:
    if shape == "plain":
        return Says(body, kind="text/plain")
    headers = {"Content-Encoding": "gzip"} if shape == "gzip by encoding" else {}
    return Says(gzip.compress(body), headers=headers, kind="application/octet-stream")


def csv(source: Source, resume: Any = None, **how: Any) -> Iterator[Any]:
    return Client(source.url).csv("/file", resume, **how)


def lines(source: Source, resume: Any = None, **how: Any) -> Iterator[Any]:
    return Client(source.url).lines("/file", resume, **how)


def rows(items: Iterator[Any]) -> list[Any]:
    return [item for item in items if not isinstance(item, At)]


def resumed(read: Callable[..., Iterator[Any]], source: Source, **how: Any) -> list[Any]:
    """All rows, asked for again at each At."""
    found: list[Any] = []
    resume = None
    while True:
        for item in read(source, resume, **how):
            if isinstance(item, At):
                resume = json.loads(json.dumps(item.position["resume"]))
                break
            found.append(item)
        else:
            return found


def failing(items: Iterator[Any], kind: type[ConnectorError] = DefectError) -> str:
    with pytest.raises(ConnectorError) as caught:
        list(items)
    assert type(caught.value) is kind, caught.value
    return str(caught.value)


# -- what is read -------------------------------------------------------------------------------------------


@SHAPES
def test_csv_is_read_as_rows_of_texts(shape: str) -> None:
    """Compressed or not, whatever its type says; the row before an At is whole."""
    with serving(shaped(CSV, shape)) as source:
        assert rows(csv(source)) == ROWS
        assert resumed(csv, source) == ROWS


@SHAPES
def test_lines_are_read_as_rows(shape: str) -> None:
    """One JSON object a line."""
    with serving(shaped(LINES, shape)) as source:
        assert rows(lines(source)) == ROWS
        assert resumed(lines, source) == ROWS


def test_numbers_of_lines_keep_their_digits_and_texts_of_csv_stay_texts() -> None:
    """Nothing is guessed: 007 is no 7, and an empty field is an empty text."""
    with serving(Says(b'{"a": 12345678901234567.89}\n\n{"a": 1}')) as source:
        assert rows(lines(source)) == [{"a": Decimal("12345678901234567.89")}, {"a": 1}]
    with serving(Says(b"a,b,c\n007,1.10,\n", kind="text/csv")) as source:
        assert rows(csv(source)) == [{"a": "007", "b": "1.10", "c": ""}]


@pytest.mark.parametrize(
    ("body", "how", "expected"),
    [
        ("a\tb\n1\tx, y\n", {"delimiter": "\t"}, [{"a": "1", "b": "x, y"}]),
        ('a,b\r\n1,"two\r\nlines"\r\n\r\n2,"say ""so"""', {}, [{"a": "1", "b": "two\r\nlines"}, {"a": "2", "b": 'say "so"'}]),
        ("1;'x;y'\n", {"columns": ["a", "b"], "has_header": False, "delimiter": ";", "quotechar": "'"}, [{"a": "1", "b": "x;y"}]),
        ('a\tb\n1\t"x\n', {"delimiter": "\t", "quotechar": ""}, [{"a": "1", "b": '"x'}]),
        ("a,b\n1,x\\,y\n", {"escapechar": "\\"}, [{"a": "1", "b": "x,y"}]),
        ("a,b\n", {}, []),
        ("a\n", {"columns": ("a",)}, []),
    ],
)  # fmt: skip
def test_csv_is_read_as_it_is_written(body: str, how: Any, expected: Any) -> None:
    """Delimiters, quotes, line breaks in fields, with a header and without."""
    with serving(Says(body.encode(), kind="text/csv")) as source:
        assert rows(csv(source, **how)) == expected


@pytest.mark.parametrize(
    ("encoded", "kind", "how"),
    [
        ("cp1252", "text/csv; charset=windows-1252", {}),
        ("cp1252", "text/csv", {"encoding": "cp1252"}),
        ("utf-8-sig", "text/csv", {}),
        ("utf-16", "text/csv", {}),
        ("utf-16-le", "text/csv", {"encoding": "utf-16-le"}),
        ("utf-32", "text/csv", {}),
    ],
)
def test_text_is_read_in_the_encoding_it_declares(encoded: str, kind: str, how: Any) -> None:
    """By its byte order mark, its type, or the author's word; and resumed in it."""
    body = CSV.decode().encode(encoded)
    with serving(Says(body, kind=kind)) as source:
        assert rows(csv(source, **how)) == ROWS
        assert resumed(lambda source, resume: csv(source, resume, **how), source) == ROWS


def test_a_row_function_and_more_arguments_of_an_at() -> None:
    """As for pages."""
    with serving(Says(CSV, kind="text/csv")) as source:
        items = list(csv(source, row=lambda one: int(one["id"]), at={"job": 7}, state="open"))
        assert source.received[0].query == [("state", "open")]
    assert [item for item in items if not isinstance(item, At)] == [*range(5_000)]
    ats = [item.position for item in items if isinstance(item, At)]
    assert [at["resume"]["record"] for at in ats] == [1_000, 2_000, 3_000, 4_000, 5_000]
    assert {at["job"] for at in ats} == {7}


def test_an_export_may_be_asked_for_by_post() -> None:
    """With a body and headers of its own, again where it is resumed; ranges are for GET (RFC 9110, 14.2)."""
    file = File(CSV)
    with serving(script=file) as source:
        assert resumed(csv, source, json={"filter": "open"}, headers={"X-Export": "1"}) == ROWS
        asked = source.received
    assert len(asked) > 1
    assert {request.method for request in asked} == {"POST"}
    assert {request.body for request in asked} == {b'{"filter": "open"}'}
    assert {request.headers["X-Export"] for request in asked} == {"1"}
    assert not any("Range" in request.headers for request in asked)


def test_several_gzip_members_and_gzip_in_gzip() -> None:
    """A log that is put together of compressed parts; a .gz that is compressed once more on its way."""
    half = len(LINES) // 2
    parts = gzip.compress(LINES[:half]) + gzip.compress(LINES[half:]) + b"\0" * 512
    with serving(Says(parts)) as source:
        assert rows(lines(source)) == ROWS
    twice = Says(gzip.compress(gzip.compress(LINES)), headers={"Content-Encoding": "gzip"})
    with serving(twice) as source:
        assert rows(lines(source)) == ROWS


# -- what is resumed ----------------------------------------------------------------------------------------


def test_a_range_is_asked_for_where_it_is_offered() -> None:
    """Under the strong ETag of that very body; what came before is not sent again."""
    with serving(script=File(CSV)) as source:
        assert resumed(csv, source) == ROWS
        asked = [request.headers for request in source.received]
    assert "Range" not in asked[0]
    assert [int(headers["Range"][6:-1]) for headers in asked[1:]] == sorted(
        {int(h["Range"][6:-1]) for h in asked[1:]}
    )
    assert {headers["If-Range"] for headers in asked[1:]} == {'"one"'}


@pytest.mark.parametrize(
    "file",
    [
        File(CSV, ranges=False),
        File(CSV, etag='W/"one"'),
        File(gzip.compress(CSV)),
        File(gzip.compress(CSV), headers={"Content-Encoding": "gzip"}),
        File(CSV.decode().encode("utf-16")),
    ],
    ids=["no ranges", "a weak ETag", "gzip", "Content-Encoding", "utf-16"],
)
def test_no_range_is_asked_for_of_a_body_whose_bytes_are_others(file: File) -> None:
    """Places in the text are not places in a compressed body, and a weak ETag says nothing of bytes."""
    with serving(script=file) as source:
        assert resumed(csv, source) == ROWS
        assert not any("Range" in request.headers for request in source.received)


def _second_at(source: Source) -> Any:
    ats = (item for item in csv(source) if isinstance(item, At))
    return next(ats).position["resume"] and next(ats).position["resume"]


@pytest.mark.parametrize("ranges", [True, False])
def test_a_body_that_has_changed_is_not_mixed_with_the_one_before(ranges: bool) -> None:
    """Its rows are counted otherwise: the table begins again."""
    file = File(CSV, ranges=ranges)
    with serving(script=file) as source:
        resume = _second_at(source)
        file.body, file.etag = CSV.replace(b"\n7,", b"\n-7,"), '"two"'
        message = failing(csv(source, resume), ExpiredError)
    assert "/file has changed since its first 2,000 rows were read" in message


@pytest.mark.parametrize("ranges", [True, False])
def test_a_body_that_has_only_grown_is_read_on(ranges: bool) -> None:
    """A log under a new ETag: what was read of it is still what it was."""
    file = File(CSV, ranges=ranges)
    with serving(script=file) as source:
        resume = _second_at(source)
        file.body, file.etag = CSV + b"5000,new\n", '"two"'
        assert rows(csv(source, resume)) == [*ROWS[2_000:], {"id": "5000", "name": "new"}]


def test_a_body_that_has_shrunk_has_changed() -> None:
    """Less than was read of it is another one, not the end."""
    with serving(script=File(CSV)) as source:
        resume = _second_at(source)
        source.script = File(CSV[:1_000], etag='"two"')
        failing(csv(source, resume), ExpiredError)
        source.script = lambda _: Says({}, 416)
        source.script = lambda request: (
            Says({}, 416) if "Range" in request.headers else Says(CSV, kind="text/csv")
        )
        assert rows(csv(source, resume)) == ROWS[2_000:]


def test_a_part_that_was_not_asked_for_is_not_taken_for_the_rest() -> None:
    """A server or a proxy that gives another range: the whole is asked for."""

    def odd(request: Received) -> Says:
        answer = File(CSV)(request)
        if answer.status == 206:
            return Says(
                CSV[50:], 206, {**answer.headers, "Content-Range": f"bytes 50-{len(CSV) - 1}/{len(CSV)}"}
            )
        return answer

    with serving(script=odd) as source:
        assert rows(csv(source, _second_at(source))) == ROWS[2_000:]


def test_a_position_of_another_release_begins_again() -> None:
    """What cannot be read in a state costs a pass, and never a connection."""
    with serving(Says(CSV)) as source:
        assert "is not one of this release" in failing(csv(source, {"row": 7}), ExpiredError)


# -- what breaks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "broken",
    [
        Short(CSV, count=len(CSV) // 2, kind="text/csv"),
        Short(CSV, count=CSV.index(b"\n99,") + 1, kind="text/csv"),
        Chunks(CSV[: len(CSV) // 2], ends=False, kind="text/csv"),
        Says(gzip.compress(CSV)[:-300], kind="application/gzip"),
        Says(gzip.compress(CSV)[:-1], kind="application/gzip"),
        Says(gzip.compress(CSV)[:-8] + b"\0" * 8, kind="application/gzip"),
        Chunks(gzip.compress(CSV)[:-40], headers={"Content-Encoding": "gzip"}, kind="text/csv"),
        Says(CSV[: CSV.index(b"\n99,") + 3], kind="text/csv"),
        Says(CSV[: CSV.index(b"\n99,") + 8], kind="text/csv"),
        Unframed(CSV[: len(CSV) // 2], kind="text/csv"),
        Unframed(CSV[: CSV.index(b'"\n99,') + 1], kind="text/csv"),
        Says(b"", kind="text/csv"),
        Resets(),
    ],
    ids=[
        "in a line", "between lines", "chunks", "gzip", "its last byte", "its checksum", "gzip in chunks", "half a line", "an open quote",
        "without a length, in a line", "without a length, in a last line", "nothing", "reset",
    ],
)  # fmt: skip
def test_a_body_that_breaks_off_is_asked_for_again(broken: Any) -> None:
    """And read on behind what has come: every row once."""
    with serving(broken, Says(CSV, kind="text/csv")) as source:
        assert rows(csv(source)) == ROWS
        assert len(source.received) == 2


def test_a_half_of_a_last_object_is_asked_for_again() -> None:
    """Also where its length was announced rightly."""
    with serving(Says(LINES[:-5]), Says(LINES)) as source:
        assert rows(lines(source)) == ROWS
    with serving(Says(LINES[:-5])) as source:
        message = failing(lines(source), TransientError)
    assert "GET " in message
    assert "/file: an answer that ends in the middle of line 5000 5 times." in message


def test_a_body_that_breaks_off_again_and_again_is_read_on_as_long_as_more_comes() -> None:
    """Tries are counted from where the last one came to; a Range leaves out what has come."""
    answers: list[int] = []

    def script(request: Received) -> Says:
        whole = File(CSV)(request)
        answers.append(whole.status)
        return Short(whole.body, whole.status, whole.headers, "text/csv", count=25_000)

    with serving(script=script) as source:
        assert rows(csv(source)) == ROWS
    assert answers == [200] + [206] * (len(answers) - 1)
    assert len(answers) > 5


def test_an_end_that_nothing_announces_is_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    """One that breaks off between two lines looks the same."""
    with serving(Unframed(CSV, kind="text/csv")) as source:
        assert rows(csv(source)) == ROWS
    assert "nothing in the answer says where it ends" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("id,name\n1,a\n2,b,c\n", "/file, line 3 has 3 fields, and the header 2."),
        ("id,name\n1,a\n2\n3,c\n", "/file, line 3 has 1 fields, and the header 2."),
        ("id,name,id\n1,a,2\n", "/file, line 1: the header names 'id' more than once."),
        ('id,name\n1,"a"b\n', "/file, line 2: ',' expected after '\"'."),
        ("id,name\n1,\xe9\n", "/file, line 2: text that is not utf-8"),
        ("id,name\r1,a\r", "/file, line 1: a carriage return that ends no line"),
    ],
)
def test_a_line_that_is_no_row_is_an_error_that_names_it(body: str, said: str) -> None:
    """No row is left out, and none is cut."""
    with serving(Says(body.encode("latin-1"), kind="text/csv")) as source:
        assert said in failing(csv(source))


def test_the_line_is_that_of_the_file_also_where_it_is_read_on() -> None:
    """Line breaks in fields, blank lines and the header are counted."""
    body = b"id,name\n\n" + b'%d,"two\nlines"\n' * 2_500 % tuple(range(2_500)) + b"1,2,3\n"
    with serving(script=File(body)) as source:
        assert "line 5003 has 3 fields" in failing(csv(source))
        ats = [item for item in _until_error(csv(source)) if isinstance(item, At)]
        assert "line 5003 has 3 fields" in failing(csv(source, ats[-1].position["resume"]))


def _until_error(items: Iterator[Any]) -> Iterator[Any]:
    try:
        yield from items
    except ConnectorError:
        return


def test_a_header_that_lacks_a_column_is_an_error() -> None:
    """Without a header the first row would be lost, and all others would have its names."""
    with serving(Says(b"1,a\n2,b\n", kind="text/csv")) as source:
        message = failing(csv(source, columns=("id",)))
    assert "/file, line 1: the header has no column 'id': '1,a'." in message


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<html>\n<h1>Please log in</h1>\n</html>\n", "text/html"),
        (b'{"error": "maintenance"}', "application/json"),
        (b"null", "text/plain"),
        (b"[]", "application/vnd.api+json"),
    ],
)
def test_another_page_is_no_csv_without_rows(body: bytes, kind: str) -> None:
    """A login page under status 200 has a first line, too."""
    with serving(Says(body, kind=kind)) as source:
        assert "/file answered" in failing(csv(source), TransientError)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"<html>log in</html>", "/file, line 2 is no JSON ("),
        (b"[1]", "/file, line 2 is a list, not an object: '[1]'."),
        (b"null", "/file, line 2 is null, not an object"),
        (b'{"id": "\xff"}', "/file, line 2 is no JSON (text that is not UTF-8"),
        (b"[" * 2_000, "/file, line 2 is n"),
    ],
)
def test_a_line_that_is_no_object_is_an_error_that_names_it(line: bytes, said: str) -> None:
    """Whatever comes in its place."""
    with serving(Says(b'{"id": 1}\n' + line + b'\n{"id": 2}\n')) as source:
        assert said in failing(lines(source), TransientError)


def test_a_zip_archive_and_an_encoding_that_was_not_asked_for_are_named() -> None:
    """Neither is text."""
    with serving(Says(b"PK\x03\x04...")) as source:
        assert "/file is a zip archive, not text." in failing(lines(source))
    with serving(Says(CSV, headers={"Content-Encoding": "br"})) as source:
        assert "Content-Encoding br" in failing(lines(source))


def test_a_carriage_return_that_ends_no_line_is_named() -> None:
    """In our own words: Python's would have a file opened in another way."""
    with serving(Says(b"id,name\n1,a\n2,b\rc\n", kind="text/csv")) as source:
        message = failing(csv(source))
    assert "/file, line 3: a carriage return that ends no line, in a field without quotes." in message
    assert "universal" not in message


def test_a_secret_in_a_bad_line_is_not_shown(invocation: Invocation) -> None:
    """What a message says of a line is cleaned before it is cut."""
    invocation.redactor.add("s3cr3t-of-the-house")
    with serving(Says(b"<p>key s3cr3t-of-the-house</p>\n")) as source:
        assert "s3cr3t" not in failing(lines(source), TransientError)
    with serving(Says(b"key s3cr3t-of-the-house,b\n1,2\n", kind="text/csv")) as source:
        assert "s3cr3t" not in failing(csv(source, columns=("id",)))


def test_a_refusal_is_reported_as_of_any_request() -> None:
    """With the source's words."""
    with serving(Says({"message": "no such report"}, 404)) as source, pytest.raises(ConnectorError) as caught:
        list(csv(source))
    assert "/file: HTTP 404: no such report" in str(caught.value)


# -- wrong uses ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"columns": "id"}, "csv(columns='id'): it has to be names of columns, such as ('id', 'name')."),
        ({"columns": ["id", "id"]}, "csv(columns=['id', 'id']): a column is named more than once."),
        ({"has_header": False}, "csv(has_header=False) needs columns="),
        ({"delimiter": "||"}, "csv(delimiter='||'): it has to be one character, and no line break."),
        ({"delimiter": ""}, "csv(delimiter='')"),
        ({"delimiter": None}, "csv(delimiter=None)"),
        ({"quotechar": "''"}, "csv(quotechar=\"''\")"),
        ({"quotechar": ","}, "csv(...): delimiter, quotechar and escapechar have to differ"),
        ({"escapechar": "\n"}, "csv(escapechar='\\n')"),
        ({"encoding": "utf-9"}, "csv(encoding='utf-9'): Python knows no such encoding"),
        ({"resume": 5}, "resume=5 is no position that an At(resume=...) has named."),
    ],
)
def test_an_argument_that_cannot_be_meant_is_refused(how: dict[str, Any], said: str) -> None:
    """Before anything is asked, in a sentence that names the table and the argument."""
    app = Connector("wrong", client=lambda _: Client("http://127.0.0.1:9"))

    @app.table(key="id")
    def report(acme: Client, resume: dict[str, Any] | None = None) -> Iterator[Any]:
        yield from acme.csv("/file", **{"resume": resume, **how})

    (reply,) = Fivetran(app.handler).sync()
    assert reply.body["errorMessage"].startswith(f"Table report: {said}")


# -- budgets ------------------------------------------------------------------------------------------------


def connected(source: Source, read: Callable[..., Iterator[Any]]) -> Fivetran:
    app = Connector("streams", client=lambda _: Client(source.url))

    @app.table(key="id")
    def report(acme: Client, resume: dict[str, Any] | None = None) -> Iterator[Any]:
        yield from read(acme, resume)

    return Fivetran(app.handler)


@SHAPES
def test_a_body_of_many_answers_arrives_whole(monkeypatch: pytest.MonkeyPatch, shape: str) -> None:
    """Cut by bytes, gone on with from the state; and the rest is asked for."""
    monkeypatch.setenv("FIVETRAN_ANSWER_BYTES", "60000")
    with serving(shaped(CSV, shape)) as source:
        fivetran = connected(source, lambda acme, resume: acme.csv("/file", resume))
        assert len(fivetran.sync()) > 3
        assert [*fivetran.tables["report"].values()] == ROWS


def test_a_body_that_changes_while_it_is_sent_is_sent_from_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """All its rows are those of the body that was read last."""
    monkeypatch.setenv("FIVETRAN_ANSWER_BYTES", "60000")
    changed = [*reversed(ROWS)]
    body = b"id,name\n" + b"".join(f'{row["id"]},"{row["name"]}!"\n'.encode() for row in changed)
    with serving(script=File(CSV)) as source:
        fivetran = connected(source, lambda acme, resume: acme.csv("/file", resume))
        for _ in range(3):
            fivetran.call()
        source.script = File(body, etag='"two"')
        while fivetran.call().body["hasMore"]:
            pass
    found = {row["id"]: row["name"] for row in fivetran.tables["report"].values()}
    assert found == {row["id"]: f"{row['name']}!" for row in ROWS}


def test_a_call_that_only_passes_over_what_was_read_says_so(
    monkeypatch: pytest.MonkeyPatch, clock: VirtualClock
) -> None:
    """Its limit is named, with the file and the row: no later call would get beyond it."""
    monkeypatch.setenv("FIVETRAN_TIMEOUT_S", "100")

    @dataclass(frozen=True)
    class Slowly(Says):
        def write(self, handler: Handler) -> None:
            self.head(handler, len(self.body))
            for start in range(0, len(self.body), 20_000):
                clock.sleep(seconds[0])
                handler.wfile.write(self.body[start : start + 20_000])
                handler.wfile.flush()
            handler.close_connection = True

    seconds = [0.0]
    with serving(script=lambda _: Slowly(CSV, kind="text/csv")) as source:
        with run_as(Invocation(Budget(Limits(seconds=100)))):
            resume = [item.position["resume"] for item in csv(source) if isinstance(item, At)][-1]
        fivetran = connected(source, lambda acme, resume: acme.csv("/file", resume))
        fivetran.state = {"connector": "streams", "tables": {"report": {"at": {"resume": resume}}}}
        seconds[0] = 20
        (reply,) = fivetran.sync()
    assert reply.status == 500
    message = reply.body["errorMessage"]
    assert "MB that an earlier call has read were asked for again to go on behind row 5,000" in message
    assert "the source offers no ranges of it" in message


def test_a_source_that_stalls_is_over_when_the_time_is(clock: VirtualClock) -> None:
    """Between two pieces the time is looked at."""

    @dataclass(frozen=True)
    class Stalls(Says):
        def write(self, handler: Handler) -> None:
            self.head(handler, len(self.body) + 100)
            handler.wfile.write(self.body)
            handler.wfile.flush()
            clock.sleep(95)
            handler.wfile.write(b" " * 50)
            handler.wfile.flush()
            handler.source.closing.wait(5)

    with serving(Stalls(CSV, kind="text/csv")) as source, pytest.raises(OutOfBudget) as stopped:
        list(csv(source))
    assert "/file: it came too slowly" in stopped.value.why


def test_a_stream_takes_no_more_memory_than_its_rows() -> None:
    """A body twenty times as large takes about as much; a compressed one as well."""
    peaks = []
    for count in (20, 400):
        body = gzip.compress(b'{"id": 1, "text": "' + b"x" * 10_000 + b'"}\n') * count
        with serving(Says(body)) as source:
            tracemalloc.start()
            assert sum(1 for item in lines(source) if not isinstance(item, At)) == count
            peaks.append(tracemalloc.get_traced_memory()[1] - len(body))
            tracemalloc.stop()
    assert peaks[1] < peaks[0] * 2 + 500_000


def test_a_line_that_does_not_fit_into_the_memory_is_named() -> None:
    """Such as a file without line breaks."""
    with (
        run_as(Invocation(Budget(Limits(seconds=100, memory_bytes=2_000_000)))),
        serving(Says(b"x" * 3_000_000)) as source,
    ):
        assert "/file: a line is longer than" in failing(lines(source))


def test_a_stream_has_no_limit_but_its_lines() -> None:
    """`max_bytes` is of bodies that are held whole."""
    with serving(Says(CSV, kind="text/csv")) as source:
        assert rows(Client(source.url, max_bytes=1_000).csv("/file", None)) == ROWS


def test_a_stream_that_is_left_closes_its_connection() -> None:
    """Nothing of the rest is waited for; the client goes on with other requests."""
    with serving(
        script=lambda request: Says([]) if request.path == "/other" else Says(CSV * 50, kind="text/csv")
    ) as source:
        client = Client(source.url)
        items = client.csv("/file", None)
        assert next(items) == ROWS[0]
        assert client.get("/other") == []
        items.close()  # type: ignore[attr-defined]
        assert client.get("/other") == []


# -- whatever comes -----------------------------------------------------------------------------------------

FIELDS = st.text(st.sampled_from('a1ö€😀 ,;"\n\r\t'), max_size=8)
ENDS = st.sampled_from(["\n", "\r\n"])


@settings(max_examples=60, deadline=None)
@given(
    fields=st.lists(st.tuples(FIELDS, FIELDS), min_size=1, max_size=30),
    end=ENDS,
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    is_zipped=st.booleans(),
    ranges=st.booleans(),
    cuts=st.lists(st.integers(1, 400), max_size=3),
    stops=st.lists(st.integers(0, 4), max_size=6),
)
def test_whatever_is_written_breaks_off_and_is_resumed_arrives_once(
    fields: list[tuple[str, str]],
    end: str,
    encoding: str,
    is_zipped: bool,
    ranges: bool,
    cuts: list[int],
    stops: list[int],
) -> None:
    """Quotes, line breaks and all: the rows are those that Python's own reader finds in the whole text."""
    written = io.StringIO(newline="")
    table = standard_csv.writer(written, lineterminator=end, quoting=standard_csv.QUOTE_ALL)
    table.writerows([("one", "two"), *fields])
    expected = [{"one": one, "two": two} for one, two in fields]
    body = written.getvalue().encode(encoding)
    file = File(gzip.compress(body) if is_zipped else body, ranges=ranges)
    left = list(cuts)

    def script(request: Received) -> Says:
        whole = file(request)
        if not left:
            return whole
        return Short(
            whole.body, whole.status, whole.headers, "text/csv", count=min(left.pop(), len(whole.body) - 1)
        )

    limits = Limits(seconds=100, answer_bytes=1_000)  # so small that there is an At every few bytes
    with serving(script=script) as source, run_as(Invocation(Budget(limits))):
        found: list[Any] = []
        resume: Any = None
        for stop in [*stops, None]:
            ats, ended = 0, True
            for item in csv(source, resume):
                if not isinstance(item, At):
                    found.append(item)
                    continue
                resume, ats = json.loads(json.dumps(item.position["resume"])), ats + 1
                if ats == stop:
                    ended = False
                    break
            if ended:
                break
    assert found == expected
