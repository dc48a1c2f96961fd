"""Forty companies; a search lists ten of them at most, five a page, and refuses what would lie behind."""

from fivetran_emulator.practice import Bearer, Refusal, Request, Source

COMPANIES = [
    {
        "id": number,
        "name": f"Company {number}: " + "…" * 40,
        "modified": f"2026-01-{number % 28 + 1:02}T12:00:00Z",
    }
    for number in range(1, 41)
]
WINDOW = 10

source = Source(access=Bearer("practice-token"))
companies = source.rows("companies", COMPANIES, cursor="modified")


@source.route("/search", method="POST")
def search(request: Request) -> object:
    """The rows that pass all filters, from `after` on, which counts them."""
    asked = request.get_json()
    start, size = int(asked.get("after", 0)), min(int(asked.get("limit", 5)), 5, source.cap or 5)
    if start + size > WINDOW:
        raise Refusal(400, f"a search lists {WINDOW} results at most")
    rows = [row for row in companies.listed() if all(passes(row, one) for one in asked["filters"])]
    rows.sort(key=lambda row: int(str(row["id"])))
    found = [
        {"id": row["id"], "properties": {name: value for name, value in row.items() if name != "id"}}
        for row in rows[start : start + size]
    ]
    return {"total": len(rows), "results": found}


def passes(row: dict[str, object], condition: dict[str, str]) -> bool:
    """GT for numbers, GTE for instants."""
    value = row[condition["name"]]
    if condition["op"] == "GT":
        return int(str(value)) > int(condition["value"])
    return str(value) >= condition["value"]


secrets = {"token": "practice-token", "url": "{url}"}
