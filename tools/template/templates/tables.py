"""{{ cookiecutter.title }}: its items{{ "" if cookiecutter.choices.pages.moves else ", those changed since the last sync" }}.

Made from the template: replace the items with what the source really has, here and in practice.py.
"""

from __future__ import annotations

from collections.abc import Iterator
{% if not cookiecutter.choices.pages.moves %}
from datetime import datetime, timedelta
{% endif %}
from typing import Annotated, Any

from msgspec import Meta

from fivetran_runtime import {{ cookiecutter.choices.imports }}

__version__ = "0.1.0"

URL = "https://api.{{ cookiecutter.name }}.example"


class Secrets(Config):
    """What Fivetran sends as secrets."""

{% for secret in cookiecutter.choices.auth.secrets %}
    {{ secret.key }}: Annotated[{{ "Secret" if secret.hidden else "str" }}, Meta(description="{{ secret.meaning }}")]
{% endfor %}
    url: Annotated[str, Meta(description="Where the API is.")] = URL


def connect(secrets: Secrets) -> Client:
    """The source's API, as the secrets open it."""
    return Client(secrets.url{% if cookiecutter.choices.auth.client %}, auth={{ cookiecutter.choices.auth.client }}{% endif %})


app = Connector("{{ cookiecutter.name }}", version=__version__, config=Secrets, client=connect)


{% set pages = cookiecutter.choices.pages %}
{% if pages.moves %}
# A row that goes moves all behind it, some of them over the boundary of a page and out of sight. So all are listed each time.
@app.table(key="id", on_missing="delete")
def items(source: Client, {{ pages.parameter }}) -> Iterator[Any]:
    """All items."""
    yield from source.pages("/items", {{ pages.style }}, rows="data")
{% else %}
# The lookback has to be longer than one reading takes: an item that changes behind the page being read comes next time.
@app.table(key="id", cursor="updated_at", lookback=timedelta(hours=6))
def items(source: Client, since: datetime | None, {{ pages.parameter }}) -> Iterator[Any]:
    """The items changed at or after `since`; all of them on the first sync, when it is None."""
{% if pages.style %}
    pages = {{ pages.style }}
    yield from source.pages("/items", pages, rows="data", updated_since=since)
{% else %}
    listed = source.get("/items", updated_since=since)["data"]
    for item in sorted(listed, key=lambda item: item["id"]):
        if item["id"] > after_id:
            yield item
            yield At(after_id=item["id"])
{% endif %}
{% endif %}


@app.check
def can_list_items(source: Client) -> None:
    """Fivetran's setup test: one item is enough to tell wrong secrets."""
    source.get("/items", limit=1)


main = app.handler
