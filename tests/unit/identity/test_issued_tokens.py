from __future__ import annotations

import json
from datetime import timedelta
from functools import cache
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from meltemi.galley.access import Issuer
from meltemi.identity.issued_tokens import (
    InvalidTokenError,
    Key,
    KeySetError,
    choose_key,
    parse_keys,
    parse_token,
    verify_token,
)
from meltemi.testkit.authority import NOON

AT = int(NOON.timestamp())
ISSUER = Issuer("https://login", ("meltemi",), (), jwks_file="/keys")
CLAIMS = {
    "iss": "https://login",
    "sub": "ann",
    "aud": "meltemi",
    "iat": AT,
    "exp": AT + 60,
}
SIGNER = ec.generate_private_key(ec.SECP256R1())


@cache
def rsa_signer(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def public(key: Any, **more: str) -> dict[str, str]:
    name = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
    algorithm = jwt.get_algorithm_by_name(name)
    text: str = algorithm.to_jwk(key.public_key())
    return {**json.loads(text), **more}


def key_set(*keys: dict[str, str]) -> tuple[Key, ...]:
    return parse_keys(json.dumps({"keys": keys}).encode())


KEYS = key_set(public(SIGNER, kid="one"))


def signed(
    claims: dict[str, Any] | None = None,
    key: Any = SIGNER,
    algorithm: str = "ES256",
    **header: Any,
) -> str:
    headers = {"kid": "one"} | header
    return jwt.encode(claims or CLAIMS, key, algorithm, headers)


def believed(
    text: str, keys: tuple[Key, ...] = KEYS, issuer: Issuer = ISSUER
) -> dict[str, Any]:
    token = parse_token(text)
    assert token is not None
    key = choose_key(token, issuer, keys)
    if key is None:
        raise InvalidTokenError("no such key")
    return dict(verify_token(token, issuer, key, now=NOON))


def test_a_token_of_the_issuer_is_believed() -> None:
    assert believed(signed())["sub"] == "ann"
    many = {**CLAIMS, "aud": ["other", "meltemi"]}
    assert believed(signed(many))["sub"] == "ann"
    by_rsa = signed(key=rsa_signer(), algorithm="RS256")
    assert believed(by_rsa, key_set(public(rsa_signer(), kid="one")))["sub"] == "ann"


@pytest.mark.parametrize(
    "change",
    [
        {"aud": "other"},
        {"aud": []},
        {"exp": AT - 31},
        {"exp": "never"},
        {"exp": True},
        {"iat": AT + 31},
        {"iat": AT - 86_401},
        {"nbf": AT + 31},
        {"nbf": None},
        {"sub": 7},
    ],
)
def test_a_claim_that_does_not_hold_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidTokenError):
        believed(signed({**CLAIMS, **change}))


@pytest.mark.parametrize("name", ["sub", "aud", "exp", "iat"])
def test_a_claim_that_is_missing_is_refused(name: str) -> None:
    left = {key: value for key, value in CLAIMS.items() if key != name}
    with pytest.raises(InvalidTokenError):
        believed(signed(left))


def test_clocks_may_differ_by_half_a_minute() -> None:
    assert believed(signed({**CLAIMS, "exp": AT - 29, "nbf": AT + 29}))


def test_a_token_without_a_signature_is_refused() -> None:
    _, claims, _ = signed().split(".")
    header = jwt.utils.base64url_encode(b'{"alg":"none","kid":"one"}').decode()
    with pytest.raises(InvalidTokenError, match="not 'none'"):
        believed(f"{header}.{claims}.")


def test_the_public_key_is_no_password() -> None:
    pem = SIGNER.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    _, claims, _ = signed().split(".")
    header = jwt.utils.base64url_encode(b'{"alg":"HS256","kid":"one"}').decode()
    mac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    made = mac.sign(f"{header}.{claims}".encode(), pem)
    text = f"{header}.{claims}.{jwt.utils.base64url_encode(made).decode()}"
    with pytest.raises(InvalidTokenError, match="not 'HS256'"):
        believed(text)
    secret = {"kty": "oct", "k": "c2VjcmV0", "kid": "one", "alg": "HS256"}
    with pytest.raises(KeySetError, match="no public key"):
        key_set(secret)


def test_keys_that_a_token_brings_along_are_not_looked_at() -> None:
    thief = ec.generate_private_key(ec.SECP256R1())
    text = signed(key=thief, jwk=public(thief), jku="https://thief", x5u="https://a")
    with pytest.raises(InvalidTokenError, match="does not hold"):
        believed(text)


def test_an_extension_that_must_be_understood_is_not() -> None:
    with pytest.raises(InvalidTokenError):
        parse_token(signed(crit=["b64"], b64=False))


def test_a_key_is_for_its_own_algorithm_and_for_signatures() -> None:
    only = key_set(public(rsa_signer(), kid="one", alg="RS512"))
    text = signed(key=rsa_signer(), algorithm="RS256")
    with pytest.raises(InvalidTokenError, match="no such key"):
        believed(text, only)
    for unfit in (public(SIGNER, use="enc"), public(rsa_signer(1024))):
        with pytest.raises(KeySetError):
            key_set(unfit)


def test_without_a_key_id_there_must_be_one_key() -> None:
    text = signed(kid="")
    assert believed(text)
    other = ec.generate_private_key(ec.SECP256R1())
    two = key_set(public(SIGNER, kid="one"), public(other, kid="two"))
    with pytest.raises(InvalidTokenError, match="no such key"):
        believed(text, two)
    assert believed(signed(), two)


@pytest.mark.parametrize("text", ["a.b.c", "eyJ.eyJ.x", "x" * 20_000])
def test_what_is_no_jwt_is_said_to_be_none(text: str) -> None:
    with pytest.raises(InvalidTokenError):
        parse_token(text)


def test_a_token_of_nobody_is_none_of_an_issuer() -> None:
    assert parse_token(signed({"sub": "a"})) is None


def test_the_end_is_ours_to_judge() -> None:
    token = parse_token(signed())
    assert token is not None
    key = KEYS[0]
    later = NOON + timedelta(seconds=91)
    with pytest.raises(InvalidTokenError, match="expired"):
        verify_token(token, ISSUER, key, now=later)
