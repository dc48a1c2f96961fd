"""A tracker as Redmine is: offsets and a total, `updated_on=>=...`, include=, and for a wrong key 200 with the public issues."""

from fivetran_emulator.practice import HeaderKey, Offset, Source

PROJECTS = [{"id": number, "name": f"Project {number}"} for number in range(1, 4)]
ISSUES = [
    {
        "id": number,
        "project_id": number % 3 + 1,
        "subject": f"Issue {number}",
        "is_private": number % 4 == 0,
        "updated_on": f"2026-01-{number % 28 + 1:02}T12:00:00Z",
        "attachments": [
            {"id": 10 * number + place, "filename": f"{place}.txt"} for place in range(number % 3)
        ],
    }
    for number in range(1, 31)
]


def errors(_status: int, message: str) -> object:
    return {"errors": [message]}


pages = Offset(size=10, total="total_count")
source = Source(access=HeaderKey("X-Redmine-API-Key", "practice-key"), error=errors)
source.detail("/users/<login>.json", source.rows("users", [{"login": "current"}], key="login"), within="user")
source.listing("/projects.json", PROJECTS, pages=pages, within="projects")
source.listing(
    "/issues.json",
    ISSUES,
    pages=pages,
    within="issues",
    cursor="updated_on",
    since="updated_on",
    since_form=">={0}",
    include=["attachments"],
    public=lambda issue: not issue["is_private"],
)
secrets = {"key": "practice-key", "url": "{url}"}
