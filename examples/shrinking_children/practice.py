"""Twenty orders with one to three lines each, four orders a page."""

from fivetran_emulator.practice import Bearer, Keyset, Source

ORDERS = [
    {
        "id": number,
        "updated_at": f"2026-03-{number:02}T08:00:00Z",
        "note": "…" * 40,
        "lines": [{"number": line, "article": f"A{line}"} for line in range(1, 2 + number % 3)],
    }
    for number in range(1, 21)
]

source = Source(access=Bearer("practice-token"))
source.listing(
    "/orders",
    ORDERS,
    pages=Keyset(size=4),
    cursor="updated_at",
    since="since",
    within="orders",
    order=["id"],
)

secrets = {"token": "practice-token", "url": "{url}"}
