"""Thirty items. The token endpoint knows the account's public key."""

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from fivetran_emulator.practice import LogIn, Offset, Refusal, Request, Source

EMAIL = "reader@practice.example"
TOKEN = "practice-access-token"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
KEY = ec.generate_private_key(ec.SECP256R1())
ITEMS = [{"id": number, "name": f"Item {number}: " + "…" * 40} for number in range(30)]


def exchange(request: Request) -> object:
    """An access token for an assertion that the account has signed."""
    if request.form.get("grant_type") != GRANT:
        raise Refusal(400, "another grant", body={"error": "unsupported_grant_type"})
    try:
        jwt.decode(
            request.form.get("assertion", ""),
            KEY.public_key(),
            ["ES256"],
            audience="https://api.acme.example",
            issuer=EMAIL,
            options={"require": ["exp", "iss", "aud"]},
        )
    except jwt.InvalidTokenError as error:
        raise Refusal(400, f"the assertion: {error}", body={"error": "invalid_grant"}) from error
    return {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 3600}


source = Source(access=LogIn("/token", exchange, TOKEN, scheme="Bearer "))
source.listing("/items", ITEMS, pages=Offset(size=10))

PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)
secrets = {"email": EMAIL, "private_key": PEM.decode(), "url": "{url}"}
