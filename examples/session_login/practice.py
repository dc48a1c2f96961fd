"""Thirty items behind a session."""

from fivetran_emulator.practice import LogIn, Offset, Refusal, Request, Source

WHO = {"user": "practice", "password": "practice-password"}
SESSION = "practice-session-1f2e3d"
ITEMS = [{"id": number, "name": f"Item {number}: " + "…" * 40} for number in range(30)]


def log_in(request: Request) -> object:
    """A session for who knows the password."""
    if request.get_json() != WHO:
        raise Refusal(403, "the user or the password is wrong")
    return {"session": SESSION}


source = Source(access=LogIn("/sessions", log_in, SESSION, header="X-Session"))
source.listing("/items", ITEMS, pages=Offset(size=10))

secrets = {**WHO, "url": "{url}"}
