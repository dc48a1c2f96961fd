"""Three repositories with eight issues each; what is put into `repositories` is listed."""

from fivetran_emulator.practice import Bearer, PageNumber, Request, Source

ISSUES = [
    {
        "id": number,
        "repository": number % 3,
        "updated_at": f"2026-03-{number + 1:02}T08:00:00Z",
        "title": "…" * 40,
    }
    for number in range(24)
]

source = Source(access=Bearer("practice-token"))
repositories = source.rows("repositories", [{"id": number} for number in range(3)])
source.listing(
    "/repositories/<repository>/issues",
    ISSUES,
    pages=PageNumber(size=5),
    cursor="updated_at",
    within=None,
    since="since",
    order=["updated_at", "id"],
)


@source.route("/repositories")
def list_repositories(_: Request) -> object:
    """All repositories, on one page."""
    return {"items": repositories.listed()}


secrets = {"token": "practice-token", "url": "{url}"}
