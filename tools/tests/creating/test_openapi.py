from __future__ import annotations

import ast
import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from small_repository import ROOT

from tools.local import readmes
from tools.local.testing import run_tests
from tools.locked.creating import baking, creation
from tools.locked.creating.made_practice import as_made
from tools.locked.creating.openapi import connector_code, document, making, practice_code
from tools.locked.creating.openapi.login import login_of
from tools.locked.creating.openapi.schemas import Schemas
from tools.locked.creating.openapi.selection import MAX_TABLES, Selection, Table, select
from tools.locked.creating.template_rendering import tidy
from tools.locked.house.words import INSTEAD
from tools.repository.errors import RepositoryError
from tools.repository.model import Repository

HELPDESK = Path(__file__).parent / "descriptions" / "helpdesk.yaml"
NAME = "described"
ID = {"id": {"type": "integer"}}
HOSTILE = "\"\"\"\n'''{__import__('os')}\\ \u202e](javascript:x) <script>x</script> | ` ${x} # {% x %}"
"""What would be code, markup or a template wherever it isn't quoted."""
TELLING = (
    "C03",
    "C09",
    "C13",
    "C18",
    "C21",
    "C24",
    "C29",
    "C34",
    "C36",
    "C40",
    "C47",
    "C48",
    "C51",
    "C59",
    "C62",
)
"""Checks of the contract on rows, keys, positions, cursors, deletes, secrets and the setup test."""
REFUSED = next(iter(INSTEAD))
"""A word that lint refuses, which is a column's name in the hostile description."""

Describe = Callable[..., document.Document]


def query(name: str, **schema: Any) -> dict[str, Any]:
    """A parameter of the query."""
    return {"name": name, "in": "query", "schema": schema or {"type": "string"}}


def get(
    schema: Mapping[str, Any], *parameters: Mapping[str, Any], headers: tuple[str, ...] = (), **more: Any
) -> dict[str, Any]:
    """A path with a GET that answers with the schema."""
    response = {
        "description": "",
        "headers": {name: {} for name in headers},
        "content": {"application/json": {"schema": schema}},
    }
    return {"get": {"parameters": list(parameters), "responses": {"200": response}, **more}}


def listed(item: Mapping[str, Any] | None = None, **envelope: Any) -> dict[str, Any]:
    """The schema of an object with a list called `data`, and what else is in it."""
    rows = {"type": "array", "items": {"type": "object", "properties": item or ID}}
    return {"type": "object", "properties": {"data": rows, **envelope}}


def within(schema: dict[str, Any], *names: str) -> dict[str, Any]:
    """An object that has it behind these names."""
    for name in reversed(names):
        schema = {"type": "object", "properties": {name: schema}}
    return schema


@pytest.fixture
def describe(tmp_path: Path) -> Describe:
    """Writes a description with these paths, and reads it."""

    def write(paths: Mapping[str, Any], **more: Any) -> document.Document:
        file = tmp_path / "openapi.json"
        whole = {"openapi": "3.0.3", "info": {"title": "Acme"}, "paths": paths, **more}
        file.write_text(json.dumps(whole), "utf-8")
        return document.read(file)

    return write


def only(selection: Selection) -> Table:
    """The one table of a selection."""
    [table] = selection.tables
    return table


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.yaml", "swagger: '2.0'\npaths: {}\n", r"this is Swagger 2\.0.*swagger2openapi a\.yaml"),
        ("a.yaml", "openapi: 3.0.0\npaths:\n  /x: [1\n", r"a\.yaml:4: not YAML"),
        ("a.yaml", "a: &a [*a, *b]\n", r"a\.yaml:1: not YAML.*alias"),
        ("a.yaml", "openapi: !!python/object/apply:os.abort []\n", r"a\.yaml:1: not YAML.*python"),
        ("a.json", '{"openapi": "3.0.0",\n "paths": {]}', r"a\.json:2: not JSON"),
        ("a.json", "[" * 100_000, "nested too deeply"),
        ("a.json", '{"openapi": ' + "1" * 5000 + "}", "not JSON that can be read"),
        ("a.json", "{}", "no description of OpenAPI 3: it has no `openapi"),
        ("a.json", '{"openapi": "4.0.0", "paths": {"/a": {}}}', r"`openapi` is '4\.0\.0'"),
        ("a.json", '{"openapi": "3.1.0", "webhooks": {}}', "it has no paths"),
        ("a.json", '"openapi"', "no description of OpenAPI 3"),
        ("a.json", b'{"openapi":\n"\xff"}', r"a\.json:2: this isn't UTF-8"),
        ("a.json", '{"openapi": "3.0.0", "paths": {"/a": {"post": {}}}}', "no GET operations"),
        (
            "a.json",
            json.dumps({"openapi": "3.0.0", "paths": {"/a": get({"type": "string"})}}),
            r"1 GET operations, and none lists rows with a key \(/a: its answer is no list",
        ),
        (
            "a.json",
            json.dumps({"openapi": "3.0.0", "paths": {"/a": get({"$ref": "b.yaml#/A"})}}),
            r"refers to another file, 'b\.yaml#/A'.*bundle",
        ),
    ],
)
def test_what_is_no_description_gets_one_sentence(
    tmp_path: Path, name: str, content: str | bytes, expected: str
) -> None:
    """With the place and the way out, whatever the file is; never a traceback."""
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(RepositoryError, match=expected) as caught:
        select(document.read(file))
    assert "\n" not in str(caught.value)


def test_a_missing_and_an_endless_file_get_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything of it is read."""
    with pytest.raises(RepositoryError, match="no such file; --openapi takes"):
        document.read(tmp_path / "openapi.yaml")
    monkeypatch.setattr(document, "MAX_BYTES", 10)
    with pytest.raises(RepositoryError, match="description has 10 at most"):
        document.read(HELPDESK)


def test_yaml_is_read_as_openapi_means_it(tmp_path: Path) -> None:
    """YAML 1.2: `no` is Norway, a day is text, a status may be a number; what repeats itself a billion times costs nothing."""
    bombs = "\n".join(f"b{n}: &b{n} [*b{n - 1}, *b{n - 1}]" for n in range(1, 60))
    file = tmp_path / "openapi.yaml"
    file.write_text(
        f"openapi: 3.0.0\nx: [no, 2026-01-01, 010]\nb0: &b0 {{}}\n{bombs}\npaths: {{/a: {{}}}}\n", "utf-8"
    )
    assert document.read(file).root["x"] == ["no", "2026-01-01", 10]


@pytest.mark.parametrize(
    ("parameters", "envelope", "expected"),
    [
        (["page", "per_page"], {}, ("page", "page", ())),
        (
            ["page"],
            {"meta": {"properties": {"has_more": {"type": "boolean"}}}},
            ("page", "page", ("meta", "has_more")),
        ),
        (["offset", "limit"], {}, ("offset", "offset", ())),
        (["startAt", "maxResults"], {"total": {"type": "integer"}}, ("offset", "startAt", ())),
        (["cursor"], {"next_cursor": {"type": "string"}}, ("token", "cursor", ("next_cursor",))),
        (["pageToken"], {"nextPageToken": {"type": "string"}}, ("token", "pageToken", ("nextPageToken",))),
        (
            ["after"],
            {"paging": {"properties": {"next": {"properties": {"after": {"type": "string"}}}}}},
            ("token", "after", ("paging", "next", "after")),
        ),
        (["starting_after", "limit"], {"has_more": {"type": "boolean"}}, ("keyset", "starting_after", ())),
        (["page"], {"next": {"type": "string", "format": "uri"}}, ("link", "", ("next",))),
        ([], {"@odata.nextLink": {"type": "string"}}, ("link", "", ("@odata.nextLink",))),
        (
            [],
            {"links": {"properties": {"next": {"type": "string", "example": "https://a.example/2"}}}},
            ("link", "", ("links", "next")),
        ),
        (["q"], {}, ("none", "", ())),
    ],
)
def test_the_way_of_paging_is_found(
    describe: Describe, parameters: list[str], envelope: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    """By its parameters and what the answer says of the next page, which is believed first."""
    kinds = {"cursor": "string", "pageToken": "string", "after": "string", "starting_after": "string"}
    given = [query(name, type=kinds.get(name, "integer")) for name in parameters]
    paging = only(select(describe({"/users": get(listed(**envelope), *given)}))).paging
    assert (paging.style, paging.param, paging.place) == expected


def test_a_link_header_is_found_and_links_by_number_move(describe: Describe) -> None:
    """Under a link that counts pages a deleted row pulls another one out of sight, as under page numbers."""
    by_number = {"/users": get(listed(), query("page", type="integer"), headers=("Link",))}
    opaque = {"/users": get(listed(), headers=("Link",))}
    assert [only(select(describe(paths))).paging.moves for paths in (by_number, opaque)] == [True, False]
    assert only(select(describe(opaque))).paging.style == "link"


def test_a_page_is_never_larger_than_the_source_is_known_to_take(describe: Describe) -> None:
    """Its maximum, as the schema or the words have it; else its default; else its own size."""
    sizes = [
        query("limit", type="integer", maximum=200),
        {**query("limit", type="integer", default=20), "description": "Page size, maximum of 50."},
        query("limit", type="integer", default=20),
        query("limit", type="integer"),
    ]
    found = [
        only(select(describe({"/users": get(listed(), query("offset", type="integer"), one)}))).paging
        for one in sizes
    ]
    assert [(one.size_param, one.size) for one in found] == [
        ("limit", 200),
        ("limit", 50),
        ("limit", 20),
        ("", None),
    ]


def test_a_token_whose_place_nobody_says_is_asked_about(describe: Describe) -> None:
    """The list is not taken for one that comes at once, which would delete what is behind its first page."""
    described = describe({"/users": get(listed(), query("offset", type="string"))})
    table = only(select(described))
    assert (table.paging.style, table.paging.guessed) == ("token", True)
    assert (
        "where does the answer have the next `offset`?"
        in made_texts(described, folder_of(described))["README.md"]
    )


@pytest.mark.parametrize(
    ("item", "detail", "expected"),
    [
        (["name", "id"], "", "id"),
        (["gid", "name"], "user_gid", "gid"),
        (["login", "number"], "user_number", "number"),
        (["user_id", "name"], "", "user_id"),
        (["userId", "name"], "", "userId"),
        (["email", "name"], "", "email"),
    ],
)
def test_the_key_is_found(describe: Describe, item: list[str], detail: str, expected: str) -> None:
    """`id`, what one row is asked for by, what is called like the list's rows, or what only one row should have."""
    row = {"type": "object", "properties": {name: {"type": "string"} for name in item}, "required": item}
    paths = {"/users": get({"type": "array", "items": row})}
    if detail:
        paths[f"/users/{{{detail}}}"] = get(row)
    table = only(select(describe(paths)))
    assert table.key.column == expected
    assert bool(table.key.asked) is (expected == "email")


@pytest.mark.parametrize(
    ("param", "column", "paging", "expected"),
    [
        ("updated_since", {"updated_at": "date-time"}, "cursor", "datetime"),
        ("updated_at[gte]", {"updatedAt": "date-time"}, "cursor", "datetime"),
        ("modifiedAfter", {"last_modified": "date"}, "cursor", "date"),
        ("updated_since", {"updated_at": "int64"}, "cursor", "seconds"),
        ("updated_since", {"updated_at": "date-time"}, "page", None),
        ("updated_since", {"created_at": "date-time"}, "cursor", None),
        ("created_since", {"updated_at": "date-time"}, "cursor", None),
        ("updated_since", {"updated_at": "int64", "x": "wants text"}, "cursor", None),
    ],
)
def test_the_cursor_is_found_where_it_loses_nothing(
    describe: Describe, param: str, column: dict[str, str], paging: str, expected: str | None
) -> None:
    """A filter and a column in one notation; never under page numbers, where a delete hides a row that did not change."""
    [(name, form), *others] = column.items()
    kind = "integer" if form == "int64" else "string"
    asked = query(param, type="string", format="date-time") if others else query(param)
    row = {**ID, name: {"type": kind, "format": form}}
    pages = query("page", type="integer") if paging == "page" else query("cursor")
    table = only(
        select(
            describe(
                {
                    "/users": get(
                        listed(row, next_cursor={"type": "string"} if paging == "cursor" else {}),
                        asked,
                        pages,
                    )
                }
            )
        )
    )
    assert (table.cursor.kind if table.cursor else None) == expected


@pytest.mark.parametrize(
    ("said", "since", "epoch"),
    [
        ("Unix time", "updated_since=since and int(since.timestamp())", "seconds"),
        ("in milliseconds", "updated_since=since and int(since.timestamp() * 1000)", "milliseconds"),
    ],
)
def test_a_filter_that_takes_a_number_is_given_one(
    describe: Describe, said: str, since: str, epoch: str
) -> None:
    """Whole seconds before the mark lose nothing; the practice source reads them so, and the README asks."""
    row = {**ID, "updated_at": {"type": "string", "format": "date-time"}}
    asked = {**query("updated_since", type="integer"), "description": said}
    described = describe({"/users": get(listed(row, next_cursor={"type": "string"}), asked, query("cursor"))})
    made = making.plan_of(described, NAME, select(described))
    assert since in connector_code.connector(made)
    assert f"since='updated_since', epoch='{epoch}'" in practice_code.practice(made)


def test_schemas_are_merged_and_circles_end(describe: Describe) -> None:
    """References, allOf, oneOf with null, lists of types, and a schema within itself."""
    schemas = {
        "Base": {"type": "object", "required": ["id"], "properties": ID},
        "Node": {
            "allOf": [{"$ref": "#/components/schemas/Base"}],
            "properties": {
                "name": {"type": ["string", "null"]},
                "next": {"oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/Node"}]},
                "self": {"$ref": "#/components/schemas/Loop"},
            },
        },
        "Loop": {"$ref": "#/components/schemas/Loop"},
    }
    described = describe(
        {"/nodes": get({"type": "array", "items": {"$ref": "#/components/schemas/Node"}})},
        components={"schemas": schemas},
    )
    members = only(select(described)).members
    assert {name: (one.kind, one.nullable) for name, one in members.items()} == {
        "id": ("integer", False), "name": ("string", True), "next": ("object", True), "self": ("", False),
    }  # fmt: skip
    assert (
        Schemas(described).shape({"allOf": [{"$ref": "#/components/schemas/Node"}] * 1000}).kind == "object"
    )


def test_rows_within_three_names_are_found(describe: Describe) -> None:
    """As `result.page.data`: deeper, a person is asked."""
    selection = select(describe({"/users": get(within(listed(), "result", "page"))}))
    assert only(selection).listing.rows == ("result", "page", "data")


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "array", "items": {"type": "string"}}, "no objects"),
        (listed({"name": {"type": "string"}}), "no column is known as the key"),
        (
            {"type": "object", "properties": {n: listed()["properties"]["data"] for n in ("some", "more")}},
            "several lists: some, more",
        ),
        ({"type": "object"}, "no list of objects"),
        (
            within(listed(), "a", "b", "c"),
            'are its rows at a.b.c.data? Then write its table by hand, with rows="a.b.c.data"',
        ),
        (
            within(listed({"children": listed()["properties"]["data"]}), "result"),
            'with a second loop: `yield from one["children"]`',
        ),
    ],
)
def test_what_is_no_table_has_its_reason(describe: Describe, schema: dict[str, Any], expected: str) -> None:
    """In the README, so that a person sees what is left out."""
    selection = select(describe({"/users": get(listed()), "/others": get(schema)}))
    assert expected in selection.unusable["/others"]
    assert [table.name for table in selection.tables] == ["users"]


def test_what_a_list_needs_is_sent_or_it_is_no_table(describe: Describe) -> None:
    """A required parameter with a known value, and `all` where the source shows a part otherwise."""
    needs = {**query("kind", type="string", default="a"), "required": True}
    unknown = {**query("workspace"), "required": True}
    paths = {
        "/users": get(listed(), needs, query("state", type="string", enum=["open", "all"])),
        "/teams": get(listed(), unknown),
    }
    selection = select(describe(paths))
    assert only(selection).query == {"kind": "a", "state": "all"}
    assert selection.unusable["/teams"] == "it needs the query's parameter workspace"


def test_names_are_distinct_and_pythons(describe: Describe) -> None:
    """Two lists of one name, keywords, builtins, digits and other alphabets."""
    paths = ["/users", "/admin/users", "/class", "/list/type", "/2fa", "/userGroups"]
    tables = select(describe({path: get(listed()) for path in paths})).tables
    assert {table.listing.path: table.name for table in tables} == {
        "/users": "users", "/admin/users": "admin_users", "/class": "class", "/list/type": "type",
        "/2fa": "t2fa", "/userGroups": "user_groups",
    }  # fmt: skip
    functions = [table.function for table in tables]
    assert all(name.isidentifier() for name in functions)
    assert {"class_", "type_"} <= set(functions)


def test_nested_lists_have_parents_or_settings(describe: Describe) -> None:
    """A parent that is listed is looped over; what nobody lists comes from the secrets; three levels are too many."""
    paths = [
        "/projects",
        "/projects/{id}/tasks",
        "/projects/{id}/tasks/{task}/notes",
        "/orgs/{org}/repos",
        "/x/{token}/y",
    ]
    selection = select(describe({path: get(listed()) for path in paths}))
    tables = {table.name: table for table in selection.tables}
    assert tables["tasks"].keys == ("project_id", "id")
    assert tables["repos"].settings == {"org": "org"}
    assert tables["y"].settings == {"token": "path_token"}
    assert "list within a list" in selection.unusable["/projects/{id}/tasks/{task}/notes"]


def test_the_first_few_are_made_and_any_can_be_chosen(describe: Describe) -> None:
    """A description of hundreds of lists makes a connector of a screen, and the README has the names of the others."""
    described = describe({f"/things{number}": get(listed()) for number in range(200)})
    selection = select(described)
    assert (len(selection.tables), len(selection.others)) == (MAX_TABLES, 200 - MAX_TABLES)
    assert [table.name for table in select(described, ["things150", "things3"]).tables] == [
        "things3",
        "things150",
    ]
    with pytest.raises(RepositoryError, match=r"no list 'thing3'\. Did you mean `things3\d*`"):
        select(described, ["thing3"])
    with pytest.raises(RepositoryError, match="100 are too many"):
        select(described, [f"things{number}" for number in range(100)])


@pytest.mark.parametrize(
    ("scheme", "client"),
    [
        ({"type": "http", "scheme": "Bearer"}, "Bearer(secrets.token)"),
        ({"type": "http", "scheme": "basic"}, "Basic(secrets.user, secrets.password)"),
        ({"type": "apiKey", "in": "header", "name": "X-Key"}, "HeaderKey('X-Key', secrets.key)"),
        ({"type": "apiKey", "in": "query", "name": "key"}, "QueryKey('key', secrets.key)"),
        (
            {"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": "https://a.example/t"}}},
            "ClientCredentials(secrets.oauth_url, client_id=secrets.client_id, client_secret=secrets.client_secret)",
        ),
        ({"type": "oauth2", "flows": {"authorizationCode": {}}}, "Bearer(secrets.token)"),
        ({"type": "apiKey", "in": "cookie", "name": "session"}, ""),
        ({"type": "apiKey", "in": "header", "name": "a\r\nb"}, ""),
        ({"type": "mutualTLS"}, ""),
    ],
)
def test_the_credentials_are_found(describe: Describe, scheme: dict[str, Any], client: str) -> None:
    """As the runtime's object; what is none of them is a question."""
    described = describe(
        {"/users": get(listed())}, security=[{"it": []}], components={"securitySchemes": {"it": scheme}}
    )
    login = login_of(described, [table.listing for table in select(described).tables])
    assert login.auth.client == client
    assert bool(login.questions) is (not client or "authorizationCode" in str(scheme))


def folder_of(described: document.Document) -> Path:
    """Where a test's connector is made."""
    return Path(described.where).parent / NAME


def made_texts(described: document.Document, folder: Path, tables: tuple[str, ...] = ()) -> dict[str, str]:
    """A connector's files, by name, as they are made and formatted."""
    shutil.rmtree(folder, ignore_errors=True)
    making.make(described, NAME, tables, folder)
    tidy([folder])
    return {file.name: file.read_text("utf-8") for file in sorted(folder.rglob("*")) if file.is_file()}


def test_a_description_makes_the_same_connector_each_time(tmp_path: Path) -> None:
    """Rows included: they are counted and not drawn."""
    first, second = (made_texts(document.read(HELPDESK), tmp_path / NAME) for _ in range(2))
    assert first == second
    rows = ast.parse(first["practice.py"])
    assert {"TICKETS", "COMMENTS"} <= {
        one.targets[0].id
        for one in rows.body
        if isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name)
    }


def test_a_made_readme_asks_what_the_description_does_not_say(tmp_path: Path) -> None:
    """What a person has to look at stands where they read."""
    page = made_texts(document.read(HELPDESK), tmp_path / NAME)["README.md"]
    for question in (
        "does `updated_since` mean *at or after*, in UTC",
        "Are they indexed",
        "there is a parameter `include_deleted`: which rows are left out",
        "`regions`: is `code` its key?",
        "it always asks for `state=all`",
        "`team` stands in the addresses of `rules`",
        "each row of `tickets` costs at least one request",
        "the description names no paging",
        "`agents`, `comments`, `rules`: what two syncs in a row no longer find is deleted",
    ):
        assert question in page


@pytest.fixture
def hostile(describe: Describe) -> document.Document:
    """A description whose every text wants to be something else."""
    row = {
        **ID,
        HOSTILE: {"type": "string", "example": HOSTILE},
        "state": {"enum": [HOSTILE, "open"]},
        "name": {"type": "string", "example": "{number.__class__}", "description": HOSTILE},
        REFUSED: {"type": "string"},
    }
    paths = {
        "/users": get(
            listed(row, **{HOSTILE: {"type": "boolean"}}),
            query(HOSTILE, enum=["all"]),
            query("from", enum=["all"]),
            summary=HOSTILE,
        ),
        f"/{HOSTILE}": get(listed()),
        "/a/{x}y/b": get(listed()),
        "/b/{__import__('os')}/c": get(listed()),
        "/b/{x:=1}/c": get(listed()),
    }
    return describe(
        paths,
        info={"title": HOSTILE, "description": HOSTILE},
        servers=[{"url": "https://a.example/\"+__import__('os').name+\""}],
        security=[{HOSTILE: []}],
        components={"securitySchemes": {HOSTILE: {"type": "apiKey", "in": "header", "name": HOSTILE}}},
    )


def test_texts_of_a_description_are_only_ever_texts(hostile: document.Document) -> None:
    """In Python they are literals, in Markdown letters: nothing of a stranger's file is run or linked."""
    texts = made_texts(hostile, folder_of(hostile))
    for name, words in texts.items():
        if name.endswith(".py"):
            tree = ast.parse(words)
            called = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
            assert not {"__import__", "os", "number.__class__"} & called
            assert "\u202e" not in words
    page = texts["README.md"]
    assert "\u202e" not in page
    outside_code = re.sub(r"`[^`\n]*`", "", page)
    assert [mark for mark in ("<script>", "](javascript") if mark in outside_code] == []
    assert "URL =" not in texts["__init__.py"]  # that address is none


def test_a_connector_of_hostile_texts_is_lint_free(hostile: document.Document, whole: Repository) -> None:
    """Words that the repository's lint refuses are left out of made rows, too."""
    folder = whole.root / "connectors" / NAME
    try:
        texts = made_texts(hostile, folder)
        baking.lint(whole, [NAME])
        assert REFUSED not in texts["practice.py"]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def documented_command() -> list[str]:
    """The arguments of the command that the documentation shows, for this file and name."""
    page = (ROOT / "docs/adding-a-connector.md").read_text("utf-8")
    [command] = re.findall(r"nox -s create -- (helpdesk --openapi openapi\.yaml --tables .*)", page)
    return [{"helpdesk": NAME, "openapi.yaml": str(HELPDESK)}.get(word, word) for word in command.split()]


@pytest.fixture
def made(whole: Repository, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    """A copy of this repository with a connector that the command made of a description."""
    monkeypatch.chdir(whole.root)
    assert creation.main(documented_command()) == 0
    yield Repository(whole.root)
    shutil.rmtree(whole.root / "connectors" / NAME)


@pytest.mark.index
def test_a_described_connector_keeps_the_contract_on_its_first_day(made: Repository) -> None:
    """A cursor under tokens, children of parents under page numbers, offsets under a setting: made, and nothing edited.

    The checks here are those that a wrong guess fails; `nox -s bake` puts all of them to all of the description's lists.
    """
    assert as_made((made.connector(NAME).path / "practice.py").read_text("utf-8"))
    baking.lint(made, [NAME])
    baking.types(made, [NAME])
    readmes.update(made, [NAME], check=True)
    run_tests(made, NAME, ["-q", "-k", " or ".join(TELLING)])


@pytest.mark.parametrize("name", ["Bad_Name", "tools"])
def test_a_description_makes_nothing_under_a_bad_name(whole: Repository, name: str) -> None:
    """As every new connector."""
    with pytest.raises(RepositoryError):
        creation.create_from_description(whole, name, HELPDESK)
    assert not (whole.root / "connectors" / name).exists()


def test_a_description_that_lists_nothing_leaves_nothing(whole: Repository, describe: Describe) -> None:
    """Neither a folder nor one that is unfinished."""
    described = describe({"/users": get({"type": "string"})})
    with pytest.raises(RepositoryError, match="none lists rows"):
        creation.create_from_description(whole, NAME, Path(described.where))
    assert not (whole.root / "connectors" / NAME).exists()
    assert not (whole.root / "connectors" / creation.UNFINISHED).exists()
