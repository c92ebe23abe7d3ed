"""The trust bundle as SPIFFE shares it. No I/O.

Source:
    SPIFFE Trust Domain and Bundle 4: a JWK set with ``spiffe_sequence`` and
    ``spiffe_refresh_hint``; each root an ``x509-svid`` key with one ``x5c``.

"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cryptography import x509

    from meltemi.citadel.key_ring import Ring


def spiffe_bundle(
    roots: Sequence[x509.Certificate], ring: Ring, refresh_seconds: int
) -> dict[str, object]:
    """Return the bundle of ``roots``, and of ``ring``, the keys of JWT-SVIDs.

    The sequence is when the newest root began or the keys changed, Unix seconds: a
    bundle that gains a root, or gains or loses a key, has a higher one, on every
    replica the same.
    """
    begun = (each.not_valid_before_utc for each in roots)
    newest = max((*begun, ring.stored.changed))
    return {
        "keys": [
            *(_root(each) for each in roots),
            *jwt_authorities(ring),
        ],
        "spiffe_sequence": int(newest.timestamp()),
        "spiffe_refresh_hint": refresh_seconds,
    }


def jwt_authorities(ring: Ring) -> list[dict[str, str]]:
    """Return the public keys of JWT-SVIDs as a SPIFFE bundle names them."""
    return [{**_public(each), "use": "jwt-svid"} for each in ring.jwks]


def _public(key: Mapping[str, str]) -> dict[str, str]:
    """Return a key without ``alg``, which SPIFFE has no use for."""
    return {name: each for name, each in key.items() if name != "alg"}


def _root(root: x509.Certificate) -> dict[str, object]:
    der = root.public_bytes(serialization.Encoding.DER)
    key = root.public_key()
    members: dict[str, object] = {}
    if isinstance(key, ec.EllipticCurvePublicKey):
        members = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key))
    elif isinstance(key, rsa.RSAPublicKey):
        members = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key))
        members.pop("key_ops", None)
    return {**members, "use": "x509-svid", "x5c": [base64.b64encode(der).decode()]}
