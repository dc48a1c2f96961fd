"""Links, of which nothing says how many pages there are; and three groups, of which one has no epics and answers 404."""

from fivetran_emulator.practice import Bearer, PageNumber, Refusal, Request, Source

LINKS = [{"id": number, "text": f"Link {number}: " + "…" * 40} for number in range(1, 16)]
EPICS = [{"id": number, "group_id": number % 2 + 1, "text": "…" * 40} for number in range(1, 25)]

source = Source(access=Bearer("practice-token"))
source.listing("/links", LINKS, pages=PageNumber(size=5, past_end=404), within="results")
epics = source.rows("epics", EPICS)


@source.route("/groups")
def groups(_request: Request) -> object:
    """All of them."""
    return {"items": [{"id": number} for number in range(3)]}


@source.route("/groups/<int:group>/epics")
def list_epics(request: Request, group: int) -> object:
    """Five a page, 404 behind them."""
    page, size = int(request.args.get("page", "1")), min(5, source.cap or 5)
    rows = sorted(
        (row for row in epics.listed() if row["group_id"] == group), key=lambda row: int(str(row["id"]))
    )
    if not (found := rows[(page - 1) * size : page * size]):
        raise Refusal(404, "404 Not Found")
    return found


secrets = {"token": "practice-token", "url": "{url}"}
