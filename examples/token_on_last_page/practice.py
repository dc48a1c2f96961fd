"""Thirty events, five a page. Its last page has a token like the others, and has_more is false."""

from fivetran_emulator.practice import Bearer, PageToken, Source

EVENTS = [{"uuid": f"e{number:03}", "text": f"Event {number}: " + "…" * 40} for number in range(30)]

source = Source(access=Bearer("practice-token"))
pages = PageToken(size=5, param="cursor", next="cursor", more="has_more", always=True)
source.listing("/events", EVENTS, pages=pages, within="items", key="uuid")
secrets = {"token": "practice-token", "url": "{url}"}
