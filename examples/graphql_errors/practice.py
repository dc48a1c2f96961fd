"""Thirty issues in pages of five, as a GraphQL connection."""

from fivetran_emulator.practice import Bearer, Source

ISSUES = [{"id": number, "title": f"Issue {number}: " + "…" * 40} for number in range(1, 31)]

source = Source(access=Bearer("practice-token"))
source.graphql("/graphql", {"issues": source.rows("issues", ISSUES)}, size=5)
secrets = {"token": "practice-token", "url": "{url}"}
