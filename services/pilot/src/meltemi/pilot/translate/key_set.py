"""Which keys Envoy can verify tokens with.

It refuses a whole listener over a key set in which it finds none.

Source: RFC 7517, RFC 7518 section 6 and RFC 8037; the bounds are those that Envoy 1.40
was found to have.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric import ec

if TYPE_CHECKING:
    from collections.abc import Mapping

    Key = Mapping[str, object]

CURVES: Final = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
}
ALGORITHMS: Final = {
    "RSA": ("RS", "PS"),
    "EC": ("ES",),
    "OKP": ("EdDSA",),
    "oct": ("HS",),
}
SMALLEST_MODULUS: Final = 512
LARGEST_MODULUS: Final = 16384
"""In bits."""
EXPONENTS: Final = (3, 65537)
EDWARDS_LENGTH: Final = 32


def usable(key: Key) -> bool:
    """Tell whether Envoy finds a key in ``key``, a JWK."""
    kind = str(key.get("kty"))
    algorithm = str(key.get("alg") or "")
    if algorithm and not algorithm.startswith(ALGORITHMS.get(kind, ())):
        return False
    match kind:
        case "RSA":
            return _rsa(key)
        case "EC":
            return _elliptic(key)
        case "OKP":
            known = key.get("crv") == "Ed25519"
            return known and len(_bytes(key, "x")) == EDWARDS_LENGTH
        case "oct":
            return bool(_bytes(key, "k"))
        case _:
            return False


def _rsa(key: Key) -> bool:
    modulus, exponent = _number(key, "n"), _number(key, "e")
    sized = SMALLEST_MODULUS <= modulus.bit_length() <= LARGEST_MODULUS
    return sized and exponent in EXPONENTS


def _elliptic(key: Key) -> bool:
    curve = CURVES.get(str(key.get("crv")))
    if curve is None:
        return False
    try:
        point = ec.EllipticCurvePublicNumbers(
            _number(key, "x"), _number(key, "y"), curve
        )
        point.public_key()
    except ValueError:
        return False  # not on the curve
    return True


def _number(key: Key, part: str) -> int:
    return int.from_bytes(_bytes(key, part))


def _bytes(key: Key, part: str) -> bytes:
    """Return a part that is unpadded base64url; empty when it is something else."""
    text = str(key.get(part) or "")
    if "=" in text:
        return b""
    padding = "=" * (-len(text) % 4)
    try:
        return base64.b64decode(text + padding, altchars=b"-_", validate=True)
    except ValueError:
        return b""
