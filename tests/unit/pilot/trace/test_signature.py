from __future__ import annotations

from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from meltemi.pilot.trace.signature import signed

if TYPE_CHECKING:
    from collections.abc import Callable

CONTENT = "eyJ9.eyJ9"
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
CURVE = ec.generate_private_key(ec.SECP256R1())
EDWARDS = ed25519.Ed25519PrivateKey.generate()


def text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def number(value: int) -> str:
    return text(value.to_bytes((value.bit_length() + 7) // 8))


def of_curve(content: bytes) -> bytes:
    r, s = decode_dss_signature(CURVE.sign(content, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32) + s.to_bytes(32)


PUBLIC = RSA.public_key().public_numbers()
POINT = CURVE.public_key().public_numbers()
RSA_KEY = {"kty": "RSA", "n": number(PUBLIC.n), "e": number(PUBLIC.e)}
EC_KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": text(POINT.x.to_bytes(32)),
    "y": text(POINT.y.to_bytes(32)),
}
ED_KEY = {
    "kty": "OKP",
    "crv": "Ed25519",
    "x": text(EDWARDS.public_key().public_bytes_raw()),
}
PSS = padding.PSS(padding.MGF1(hashes.SHA512()), 64)


@pytest.mark.parametrize(
    ("key", "algorithm", "sign"),
    [
        (RSA_KEY, "RS256", lambda raw: RSA.sign(raw, padding.PKCS1v15(), hashes.SHA256())),
        (RSA_KEY, "PS512", lambda raw: RSA.sign(raw, PSS, hashes.SHA512())),
        (EC_KEY, "ES256", of_curve),
        (ED_KEY, "EdDSA", EDWARDS.sign),
    ],
    ids=["RS256", "PS512", "ES256", "EdDSA"],
)  # fmt: skip
def test_who_holds_the_key_has_signed_and_nobody_else(
    key: dict[str, str], algorithm: str, sign: Callable[[bytes], bytes]
) -> None:
    signature = text(sign(CONTENT.encode()))
    assert signed(key, algorithm, f"{CONTENT}.{signature}") is True
    assert signed(key, algorithm, f"{CONTENT}x.{signature}") is False
    assert signed(key, algorithm, f"{CONTENT}.") is False
    assert signed(key, algorithm, f"{CONTENT}.%") is False


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        ({"kty": "oct", "k": "c2VjcmV0"}, "HS256"),
        (RSA_KEY, "ES256"),
        (RSA_KEY, "RS257"),
        (RSA_KEY | {"n": ""}, "RS256"),
        (EC_KEY | {"crv": "P-257"}, "ES256"),
        (EC_KEY | {"y": EC_KEY["x"]}, "ES256"),
        (ED_KEY | {"crv": "Ed448"}, "EdDSA"),
        (ED_KEY | {"x": "c2hvcnQ"}, "EdDSA"),
    ],
)
def test_what_cannot_be_judged_is_not(key: dict[str, str], algorithm: str) -> None:
    assert signed(key, algorithm, f"{CONTENT}.c2ln") is None
