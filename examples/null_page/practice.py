"""Thirty users in pages of five, each with a token; behind the last of them is a page with null and null."""

from fivetran_emulator.practice import Bearer, Request, Source

USERS = [{"id": number, "name": f"User {number}: " + "…" * 40} for number in range(1, 31)]

source = Source(access=Bearer("practice-token"))
users = source.rows("users", USERS)


@source.route("/users")
def list_users(request: Request) -> object:
    """The users behind the one that the token names."""
    behind = int(request.args.get("token", "0"))
    rows = sorted(users.listed(), key=lambda row: int(str(row["id"])))
    page = [row for row in rows if int(str(row["id"])) > behind][: min(5, source.cap or 5)]
    return {"users": page or None, "next_token": str(page[-1]["id"]) if page else None}


secrets = {"token": "practice-token", "url": "{url}"}
