"""Thirty items. Checks go back to old states, so every refresh token that was given is taken; test_example.py is stricter."""

from fivetran_emulator.practice import Offset, RotatingTokens, Source

ITEMS = [{"id": number, "name": f"Item {number}: " + "…" * 40} for number in range(30)]

CLIENT, SECRET, SEED = "practice-client", "f3a9d2c4-once", "7c21e0b9-once"
access = RotatingTokens(CLIENT, SECRET, SEED, takes="any")
source = Source(access=access)
source.listing("/items", ITEMS, pages=Offset(size=10))

secrets = {
    "client_id": CLIENT,
    "client_secret": SECRET,
    "refresh_token": SEED,
    "url": "{url}",
}
