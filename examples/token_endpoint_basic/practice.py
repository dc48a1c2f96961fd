"""Thirty items behind an access token, for which the endpoint wants Basic and an audience."""

from fivetran_emulator.practice import ClientCredentials, Offset, Source

ITEMS = [{"id": number, "name": f"Item {number}: " + "…" * 40} for number in range(30)]

source = Source(
    access=ClientCredentials(
        "practice-client",
        "practice: secret/+",
        basic=True,
        parameters={"audience": "https://api.acme.example"},
    )
)
source.listing("/items", ITEMS, pages=Offset(size=10))

secrets = {"client_id": "practice-client", "client_secret": "practice: secret/+", "url": "{url}"}
