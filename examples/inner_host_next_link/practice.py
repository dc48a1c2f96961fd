"""Forty rows, five a page, with addresses of a host that nobody can reach from outside."""

from fivetran_emulator.practice import Bearer, NextLink, Source

ROWS = [{"id": number, "text": f"Row {number}: " + "…" * 40} for number in range(1, 41)]

source = Source(access=Bearer("practice-token"))
source.listing(
    "/rows", ROWS, pages=NextLink(size=5, next="next", host="http://api.internal:8080"), within="results"
)
secrets = {"token": "practice-token", "url": "{url}"}
