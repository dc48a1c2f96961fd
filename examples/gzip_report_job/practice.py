"""Reports of sixty rows, each ready after 35 seconds."""

from fivetran_emulator.practice import Bearer, Lines, Request, Source

STATS = [{"id": number, "text": f"Number {number} " + "…" * 40, "clicks": number * 3} for number in range(60)]

source = Source(access=Bearer("practice-token"))
stats = source.rows("stats", STATS)
source.job("/reports", stats, seconds=35, form=Lines(), gzipped=True)


@source.route("/reports")
def list_reports(_request: Request) -> object:
    """Enough to see whether the token is taken."""
    return {"reports": []}


secrets = {"token": "practice-token", "url": "{url}"}
