"""Forty posts, five a page."""

from fivetran_emulator.practice import Bearer, NextLink, Source

POSTS = [{"id": number, "text": f"Post {number}: " + "…" * 40} for number in range(1, 41)]

source = Source(access=Bearer("practice-token"))
source.listing("/posts", POSTS, pages=NextLink(size=5, next="paging.next"))
secrets = {"token": "practice-token", "url": "{url}"}
