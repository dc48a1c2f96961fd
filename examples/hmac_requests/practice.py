"""Thirty items; a request whose signature does not fit is refused."""

import hashlib
import hmac
from urllib.parse import quote_plus

from fivetran_emulator.practice import Offset, Refusal, Request, Source

KEY = "practice-key"
ITEMS = [{"id": number, "name": f"Item {number}: " + "…" * 40} for number in range(30)]


class Signed:
    """The source's rule, by its own documentation."""

    def check(self, request: Request) -> None:
        """Refuse what was not signed with the key."""
        pairs = sorted(request.args.items(multi=True))
        query = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs)
        text = f"{request.headers.get('Date', '')}\n{request.method}\n{request.path}\n{query}"
        right = hmac.new(KEY.encode(), text.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(request.headers.get("X-Signature", ""), right):
            raise Refusal(401, "the signature is missing or wrong")


source = Source(access=Signed())
source.listing("/items", ITEMS, pages=Offset(size=10))

secrets = {"key": KEY, "url": "{url}"}
