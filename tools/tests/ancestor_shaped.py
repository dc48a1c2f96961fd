"""A connector as the ancestor's are: main.py, a package of its own, requirements, tests, a README; and a practice source."""

from __future__ import annotations

from pathlib import Path

MAIN = """
import logging
from typing import Any, Dict
import requests
from desk_api.pages import page

LIMIT = 50

def main(request):
    body = request.json
    config, state = body.get("secrets") or {}, body.get("state") or {}
    logging.info("state: %s", state)
    offset = 0 if body.get("setup_test") else state.get("offset", 0)
    try:
        agents = page(config.get("url", ""), config.get("access_token", ""), offset, LIMIT)
    except requests.RequestException as error:
        return {"errorMessage": str(error)}, 500
    if body.get("setup_test"):
        return response(state, {}, False)
    more = len(agents) == LIMIT
    return response({"offset": offset + LIMIT if more else 0}, {"agents": agents}, more)

def response(state: Dict[str, Any], insert, more):
    schema = {"agents": {"primary_key": ["id"]}}
    return {"state": state, "schema": schema, "insert": insert, "delete": {}, "hasMore": more}
"""
PAGES = """
import json, warnings, desk_api.marks
import requests

warnings.warn("as old code does on a newer Python", DeprecationWarning)
assert json.loads("1") == desk_api.marks.ONE

def page(url, token, offset, limit):
    headers = {"Authorization": "Bearer " + token}
    answer = requests.get(url + "/agents", params={"offset": offset, "limit": limit}, headers=headers)
    answer.raise_for_status()
    return answer.json()
"""
TESTS = """
from unittest import mock
from desk.main import LIMIT, main

class Request:
    def __init__(self, json):
        self.json = json

class TestMain:
    @mock.patch("desk.main.page")
    def test_goes_on_after_a_full_page(self, page):
        page.return_value = [{"id": i} for i in range(LIMIT)]
        assert main(Request({"secrets": {}, "state": {}}))["state"] == {"offset": LIMIT}
"""
PRACTICE = """
from fivetran_emulator.practice import Bearer, Offset, Source

source = Source(access=Bearer("practice-token"))
source.listing("/agents", [{"id": n, "name": f"Agent {n}"} for n in range(120)], pages=Offset(), within=None)
secrets = {"access_token": "practice-token", "url": "{url}"}
"""

FILES = {
    "main.py": MAIN, "desk_api/__init__.py": "", "desk_api/pages.py": PAGES, "desk_api/marks.py": "ONE = 1\n",
    "requirements.txt": "requests==2.26.0\n", "tests/__init__.py": "", "tests/test_main.py": TESTS, "README.md": "# Desk\n", "practice.py": PRACTICE,
}  # fmt: skip
"""Its files, by their path; the 120 agents of its practice source take three pages."""


def written(folder: Path) -> Path:
    """The connector, in this folder."""
    for path, text in FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8")
    return folder
