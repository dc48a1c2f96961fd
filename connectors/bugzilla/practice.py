"""A Bugzilla 5.0 with three hundred made-up bugs, answering as a real 5.0.4 was seen to.

Its oddities are all here on purpose: pages are capped without a word, unknown sort orders and products are ignored
without one, a key in a header counts for nothing, a wrong key is a 400, and the answer never tells how many bugs
match.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from functools import cache

from fivetran_emulator.practice import Refusal, Request, Source

Row = dict[str, object]

KEY = "practice-key"
MAX_SEARCH_RESULTS = 10_000
ZONE = timezone(timedelta(hours=-8))
"""Where the server stands: a time that is sent without an offset counts in its zone."""
DOCUMENTATION = "https://bugzilla.readthedocs.org/en/5.0/api/"
SORTABLE = {"changeddate": "last_change_time", "bug_id": "id"}
PEOPLE = {
    "alice@bugs.example": "Alice A.",
    "bob@bugs.example": 'Bob "B" O\'Brien',
    "admin@bugs.example": "Admin",
}
WORDS = ("crash", "slow", "ñandú", "漢字", "🐛", "<b>tag</b>", 'quote"', "back\\slash")

COMPONENTS = {
    (2, "Widgets"): {2: "API", 3: "UI", 4: "Docs"},
    (3, "Gadgets"): {5: "Core", 6: "Docs", 7: "Ünïcode Komponente"},
    (4, "Émile & Söhne / R&D"): {8: "Général"},
    (5, "Empty Product"): {9: "Nothing Here"},
    (7, "Bare Product"): {},
}
PLACES = [
    ("Widgets", "API"),
    ("Widgets", "UI"),
    ("Widgets", "Docs"),
    ("Gadgets", "Core"),
    ("Gadgets", "Docs"),
    ("Gadgets", "Ünïcode Komponente"),
    ("Émile & Söhne / R&D", "Général"),
]
MASS_CHANGE = datetime(2026, 6, 22, 6, 20, 42, tzinfo=UTC)
"""The second in which somebody changed sixty bugs at once."""


def product(number: int, name: str, components: Mapping[int, str]) -> Row:
    """A product as Bugzilla describes it."""
    return {
        "id": number,
        "name": name,
        "description": f"{name} description",
        "classification": "Unclassified",
        "is_active": True,
        "has_unconfirmed": True,
        "default_milestone": "---",
        "milestones": [{"id": number, "name": "---", "sort_key": 0, "is_active": True}],
        "versions": [{"id": number, "name": "1.0", "sort_key": 0, "is_active": True}],
        "components": [
            {
                "id": component,
                "name": title,
                "description": f"{title} of {name} <b>&amp;</b> 漢字",
                "default_assigned_to": "alice@bugs.example",
                "default_qa_contact": "",
                "sort_key": 0,
                "flag_types": {"attachment": [], "bug": []},
                "is_active": True,
            }
            for component, title in components.items()
        ],
    }


UNUSED: Row = {
    **dict.fromkeys(("qa_contact", "url", "resolution", "whiteboard"), ""),
    **dict.fromkeys(("actual_time", "estimated_time", "remaining_time"), 0),
    **dict.fromkeys(("is_open", "is_confirmed", "is_cc_accessible", "is_creator_accessible"), True),
    **dict.fromkeys(("target_milestone", "priority"), "---"),
    **{
        name: []
        for name in ("alias", "blocks", "cc", "cc_detail", "depends_on", "flags", "keywords", "see_also")
    },
    "classification": "Unclassified",
    "version": "1.0",
    "severity": "normal",
    "platform": "PC",
    "op_sys": "Linux",
    **dict.fromkeys(("deadline", "dupe_of")),
}
"""What every bug has besides, and no connector asks for."""


def bug(number: int) -> Row:
    """Bug `number`; every fifth one was part of the mass change."""
    place, component = PLACES[number % len(PLACES)]
    assignee, creator = list(PEOPLE)[number % 2], list(PEOPLE)[2]
    created = datetime(2019, 1, 1, 12, tzinfo=UTC) + timedelta(days=number * 8, seconds=number)
    changed = MASS_CHANGE if number % 5 == 0 else created + timedelta(days=number % 9 * 7, hours=2)
    return {
        "id": number,
        "summary": f"#{number} {WORDS[number % 8]} {WORDS[number * 3 % 8]}",
        "status": ("CONFIRMED", "IN_PROGRESS", "RESOLVED")[number % 3],
        "product": place,
        "component": component,
        "assigned_to": assignee,
        "assigned_to_detail": person(assignee),
        "creator": creator,
        "creator_detail": person(creator),
        "creation_time": f"{created:%Y-%m-%dT%H:%M:%SZ}",
        "last_change_time": f"{changed:%Y-%m-%dT%H:%M:%SZ}",
        "groups": ["core-security"] if number == 1 else [],
        **UNUSED,
    }


def person(login: str) -> Row:
    """What Bugzilla adds about a person to each bug, asked or not."""
    return {"id": list(PEOPLE).index(login) + 1, "name": login, "email": login, "real_name": PEOPLE[login]}


def error(code: int, message: str) -> Row:
    """The body of a Bugzilla error; its code says more than the HTTP status."""
    return {"error": True, "code": code, "message": message, "documentation": DOCUMENTATION}


def unknown(_status: int, message: str) -> Row:
    """The body for anything this Bugzilla does not answer; `message` is "GET /rest/nope: Not Found"."""
    asked = message.partition(":")[0].replace("/rest", "", 1)
    return error(32614, f"A REST API resource was not found for '{asked}'.")


class ApiKey:
    """The key counts in the query only; a request without one is anonymous, not refused."""

    def check(self, request: Request) -> None:
        """Refuse a wrong key with 400 and code 306."""
        given = request.args.get("Bugzilla_api_key", request.args.get("api_key", KEY))
        if given != KEY:
            message = "The API key you specified is invalid. Please check that you typed it correctly."
            raise Refusal(400, body=error(306, message))


source = Source(access=ApiKey(), error=unknown)
products = source.rows("products", (product(*known, parts) for known, parts in COMPONENTS.items()))
bugs = source.rows("bugs", (bug(number) for number in range(1, 301)), cursor="last_change_time")


@source.route("/rest/version")
def version(_request: Request) -> Row:
    """The release."""
    return {"version": "5.0.4.1+"}


@source.route("/rest/time")
def time(_request: Request) -> Row:
    """The server's clock."""
    now = "2026-11-22T07:22:44Z"
    zone = {"tz_name": "UTC", "tz_short_name": "UTC", "tz_offset": "+0000"}
    return {"db_time": now, "web_time": now, "web_time_utc": now, **zone}


@source.route("/rest/product/<name>")
@source.route("/rest/product")
def list_products(request: Request, name: str | None = None) -> Row:
    """The products asked by name, or all that are visible; unknown names are left out without a word."""
    names = [name] if name else request.args.getlist("names")
    visible = request.args.get("type") == "accessible"
    return {
        "products": [narrowed(row, request) for row in products.current() if visible or row["name"] in names]
    }


@source.route("/rest/bug/<int:number>")
def one_bug(_request: Request, number: int) -> Row:
    """One bug; a restricted one is a 401, which does not mean that the key is wrong."""
    for row in bugs.listed():
        if row["id"] == number and not row["groups"]:
            return {"bugs": [row]}
    raise Refusal(401, body=error(102, f"You are not authorized to access bug #{number}."))


@source.route("/rest/bug")
def search(request: Request) -> Row:
    """The bugs that match, in order, from `offset` on; never more than `max_search_results`."""
    wanted = request.args.getlist("product")
    found = [row for row in bugs.current() if not row["groups"] and (not wanted or row["product"] in wanted)]
    if ids := request.args.get("id"):
        found = [row for row in found if str(row["id"]) in ids.split(",")]
    if since := request.args.get("last_change_time"):
        start = instant(since)
        found = [row for row in found if instant(str(row["last_change_time"])) >= start]
    columns = [SORTABLE[name] for name in request.args.get("order", "").split(",") if name in SORTABLE]
    found.sort(key=lambda row: [*(str(row[column]) for column in columns if column != "id"), row["id"]])
    return {"bugs": [narrowed(row, request) for row in page(found, request)]}


def page(found: list[Row], request: Request) -> list[Row]:
    """What `limit` and `offset` leave of the matches."""
    limit, offset = number_of(request, "limit"), number_of(request, "offset")
    if "limit" not in request.args and offset:
        raise Refusal(
            400,
            body=error(
                50, "The function Bug.search() requires a limit argument, and that argument was not set."
            ),
        )
    if not limit:  # as the real one: no limit, 0 and nonsense all mean everything, whatever the offset
        limit, offset = MAX_SEARCH_RESULTS, 0
    return found[offset : offset + min(limit, source.cap or MAX_SEARCH_RESULTS)]


def number_of(request: Request, name: str) -> int:
    """A whole number from the query; words count as 0, signs and exponents are refused."""
    text = request.args.get(name, "")
    if text.isdigit() or not any(sign.isdigit() for sign in text):
        return int(text) if text.isdigit() else 0
    message = f"Invalid parameter {name} passed to Bugzilla::Search::new: It must be numeric."
    raise Refusal(400, body=error(52, message))


@cache
def instant(text: str) -> datetime:
    """A time as Bugzilla reads it, to the second; without an offset it is the server's local time."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Refusal(400, body=error(56, f"'{text}' is not a legal date.")) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=ZONE)).replace(microsecond=0)


def narrowed(row: Mapping[str, object], request: Request) -> Row:
    """The fields asked for with `include_fields`, people's details always among them."""
    asked = set(request.args.get("include_fields", "").split(",")) - {""}
    if not asked:
        return dict(row)
    shown = asked | {f"{name}_detail" for name in asked}
    kept = {name: row[name] for name in row if name in shown}
    inner = {name.partition(".")[2] for name in asked if name.startswith("components.")}
    if inner and isinstance(components := row.get("components"), list):
        kept["components"] = [{name: one[name] for name in one if name in inner} for one in components]
    return kept


secrets = {
    "url": "{url}/rest/",
    "api_key": KEY,
    "products": ["Widgets", "Gadgets", "Émile & Söhne / R&D", "Empty Product"],
    "bug_limit": "100",
    "max_date": "2019-01-01",
}
