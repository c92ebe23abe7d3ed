from __future__ import annotations

import base64
import json

import pytest

from meltemi.pilot.translate.key_set import usable
from meltemi.testkit.policies import KEYS

(EC,) = json.loads(KEYS)["keys"]


def rsa(bits: int, exponent: str = "AQAB") -> dict[str, str]:
    modulus = ((1 << bits - 1) + 513).to_bytes(bits // 8)
    text = base64.urlsafe_b64encode(modulus).decode().rstrip("=")
    return {"kty": "RSA", "n": text, "e": exponent}


ED = {"kty": "OKP", "crv": "Ed25519", "x": "A" * 43}
USED = [
    EC,
    rsa(512),
    rsa(2048),
    rsa(16384),
    rsa(2048, "Aw"),
    ED,
    {"kty": "oct", "k": "c2VjcmV0"},
]
REFUSED = [
    EC | {"y": EC["x"]},
    EC | {"crv": "P-384"},
    EC | {"crv": "P-999"},
    EC | {"alg": "RS256"},
    rsa(504),
    rsa(16392),
    rsa(2048, "Ag"),
    rsa(2048, "AQ"),
    rsa(2048, "AQAD"),
    rsa(2048) | {"n": "!"},
    rsa(1024) | {"n": rsa(1024)["n"] + "=="},
    rsa(1024) | {"alg": "ES256"},
    ED | {"crv": "X25519"},
    ED | {"x": "AAAA"},
    {"kty": "oct", "k": ""},
    {"kty": "oct", "k": "!!"},
]
"""Each was shown to Envoy 1.40, which refused it."""


@pytest.mark.parametrize("key", USED)
def test_a_key_that_envoy_can_use_is_used(key: dict[str, str]) -> None:
    assert usable(key)


@pytest.mark.parametrize("key", REFUSED)
def test_a_key_that_envoy_refuses_is_not(key: dict[str, str]) -> None:
    assert not usable(key)


def test_a_key_of_another_type_is_not_used() -> None:
    assert not usable({"kty": "other"})
