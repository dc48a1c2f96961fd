"""The rows every contestant reads: 13 columns, about 420 bytes each as JSON, the same in every run.

Whole numbers, text beyond ASCII, a column that is often null, instants, a yes or no, an object and a list.
"""

from __future__ import annotations

import datetime as dt

_BEGIN = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
_CHANGED = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
_STEP = 7_368_787
"""A prime: multiples of it, taken modulo a number of rows, come to every one of them in no order."""
_TITLES = (
    "Paiement refusé à la caisse n° 3",
    "Größe des Anhangs überschritten",
    "配送先の住所を変更したい",
    "Cannot sign in after the update",
)
_WORDS = "The customer writes that the order arrived late and one of its items is missing."


def row(number: int, *, changed: bool = False) -> str:
    """The ticket with this number as the source has it, or as it is once changed."""
    updated = ((_CHANGED if changed else _BEGIN) + dt.timedelta(seconds=number)).isoformat()[:19]
    email = "null" if number % 3 else f'"agent{number % 97}@example.com"'
    return (
        f'{{"id":{number},"account_id":{number % 9973},"title":"{_TITLES[number % 4]}","body":"{_WORDS}",'
        f'"status":"{("open", "pending", "closed")[number % 3]}","priority":{number % 5},"email":{email},'
        f'"created_at":"2024-12-31T23:59:59Z","updated_at":"{updated}Z",'
        f'"is_public":{"true" if number % 2 else "false"},"seconds_open":{number * 37 % 86_400},'
        f'"requester":{{"name":"Zoë {number % 1009}","city":"Kraków","verified":true}},'
        f'"tags":["billing","wave-{number % 53}","mobile"]}}'
    )


def numbers(rows: int, *, shuffled: bool) -> list[int]:
    """The tickets' numbers from 1 on, in the order in which they are listed."""
    return [number * _STEP % rows + 1 if shuffled else number + 1 for number in range(rows)]
