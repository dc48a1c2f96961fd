"""The source API as this connector knows it, with rows made up: syncs and tests run against it, offline.

Keep it as the real API is, quirks included; what isn't practised here is first met in production.
"""

from __future__ import annotations

from fivetran_emulator.practice import Bearer, Source, Token

TOKEN = "practice-token"

ITEMS = [
    {"id": number, "name": f"Item {number}", "updated_at": f"2026-01-{number % 28 + 1:02}T12:00:00Z"}
    for number in range(1, 251)
]

source = Source(access=Bearer(TOKEN))
source.listing("/items", ITEMS, pages=Token(), cursor="updated_at", since="updated_since")

secrets = {"token": TOKEN, "url": "{url}"}
