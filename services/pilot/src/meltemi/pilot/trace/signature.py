"""Whether a key of a JSON Web Key Set signed a token.

Source: RFC 7515 §5.2 (what is signed), RFC 7517 (keys), RFC 7518 §3 (algorithms).
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

if TYPE_CHECKING:
    from collections.abc import Mapping

HASHES: Mapping[str, hashes.HashAlgorithm] = {
    "256": hashes.SHA256(),
    "384": hashes.SHA384(),
    "512": hashes.SHA512(),
}
CURVES: Mapping[str, ec.EllipticCurve] = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
}


class _UnreadableError(Exception):
    """A key, or an algorithm, that is not read here."""


def signed(key: Mapping[str, object], algorithm: str, token: str) -> bool | None:
    """Tell whether ``key`` signed ``token``; None for what cannot be judged here.

    Args:
        key: A JSON Web Key.
        algorithm: By its name in the token's head.
        token: In its compact form.

    """
    content, _, encoded = token.strip().rpartition(".")
    try:
        _verify(key, algorithm, _decoded(encoded), content.encode())
    except _UnreadableError:
        return None
    except InvalidSignature:
        return False
    return True


def _verify(
    key: Mapping[str, object], algorithm: str, signature: bytes, content: bytes
) -> None:
    family, digest = algorithm[:2], HASHES.get(algorithm[2:])
    match key.get("kty"), family:
        case "RSA", "RS" | "PS" if digest:
            scheme = (
                padding.PKCS1v15()
                if family == "RS"
                else padding.PSS(padding.MGF1(digest), digest.digest_size)
            )
            _rsa(key).verify(signature, content, scheme, digest)
        case "EC", "ES" if digest:
            half = len(signature) // 2
            r, s = (int.from_bytes(p) for p in (signature[:half], signature[half:]))
            found = encode_dss_signature(r, s)
            _curve(key).verify(found, content, ec.ECDSA(digest))
        case "OKP", "Ed" if key.get("crv") == "Ed25519":
            _edwards(key).verify(signature, content)
        case _:
            raise _UnreadableError


def _rsa(key: Mapping[str, object]) -> rsa.RSAPublicKey:
    try:
        return rsa.RSAPublicNumbers(_number(key, "e"), _number(key, "n")).public_key()
    except ValueError as error:
        raise _UnreadableError from error


def _curve(key: Mapping[str, object]) -> ec.EllipticCurvePublicKey:
    curve = CURVES.get(str(key.get("crv")))
    if curve is None:
        raise _UnreadableError
    x, y = _number(key, "x"), _number(key, "y")
    try:
        return ec.EllipticCurvePublicNumbers(x, y, curve).public_key()
    except ValueError as error:
        raise _UnreadableError from error


def _edwards(key: Mapping[str, object]) -> ed25519.Ed25519PublicKey:
    try:
        return ed25519.Ed25519PublicKey.from_public_bytes(_decoded(str(key.get("x"))))
    except ValueError as error:
        raise _UnreadableError from error


def _number(key: Mapping[str, object], name: str) -> int:
    return int.from_bytes(_decoded(str(key.get(name, ""))))


def _decoded(text: str) -> bytes:
    """Return what base64url text without padding spells; empty for what is none."""
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b""
