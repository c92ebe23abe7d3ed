"""A workload's proof of who it is, for requests over HTTP: a short-lived JWT.

The header carries the certificate chain (``x5c``), the signature is by its key.

Source:
    RFC 7515 4.1.6 (x5c), RFC 7518 3.4 (ES256), RFC 7519 4.1 (aud, iat, exp).

"""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from cryptography.x509 import Certificate

LIFETIME = timedelta(seconds=60)
COORDINATE_BYTES = 32


def sign_proof(
    key: ec.EllipticCurvePrivateKey,
    chain: Sequence[Certificate],
    *,
    audience: str,
    now: datetime,
) -> str:
    """Return a JWT that proves possession of ``key`` to ``audience`` for a minute.

    Args:
        key: The P-256 key of the chain's leaf.
        chain: Leaf first, without the root.
        audience: Who is to believe it.
        now: The current time.

    """
    x5c = [
        base64.b64encode(each.public_bytes(serialization.Encoding.DER)).decode()
        for each in chain
    ]
    issued = int(now.timestamp())
    claims = {
        "aud": audience,
        "iat": issued,
        "exp": issued + int(LIFETIME.total_seconds()),
    }
    header = {"alg": "ES256", "typ": "JWT", "x5c": x5c}
    signed = (
        f"{_part(msgspec.json.encode(header))}.{_part(msgspec.json.encode(claims))}"
    )
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    signature = r.to_bytes(COORDINATE_BYTES) + s.to_bytes(COORDINATE_BYTES)
    return f"{signed}.{_part(signature)}"


def _part(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
