"""The source API as this connector knows it, with rows made up: syncs and tests run against it, offline.

Keep it as the real API is, quirks included; what isn't practised here is first met in production.
"""

from __future__ import annotations

from fivetran_emulator.practice import {{ cookiecutter.choices.practice_imports }}

{% for secret in cookiecutter.choices.auth.secrets %}
{{ secret.key | upper }} = "{{ secret.practice }}"
{{ "\n" if loop.last else "" }}
{%- endfor %}
ITEMS = [
    {"id": number, "name": f"Item {number}", "updated_at": f"2026-01-{number % 28 + 1:02}T12:00:00Z"}
    for number in range(1, 251)
]

{% if not cookiecutter.choices.pages.served %}
class OnePage:
    """Every row at once, whatever the request asks for."""

    def page(self, listed: Listed, request: Request) -> Page:
        """All of them."""
        return Page(listed.rows)


{% endif %}
source = Source({% if cookiecutter.choices.auth.access %}access={{ cookiecutter.choices.auth.access }}{% endif %})
source.listing("/items", ITEMS, pages={{ cookiecutter.choices.pages.served or "OnePage()" }}{% if not cookiecutter.choices.lists_all %}, cursor="updated_at", since="updated_since"{% endif %})

secrets = {
{%- for secret in cookiecutter.choices.auth.secrets %}"{{ secret.key }}": {{ secret.key | upper }}, {% endfor -%}
"url": "{url}"}
