"""Twenty-five users, five a page; the last page leaves the link out."""

from fivetran_emulator.practice import Bearer, NextLink, Source

USERS = [{"id": f"u{number:02}", "name": f"User {number}: " + "…" * 20} for number in range(25)]

source = Source(access=Bearer("practice-token"))
pages = NextLink(size=5, next=["@odata.nextLink"], param="$skiptoken", omit=True)
source.listing("/users", USERS, pages=pages, within="value")
secrets = {"token": "practice-token", "url": "{url}"}
