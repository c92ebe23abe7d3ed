from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from meltemi.identity.certificate import certificate_pem
from meltemi.kernel.identity import TrustDomains
from meltemi.runtime.proof_verification import InvalidProofError, verify_proof
from meltemi.runtime.workload_proof import sign_proof
from meltemi.testkit.authority import NOON, REVIEWS, authority, credential

if TYPE_CHECKING:
    from datetime import datetime

    from meltemi.identity.credential import Credential

WORKLOAD = credential()
BUNDLE = certificate_pem(*WORKLOAD.roots).encode()


def proof(shown: Credential = WORKLOAD, *, at: datetime = NOON) -> str:
    return sign_proof(shown.key, shown.chain, audience="meltemi-galley", now=at)


def verified(token: str, *, now: datetime = NOON, bundle: bytes = b"") -> str:
    return str(
        verify_proof(
            token,
            bundle or BUNDLE,
            audience="meltemi-galley",
            domains=TrustDomains("cluster.local"),
            now=now,
        )
    )


def altered(token: str, part: int, **changes: object) -> str:
    parts = token.split(".")
    raw = base64.urlsafe_b64decode(parts[part] + "==")
    value = {**json.loads(raw), **changes}
    encoded = base64.urlsafe_b64encode(json.dumps(value).encode())
    parts[part] = encoded.rstrip(b"=").decode()
    return ".".join(parts)


def test_a_proof_is_believed_for_the_identity_of_its_certificate() -> None:
    assert verified(proof()) == str(REVIEWS)


def test_clocks_may_differ_a_little_but_not_much() -> None:
    assert verified(proof(), now=NOON + timedelta(seconds=85)) == str(REVIEWS)
    assert verified(proof(), now=NOON - timedelta(seconds=25)) == str(REVIEWS)
    with pytest.raises(InvalidProofError, match="has expired"):
        verified(proof(), now=NOON + timedelta(seconds=95))
    with pytest.raises(InvalidProofError, match="from the future"):
        verified(proof(), now=NOON - timedelta(seconds=35))


def test_a_proof_for_another_service_is_none_for_us() -> None:
    token = sign_proof(WORKLOAD.key, WORKLOAD.chain, audience="citadel", now=NOON)
    with pytest.raises(InvalidProofError, match="for 'citadel'"):
        verified(token)


def test_a_stranger_s_certificate_is_refused() -> None:
    stranger = credential(signer=authority(now=NOON - timedelta(seconds=1)))
    with pytest.raises(InvalidProofError, match="not one of this mesh"):
        verified(proof(stranger))


def test_somebody_else_s_key_is_refused() -> None:
    thief = replace(credential(), chain=WORKLOAD.chain)
    with pytest.raises(InvalidProofError, match="not by the certificate's key"):
        verified(proof(thief))


def test_claims_changed_after_signing_are_refused() -> None:
    token = altered(proof(), 1, exp=int(NOON.timestamp()) + 119)
    with pytest.raises(InvalidProofError, match="signature"):
        verified(token)


def test_a_long_lived_proof_is_refused() -> None:
    token = altered(proof(), 1, exp=int(NOON.timestamp()) + 3600)
    with pytest.raises(InvalidProofError, match="at most 120 s"):
        verified(token)


@pytest.mark.parametrize("algorithm", ["none", "HS256", "RS256"])
def test_the_algorithm_is_not_the_caller_s_choice(algorithm: str) -> None:
    with pytest.raises(InvalidProofError, match="ES256"):
        verified(altered(proof(), 0, alg=algorithm))


def test_an_expired_certificate_is_refused() -> None:
    later = NOON + timedelta(days=2)
    with pytest.raises(InvalidProofError, match="not one of this mesh"):
        verified(proof(at=later), now=later)


def test_another_trust_domain_is_refused() -> None:
    foreign = replace(REVIEWS, trust_domain="evil.example")
    shown = credential(foreign, signer=authority("cluster.local", now=NOON))
    with pytest.raises(InvalidProofError, match="not of the trust domain"):
        verified(proof(shown))


@pytest.mark.parametrize(
    "token",
    ["", "a.b", "a.b.c", "....", "eyJ.eyJ.eyJ", "é.é.é", "e30.e30.e30", "x" * 40_000],
)
def test_what_is_no_jwt_is_refused(token: str) -> None:
    with pytest.raises(InvalidProofError):
        verified(token)


@pytest.mark.parametrize("x5c", [[], ["AAAA"], ["%"], [1], "x", ["AAAA"] * 9])
def test_a_malformed_chain_is_refused(x5c: object) -> None:
    with pytest.raises(InvalidProofError):
        verified(altered(proof(), 0, x5c=x5c))


def test_an_unreadable_bundle_lets_nobody_in() -> None:
    with pytest.raises(InvalidProofError, match="not one of this mesh"):
        verified(proof(), bundle=b"not a certificate")
