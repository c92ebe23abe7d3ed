from __future__ import annotations

import base64
import json
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from meltemi.runtime.workload_proof import sign_proof
from meltemi.testkit.authority import NOON, credential


def unpacked(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def test_a_proof_carries_the_chain_and_is_signed_by_its_key() -> None:
    held = credential()
    proof = sign_proof(held.key, held.chain, audience="meltemi-galley", now=NOON)
    header, claims, signature = proof.split(".")

    shown = json.loads(unpacked(header))
    assert shown["alg"] == "ES256"
    leaf = x509.load_der_x509_certificate(base64.b64decode(shown["x5c"][0]))
    assert leaf == held.leaf

    raw = unpacked(signature)
    numbers = int.from_bytes(raw[:32]), int.from_bytes(raw[32:])
    key = leaf.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(
        encode_dss_signature(*numbers),
        f"{header}.{claims}".encode(),
        ec.ECDSA(hashes.SHA256()),
    )


def test_a_proof_is_for_one_audience_and_one_minute() -> None:
    held = credential()
    proof = sign_proof(held.key, held.chain, audience="meltemi-galley", now=NOON)
    claims = json.loads(unpacked(proof.split(".")[1]))
    later = int((NOON + timedelta(seconds=60)).timestamp())
    assert claims == {
        "aud": "meltemi-galley",
        "iat": int(NOON.timestamp()),
        "exp": later,
    }
