"""JSON web tokens of an issuer that only the tests know."""

from __future__ import annotations

import base64
import json
from functools import cache
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

if TYPE_CHECKING:
    from collections.abc import Mapping

EXPIRY = 4_102_444_800
"""2100-01-01."""


@cache
def _key(number: int) -> rsa.RSAPrivateKey:
    del number
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def key_set(number: int = 0) -> str:
    """Return the issuer's public keys, as a JSON Web Key Set (RFC 7517).

    ``number`` tells its keys apart, as it changes them.
    """
    numbers = _key(number).public_key().public_numbers()
    key = {
        "kty": "RSA",
        "kid": "test",
        "alg": "RS256",
        "use": "sig",
        "n": _text(numbers.n.to_bytes(256, "big")),
        "e": _text(numbers.e.to_bytes(3, "big")),
    }
    return json.dumps({"keys": [key]})


def signed(
    claims: Mapping[str, object], *, forged: bool = False, number: int = 0
) -> str:
    """Return a token with ``claims``, good for long; ``forged``: by another key."""
    header = {"alg": "RS256", "kid": "test", "typ": "JWT"}
    body = {"exp": EXPIRY, **claims}
    parts = [_text(json.dumps(each).encode()) for each in (header, body)]
    content = ".".join(parts)
    key = _key(-1 if forged else number)
    signature = key.sign(content.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{content}.{_text(signature)}"


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
