"""Refresh tokens that hold for one exchange: none is lost by what the runtime does, and none is shown."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

import pytest
from fivetran import Fivetran, Reply, call
from source_server import CutsOff, Received, Says, Source, serving
from virtual_clock import VirtualClock

from fivetran_runtime import (
    At,
    Client,
    Config,
    Connector,
    DefectError,
    RefreshToken,
    Secret,
    Table,
)
from fivetran_runtime._invocation.budget import Budget, Limits
from fivetran_runtime._invocation.context import Invocation, run_as

SEED = "seed-of-the-connection"
SECRET = "very-s3cret"
HOUR = 3600


class Acme(Config):
    """What is typed in."""

    url: str
    refresh_token: Secret


class Rotating:
    """A source whose refresh tokens hold for one exchange; with `grace`, the one before the last is still taken."""

    def __init__(self, *, grace: bool = False, lifetime: int = HOUR, rows: int = 3) -> None:
        self.grace, self.lifetime, self.rows = grace, lifetime, rows
        self.refresh = [SEED]
        self.access: list[str] = []
        self.exchanges: list[str] = []
        self.troubles: list[Any] = []
        self.refused: Says | None = None
        self.asked: list[str] = []

    def __call__(self, request: Received) -> Any:
        if request.path == "/token":
            return self.exchange(dict(parse_qsl(request.body.decode())))
        self.asked.append(request.path)
        if request.headers.get("Authorization") != f"Bearer {self.access[-1] if self.access else ''}":
            return Says({"error": "bad token"}, status=401)
        if self.troubles:
            return self.troubles.pop(0)
        page = int(request.parameter("page") or 0)
        return Says([{"id": page}] if page < self.rows else [])

    def exchange(self, form: dict[str, str]) -> Any:
        shown = form["refresh_token"]
        self.exchanges.append(shown)
        assert (form["client_id"], form["client_secret"]) == ("me", SECRET)
        if self.refused is not None:
            return self.refused
        if shown not in self.refresh[-2 if self.grace else -1 :]:
            return Says({"error": "invalid_grant", "error_description": f"bad {shown}"}, status=400)
        number = len(self.refresh)
        self.refresh.append(f"refresh-{number}-of-many")
        self.access.append(f"access-{number}-of-many")
        answer = {
            "access_token": self.access[-1],
            "refresh_token": self.refresh[-1],
            "expires_in": self.lifetime,
        }
        return self.troubles.pop(0) if self.troubles else Says(answer)

    def revoke_access(self) -> None:
        """The access token is void; the refresh token is not."""
        self.access.append("revoked")


def made(url: str, seed: Secret) -> RefreshToken:
    """What is tested."""
    return RefreshToken(
        f"{url}/token", client_id="me", client_secret=Secret(SECRET), refresh_token=seed, single_use=True
    )


def connector(did: list[str] | None = None, **options: Any) -> Connector:
    """A table of pages, of which each call reads some."""
    did = [] if did is None else did

    def connect(config: Acme) -> Client:
        return Client(config.url, auth=made(config.url, config.refresh_token))

    app = Connector("acme", config=Acme, client=connect, **options)

    @app.table(key="id")
    def rows(acme: Client, page: int = 0) -> Iterator[Any]:
        while found := acme.get("/rows", page=page):
            yield from found
            page += 1
            yield At(page=page)

    @app.check
    def can_read(acme: Client) -> None:
        did.append("check")
        acme.get("/rows")

    return app


pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
def rotating() -> Rotating:
    return Rotating()


@pytest.fixture
def source(rotating: Rotating) -> Iterator[Source]:
    with serving(script=rotating) as source:
        yield source


@pytest.fixture
def fivetran(source: Source) -> Fivetran:
    return connection(source)


def connection(source: Source, token: str = SEED, app: Connector | None = None) -> Fivetran:
    return Fivetran((app or connector()).handler, secrets={"url": source.url, "refresh_token": token})


def entry(fivetran: Fivetran) -> dict[str, Any]:
    [found] = fivetran.state["kept"]["credentials"].values()
    assert isinstance(found, dict)
    return found


def message(reply: Reply) -> str:
    assert reply.status == 500
    assert "state" not in reply.body
    return str(reply.body["errorMessage"])


def ids(fivetran: Fivetran) -> int:
    return len(fivetran.tables.get("rows", {}))


# -- when it is exchanged -----------------------------------------------------------------------------------


def test_new_tokens_are_in_the_state_before_anything_else_is_asked(
    fivetran: Fivetran, rotating: Rotating
) -> None:
    """The first answer has no row, and the source was asked for none."""
    fivetran.syncs = 1
    reply = fivetran.call()
    assert (reply.body["insert"], reply.body["hasMore"]) == ({}, True)
    assert reply.body["schema"] == {"rows": {"primary_key": ["id"]}}
    assert rotating.asked == []
    assert entry(fivetran)["until"] == "2026-01-01T01:00:00Z"
    fivetran.call()
    assert ids(fivetran) == 3


def test_many_syncs_exchange_only_what_has_run_out(
    fivetran: Fivetran, rotating: Rotating, clock: VirtualClock
) -> None:
    """Each successor is the one that is shown next; a token that holds on is used again."""
    for sync in range(12):
        assert fivetran.sync()[-1].status == 200, sync
        clock.sleep(HOUR / 3)
    assert rotating.exchanges == rotating.refresh[: len(rotating.exchanges)]
    assert len(rotating.exchanges) == 4
    assert ids(fivetran) == 3


def test_the_state_does_not_change_for_nothing(fivetran: Fivetran) -> None:
    """Encrypting gives another text each time, so it is done only for new tokens."""
    fivetran.sync()
    before = json.dumps(fivetran.state)
    fivetran.sync()
    assert json.dumps(fivetran.state) == before


@pytest.mark.parametrize("sends_id", [True, False])
def test_a_token_that_runs_out_during_a_sync_costs_no_row(
    rotating: Rotating, source: Source, clock: VirtualClock, sends_id: bool
) -> None:
    """The call ends at its last position, the next one exchanges, the one after it goes on."""
    app = connector()

    @app.table(key="id")
    def slow(acme: Client, page: int = 0) -> Iterator[Any]:
        while found := acme.get("/slow", page=page):
            yield from found
            page += 1
            yield At(page=page)
            clock.sleep(25)

    rotating.lifetime, rotating.rows = 60, 9
    fivetran = connection(source, app=app)
    fivetran.sends_id = sends_id
    replies = fivetran.sync()
    assert replies[-1].status == 200
    assert (ids(fivetran), len(fivetran.tables["slow"])) == (9, 9)
    assert len(rotating.exchanges) > 2
    assert rotating.exchanges == rotating.refresh[:-1]


def test_a_refused_access_token_is_renewed_by_the_next_call(
    fivetran: Fivetran, rotating: Rotating, clock: VirtualClock
) -> None:
    """It may be revoked at any time; no exchange happens with rows in hand."""
    fivetran.sync()
    clock.sleep(HOUR / 4)
    rotating.revoke_access()
    replies = fivetran.sync()
    assert [bool(reply.body["insert"].get("rows")) for reply in replies] == [False, False, True]
    assert len(rotating.exchanges) == 2
    assert "renew" not in entry(fivetran)


def test_an_access_token_that_is_refused_at_once_is_reported(fivetran: Fivetran, rotating: Rotating) -> None:
    """Another one would be refused, too: no exchange after exchange."""
    fivetran.syncs = 1
    fivetran.call()
    rotating.revoke_access()
    said = message(fivetran.call())
    assert "HTTP 401" in said
    assert "gave the access token at 2026-01-01T00:00:00Z" in said
    assert (
        "exchanged again only when it is 10 minutes old: the credentials are right, so check what they may read"
        in said
    )
    assert len(rotating.exchanges) == 1


def test_a_401_in_the_guard_or_in_discovery_is_renewed_too(
    rotating: Rotating, source: Source, clock: VirtualClock
) -> None:
    """Whatever is asked first."""
    app = connector()

    @app.before
    def is_logged_in(acme: Client) -> None:
        acme.get("/me")

    @app.tables
    def discovered(acme: Client) -> Iterator[Table]:
        acme.get("/tables")
        yield Table("more", lambda _: iter(()), key="id")

    fivetran = connection(source, app=app)
    fivetran.sync()
    clock.sleep(HOUR / 4)
    rotating.revoke_access()
    assert [reply.status for reply in fivetran.sync()] == [200, 200, 200]
    assert rotating.exchanges == rotating.refresh[:2]


def test_tokens_of_seconds_end_the_sync_before_fivetran_does(
    rotating: Rotating, source: Source, clock: VirtualClock
) -> None:
    """More than ten answers without a row would be a failure of the sync; the next one begins again."""
    rotating.lifetime = 10
    app = connector()
    before = app.client

    def slow(config: Acme) -> Any:
        clock.sleep(20)
        return before(config)

    app.client = slow
    fivetran = connection(source, app=app)
    replies = fivetran.sync()
    assert len(replies) == 9
    assert replies[-1].body["hasMore"] is False
    assert "sync" not in fivetran.state


@pytest.mark.parametrize("sends_id", [True, False])
def test_a_table_that_takes_longer_than_a_token_to_its_first_row_is_reported(
    rotating: Rotating, source: Source, clock: VirtualClock, sends_id: bool
) -> None:
    """By name, with the endpoint and the lifetime; another table's rows arrive, and few exchanges are used up."""
    rotating.lifetime = 2
    app = Connector(
        "acme", config=Acme, client=lambda it: Client(it.url, auth=made(it.url, it.refresh_token))
    )

    @app.table(key="id")
    def slow(acme: Client, page: int = 0) -> Iterator[Any]:
        for _ in range(2):
            acme.get("/slow")
            clock.sleep(3)
        yield from acme.get("/rows", page=page)

    @app.table(key="id")
    def rows(acme: Client) -> Iterator[Any]:
        yield from acme.get("/rows")

    fivetran = connection(source, app=app)
    fivetran.sends_id = sends_id
    said = message(fivetran.sync()[-1])
    assert "Table slow needs longer before its first row than an access token holds" in said
    assert f"{source.url}/token: the access token has run out, which holds for 2 s" in said
    assert ids(fivetran) == 1
    assert len(rotating.exchanges) <= 5
    assert rotating.exchanges == rotating.refresh[:-1]
    rotating.lifetime = HOUR
    assert fivetran.sync()[-1].status == 200
    assert len(fivetran.tables["slow"]) == 1


def test_an_answer_without_a_successor_keeps_the_token(
    source: Source, rotating: Rotating, clock: VirtualClock
) -> None:
    """RFC 6749, 6: then the old one goes on."""

    def keeps(request: Received) -> Any:
        if request.path != "/token":
            return Says([])
        rotating.exchanges.append(dict(parse_qsl(request.body.decode()))["refresh_token"])
        return Says({"access_token": "access-for-now", "expires_in": HOUR})

    source.script = keeps
    fivetran = connection(source)
    fivetran.sync()
    clock.sleep(HOUR)
    fivetran.sync()
    assert rotating.exchanges == [SEED, SEED]


# -- what is lost on the way --------------------------------------------------------------------------------


@pytest.mark.parametrize("sends_id", [True, False])
def test_a_lost_answer_recovers_where_the_source_still_takes_the_old_token(
    rotating: Rotating, fivetran: Fivetran, clock: VirtualClock, sends_id: bool
) -> None:
    """The first exchange, and a later one."""
    rotating.grace, fivetran.sends_id = True, sends_id
    for _ in range(2):
        lost = call(fivetran.main, {"state": fivetran.state, "secrets": fivetran.secrets, "sync_id": "lost"})
        assert lost.status == 200
        assert fivetran.sync()[-1].status == 200
        clock.sleep(HOUR)
    assert ids(fivetran) == 3


@pytest.mark.parametrize(("first", "where"), [(True, "the secrets"), (False, "the state")])
def test_a_lost_answer_without_grace_is_one_sentence_that_says_what_to_do(
    fivetran: Fivetran, clock: VirtualClock, source: Source, rotating: Rotating, first: bool, where: str
) -> None:
    """And a new token in the secrets brings the connection back, with every row."""
    if not first:
        fivetran.sync()
        clock.sleep(HOUR)
    call(fivetran.main, {"state": fivetran.state, "secrets": fivetran.secrets})  # its answer is lost
    said = message(fivetran.sync()[-1])
    assert said.startswith(f"{source.url}/token no longer takes the refresh token of {where} (HTTP 400: ")
    assert "the answer with its successor was lost" in said
    assert said.endswith("put it into the secrets, in place of the old one.")
    assert "refresh-" not in said
    assert SEED not in said
    rotating.refresh.append("another-seed")
    fivetran.secrets["refresh_token"] = "another-seed"
    assert fivetran.sync()[-1].status == 200
    assert ids(fivetran) == 3


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("invalid_client", "Check the client id and the client secret"),
        ("invalid_request", "Check what is sent"),
        ("invalid_scope", "Check the scope"),
        ("unauthorized_client", "Check the client id"),
        ("unsupported_grant_type", "Check the address of the token endpoint"),
    ],
)
@pytest.mark.parametrize("status", [400, 401])
def test_a_refusal_of_something_else_does_not_say_that_the_token_is_used_up(
    fivetran: Fivetran, rotating: Rotating, source: Source, code: str, hint: str, status: int
) -> None:
    """It names the part to check (RFC 6749, 5.2), also behind a long description; then the same token does."""
    rotating.refused = Says({"error": code, "error_description": "Sorry! " * 60}, status=status)
    said = message(fivetran.sync()[-1])
    assert said.startswith(f"{source.url}/token refuses to exchange the refresh token (HTTP {status}: Sorry!")
    assert hint in said
    assert "used" not in said
    rotating.refused = None
    assert fivetran.sync()[-1].status == 200
    assert ids(fivetran) == 3


@pytest.mark.parametrize("body", ["", {"message": "no"}, {"error": "invalid_grant"}])
def test_a_refusal_without_a_code_may_be_of_a_token_that_is_used_up(
    fivetran: Fivetran, rotating: Rotating, body: object
) -> None:
    """Not every source writes one."""
    rotating.refused = Says(body, status=400)
    assert "no longer takes the refresh token of the secrets (HTTP 400" in message(fivetran.sync()[-1])


def test_a_code_of_the_sources_own_is_shown_as_it_is(fivetran: Fivetran, rotating: Rotating) -> None:
    """Nobody knows what to check."""
    rotating.refused = Says({"error": "tenant_suspended"}, status=400)
    said = message(fivetran.sync()[-1])
    assert said.endswith("/token: HTTP 400: tenant_suspended")


def test_an_exchange_whose_answer_breaks_off_is_tried_again(fivetran: Fivetran, rotating: Rotating) -> None:
    """Where the source still takes the old token, the person does not even notice."""
    rotating.grace = True
    rotating.troubles = [CutsOff({"access_token": "lost"}), Says(status=503)]
    fivetran.sync()
    assert rotating.exchanges[0] == SEED
    assert fivetran.replies[0].status in (200, 500)


def test_a_new_token_in_the_secrets_wins(
    fivetran: Fivetran, rotating: Rotating, capsys: pytest.CaptureFixture[str]
) -> None:
    """The stored ones may be somebody's whose access has ended; what they were is forgotten."""
    fivetran.sync()
    [old] = fivetran.state["kept"]["credentials"]
    rotating.refresh.append("another-seed")
    fivetran.secrets["refresh_token"] = "another-seed"
    capsys.readouterr()
    assert fivetran.sync()[-1].status == 200
    assert rotating.exchanges == [SEED, "another-seed"]
    [new] = fivetran.state["kept"]["credentials"]
    assert new != old
    assert "the secrets have a new refresh token" in capsys.readouterr().out


def test_two_credentials_are_exchanged_in_two_calls(rotating: Rotating, source: Source) -> None:
    """An error with the second must not lose what the first one got."""
    failing = True

    def script(request: Received) -> Any:
        if request.path == "/second/token":
            return (
                Says({"error": "down"}, status=500) if failing else Says({"access_token": "access-of-second"})
            )
        return Says([]) if request.path.startswith("/second") else rotating(request)

    source.script = script

    def connect(config: Acme) -> list[Client]:
        urls = [(config.url, config.refresh_token), (f"{config.url}/second", Secret("seed-of-the-second"))]
        return [Client(url, auth=made(url, seed)) for url, seed in urls]

    app = Connector("acme", config=Acme, client=connect)

    @app.table(key="id")
    def rows(clients: list[Client]) -> Iterator[Any]:
        for client in clients:
            yield from client.get("/rows")

    fivetran = connection(source, app=app)
    assert fivetran.sync()[-1].status == 500
    assert len(fivetran.state["kept"]["credentials"]) == 1
    failing = False
    assert fivetran.sync()[-1].status == 200
    assert rotating.exchanges == [SEED]
    assert ids(fivetran) == 1


# -- who else has the secrets -------------------------------------------------------------------------------


def warnings(reply: Reply) -> list[str]:
    return [*json.loads(reply.headers["X-Connector-Invocation"]).get("warnings", {})]


def test_a_seed_is_not_used_up_in_silence(fivetran: Fivetran, clock: VirtualClock) -> None:
    """Whoever syncs with an empty state, on a laptop for instance, is warned; a usual renewal says nothing."""
    first = fivetran.sync()[0]
    [said] = warnings(first)
    assert "Nobody else can use it any more" in said
    assert said.endswith("which has its successor.")
    clock.sleep(HOUR)
    assert [warnings(reply) for reply in fivetran.sync()] == [[], []]


def test_an_empty_state_after_the_first_exchange_says_so(fivetran: Fivetran) -> None:
    """A reset burns nothing, and the message names the reset."""
    fivetran.sync()
    fivetran.state = {}
    assert "the state was reset" in message(fivetran.sync()[-1])


def test_a_state_without_tables_reads_everything_again_with_the_same_tokens(
    fivetran: Fivetran, rotating: Rotating
) -> None:
    """The patch to use in place of {}."""
    fivetran.sync()
    fivetran.tables.clear()
    fivetran.state = {"connector": "acme", "kept": fivetran.state["kept"]}
    assert fivetran.sync()[-1].status == 200
    assert ids(fivetran) == 3
    assert len(rotating.exchanges) == 1


@pytest.mark.parametrize(
    "broken", [{"tokens": "gAAAA-not-ours"}, {"until": "2026-01-01T00:00:00"}, {"until": 5}]
)
def test_tokens_that_cannot_be_read_are_those_of_nobody(
    fivetran: Fivetran, rotating: Rotating, broken: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """A patch by hand costs a new token, not a crash."""
    fivetran.sync()
    entry(fivetran).update(broken)
    rotating.refresh.append(SEED)
    assert fivetran.sync()[-1].status == 200
    assert "in the state cannot be read" in capsys.readouterr().out


def test_members_of_kept_that_are_not_ours_stay(fivetran: Fivetran) -> None:
    """A later release may keep more there."""
    fivetran.state = {"connector": "acme", "kept": {"other": [1], "credentials": None}}
    fivetran.sync()
    assert fivetran.state["kept"]["other"] == [1]
    assert entry(fivetran)


# -- the setup test -----------------------------------------------------------------------------------------


def setup(fivetran: Fivetran, state: Any = None) -> Reply:
    return call(fivetran.main, {"state": state, "secrets": fivetran.secrets, "setup_test": True})


def test_the_setup_test_exchanges_nothing(fivetran: Fivetran, rotating: Rotating) -> None:
    """It has no state that Fivetran would keep; it passes, and says what it could not do."""
    reply = setup(fivetran)
    assert (reply.status, rotating.exchanges, rotating.asked) == (200, [], [])
    [said] = warnings(reply)
    assert said.startswith("The setup test could not ask the source: ")


def test_the_setup_test_uses_a_token_that_holds(
    fivetran: Fivetran, rotating: Rotating, clock: VirtualClock
) -> None:
    """And sends the state back as it came."""
    fivetran.sync()
    reply = setup(fivetran, fivetran.state)
    assert (reply.status, reply.body["state"], warnings(reply)) == (200, fivetran.state, [])
    clock.sleep(HOUR / 2)
    rotating.revoke_access()
    reply = setup(fivetran, fivetran.state)
    assert (reply.status, reply.body["state"]) == (200, fivetran.state)
    assert len(rotating.exchanges) == 1


# -- what is shown ------------------------------------------------------------------------------------------


def test_no_token_is_in_the_state_the_log_or_a_message(
    fivetran: Fivetran, rotating: Rotating, clock: VirtualClock, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also a stored one that the source repeats in an error."""
    fivetran.sync()
    rotating.troubles = [Says({"error": "of access-1-of-many and refresh-1-of-many"}, status=404)]
    replies = fivetran.sync()
    assert "of *** and ***" in message(replies[-1])
    clock.sleep(HOUR)
    fivetran.sync()
    everything = json.dumps([reply.body for reply in fivetran.replies]) + capsys.readouterr().out
    for token in (SEED, SECRET, *rotating.refresh, *rotating.access):
        assert token not in everything


def test_the_key_is_the_seed_of_the_secrets(fivetran: Fivetran, rotating: Rotating) -> None:
    """Another client secret, after a rotation at the source, loses no tokens; another seed reads none of them."""
    fivetran.sync()
    [name] = fivetran.state["kept"]["credentials"]
    assert name not in (SEED, SEED.encode().hex())
    other = {"connector": "acme", "kept": {"credentials": {name: entry(fivetran)}}}
    reply = call(fivetran.main, {"state": other, "secrets": {**fivetran.secrets, "refresh_token": "another"}})
    assert "no longer takes the refresh token of the secrets" in message(reply)
    assert rotating.exchanges[-1] == "another"


# -- wrong uses ---------------------------------------------------------------------------------------------


def test_without_the_library_one_sentence_says_what_to_add(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most connectors have no use for it, so it is an extra."""
    monkeypatch.setitem(sys.modules, "cryptography.fernet", None)
    with pytest.raises(DefectError, match=r"needs cryptography.*\"fivetran-runtime\[crypto\]\" in place of"):
        made("http://127.0.0.1:1", Secret(SEED))


def test_made_elsewhere_it_is_refused(source: Source, rotating: Rotating) -> None:
    """Without the state its successor would be lost; nothing is exchanged."""
    with (
        run_as(Invocation(Budget(Limits()))),
        pytest.raises(DefectError, match="not made in the connector's client"),
    ):
        Client(source.url, auth=made(source.url, Secret(SEED))).get("/rows")
    assert rotating.exchanges == []


def test_a_new_token_that_is_not_kept_is_warned_of(source: Source, rotating: Rotating) -> None:
    """Without single_use= the connection works once; the warning comes with that once."""
    app = connector()

    def connect(config: Acme) -> Client:
        auth = RefreshToken(
            f"{config.url}/token",
            client_id="me",
            client_secret=Secret(SECRET),
            refresh_token=config.refresh_token,
        )
        return Client(config.url, auth=auth)

    app.client = connect
    [reply] = connection(source, app=app).sync()
    [said] = warnings(reply)
    assert said.startswith(
        f"{source.url}/token gave a new refresh token, which was not kept. If the old one is"
    )
    assert said.endswith("say single_use=True.")
    assert rotating.exchanges == [SEED]


def test_the_library_is_not_imported_for_others() -> None:
    """It takes time at each cold start."""
    code = "import sys, fivetran_runtime; print([m for m in sys.modules if m.startswith(('crypto', 'jwt'))])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
