"""A report that is made on request, takes the source 35 s, and is a gzip file of JSON lines; a call has 10 s."""

from collections.abc import Iterator
from typing import Any

from fivetran_runtime import At, Bearer, Client, Config, Connector, ExpiredError, Secret


class Acme(Config):
    token: Secret
    url: str = "https://api.acme.example"


app = Connector("acme", config=Acme, client=lambda config: Client(config.url, auth=Bearer(config.token)))


@app.table(key="id", on_missing="delete")
def stats(acme: Client, job: str | None = None, resume: dict[str, Any] | None = None) -> Iterator[Any]:
    if job is None:
        job = acme.post("/reports", idempotent=True)["id"]
        yield At(job=job)
    while (report := acme.get(f"/reports/{job}"))["status"] == "running":
        acme.wait(2, f"report {job}")
    if report["status"] == "failed":
        raise ExpiredError(f"Report {job} has failed.")
    yield from acme.lines(f"/reports/{job}/file", resume, at={"job": job})


@app.check
def can_see_reports(acme: Client) -> None:
    acme.get("/reports")


main = app.handler
