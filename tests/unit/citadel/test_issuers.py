from __future__ import annotations

import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from meltemi.citadel.admit import UnauthenticatedError
from meltemi.citadel.issuers import InvalidIssuersError, Issuer, parse_issuers
from meltemi.identity.issued_tokens import choose_key, parse_keys, parse_token
from meltemi.kernel.identity import SpiffeId
from meltemi.kernel.names import Namespace
from meltemi.testkit.authority import NOON

AT = int(NOON.timestamp())
CI = Issuer("https://ci", jwks_file="/keys")
CLAIMS: dict[str, Any] = {
    "iss": "https://ci",
    "sub": "system:serviceaccount:a:b",
    "aud": "istio-ca",
    "iat": AT,
    "exp": AT + 600,
}
SIGNERS: dict[str, Any] = {
    "RS256": rsa.generate_private_key(65537, 2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}


def subject(algorithm: str = "ES256", **change: Any) -> str:
    signer = SIGNERS[algorithm]
    jwk = jwt.get_algorithm_by_name(algorithm).to_jwk(signer.public_key())
    whole = json.loads(jwk) if isinstance(jwk, str) else jwk
    (key,) = parse_keys(json.dumps({"keys": [whole | {"kid": "one"}]}).encode())
    text = jwt.encode(CLAIMS | change, signer, algorithm, {"kid": "one"})
    token = parse_token(text)
    assert token is not None
    assert choose_key(token, CI, (key,)) == key
    return CI.claims(token, key, now=NOON)


@pytest.mark.parametrize("algorithm", SIGNERS)
def test_an_issuer_vouches_by_the_kind_of_key_it_has(algorithm: str) -> None:
    assert subject(algorithm) == "system:serviceaccount:a:b"


def test_one_of_several_audiences_is_enough() -> None:
    assert subject(aud=["other", "istio-ca"])


@pytest.mark.parametrize(
    "change",
    [
        {"aud": "other"},
        {"aud": ["other"]},
        {"exp": AT + 600.0},
        {"exp": str(AT + 600)},
        {"exp": 1e30},
        {"exp": AT - 31},
        {"iat": AT - 86_401},
        {"iat": AT + 31},
        {"iat": True},
        {"nbf": AT + 31},
        {"sub": ""},
        {"sub": 7},
    ],
)
def test_a_claim_that_does_not_hold_admits_nobody(change: dict[str, Any]) -> None:
    with pytest.raises(UnauthenticatedError):
        subject(**change)


def test_clocks_may_differ_by_half_a_minute() -> None:
    assert subject(exp=AT - 29, iat=AT - 60)


def test_a_subject_is_read_by_the_issuers_template() -> None:
    found = SpiffeId("cluster.local", Namespace("a"), "b.c")
    assert CI.identity("system:serviceaccount:a:b.c", "cluster.local") == found
    nomad = Issuer(
        "https://n", jwks_file="k", subject="{serviceAccount}/ns.{namespace}"
    )
    assert nomad.identity("b.c/ns.a", "cluster.local") == found
    for text in ("b.c/nsxa", "b/c/ns.a", "b.c/ns.a\n", "b.c/ns.A", "/ns.a"):
        with pytest.raises(UnauthenticatedError):
            nomad.identity(text, "cluster.local")


def test_without_a_template_registration_entries_say_who_it_is() -> None:
    ci = Issuer("https://ci", jwks_file="k", subject="")
    assert ci.identity("repo:acme/shop", "cluster.local") is None


def test_the_list_is_yaml_or_json() -> None:
    text = b"[{issuer: https://ci, audiences: [x], jwksUrl: https://ci/keys}]"
    assert parse_issuers(text) == (
        Issuer("https://ci", ("x",), jwks_url="https://ci/keys"),
    )


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("{", "parsing"),
        ("[{issuer: a}]", "set one of jwks"),
        ("[{issuer: a, jwksFile: k, jwksUrl: https://k}]", "set one of jwks"),
        ("[{issuer: a, jwksFile: k, colour: red}]", "colour"),
        ("[{issuer: a, jwksFile: k, algorithms: [HS256]}]", "no algorithm 'HS256'"),
        ("[{issuer: a, jwksFile: k, subject: '{namespace}'}]", "must hold"),
        ("[{issuer: a, jwks: '{}'}]", "jwks: not a JWK set"),
        ("[{issuer: a, jwksFile: k}, {issuer: a, jwksFile: k}]", "stands twice"),
    ],
)
def test_a_list_that_makes_no_sense_is_refused(text: str, word: str) -> None:
    with pytest.raises(InvalidIssuersError, match=word):
        parse_issuers(text.encode())
