"""Thirty repositories, five a page, and 5,000 requests an hour: the next one is refused as GitHub does, until a moment."""

from fivetran_emulator.practice import Bearer, Offset, RateLimit, Source

REPOSITORIES = [{"id": number, "name": f"Repository {number}: " + "…" * 40} for number in range(1, 31)]

source = Source(access=Bearer("practice-token"), rate=RateLimit(5_000, per=3_600, status=403, epoch=True))
source.listing("/repositories", REPOSITORIES, pages=Offset(size=5), within=None)
secrets = {"token": "practice-token", "url": "{url}"}
