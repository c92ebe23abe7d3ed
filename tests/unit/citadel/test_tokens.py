from __future__ import annotations

import json
from datetime import timedelta
from functools import cache
from typing import Any

import jwt
import pytest

from meltemi.citadel.admit import UnauthenticatedError
from meltemi.citadel.token_key import TokenKey
from meltemi.citadel.tokens import (
    Bounds,
    InvalidTokenRequestError,
    Token,
    TokenRecord,
    check_token,
    make_token,
    service_account,
)
from meltemi.identity.issued_tokens import parse_token
from meltemi.identity.keys import new_key
from meltemi.kernel.identity import SpiffeId, TrustDomains
from meltemi.kernel.names import Namespace
from meltemi.testkit.authority import NOON, REVIEWS

AT = int(NOON.timestamp())
KEY = TokenKey(new_key())
STRANGER = TokenKey(new_key())


USUAL = Bounds()


@cache
def token(bounds: Bounds = USUAL) -> Token:
    return make_token(REVIEWS, bounds, KEY, now=NOON, number=bytes(range(16)))


def signed(key: TokenKey = KEY, **change: Any) -> str:
    claims = jwt.decode(token().text, options={"verify_signature": False}) | change
    left = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(left, key.key, "ES256", {"kid": KEY.id})


def believed(
    text: str, *, after: timedelta = timedelta(), trust_domain: str = "cluster.local"
) -> TokenRecord:
    parsed = parse_token(text)
    assert parsed is not None
    return check_token(
        parsed, KEY.public, domains=TrustDomains(trust_domain), now=NOON + after
    )


def test_a_token_proves_what_it_was_made_for_until_it_ends() -> None:
    assert believed(token().text) == token().record
    assert token().record.name == REVIEWS
    assert believed(token().text, after=timedelta(minutes=10, seconds=-1))
    with pytest.raises(UnauthenticatedError, match="expired"):
        believed(token().text, after=timedelta(minutes=10))


def test_istio_and_everybody_else_can_read_a_token() -> None:
    claims = jwt.decode(
        token(Bounds(once=False, cidr="10.0.0.0/8", node="n1")).text,
        jwt.PyJWK(KEY.jwk).key,
        algorithms=["ES256"],
        audience="istio-ca",
        issuer="https://citadel/cluster.local",
        options={"verify_exp": False, "verify_iat": False},
    )
    assert claims == {
        "iss": "https://citadel/cluster.local",
        "aud": "istio-ca",
        "sub": "system:serviceaccount:default:bookinfo-reviews",
        "jti": bytes(range(16)).hex(),
        "iat": AT,
        "exp": AT + 600,
        "once": False,
        "cidr": "10.0.0.0/8",
        "node": "n1",
    }


def test_neither_a_token_nor_a_key_prints_what_is_secret() -> None:
    assert token().text not in repr(token())
    assert repr(KEY) == f"TokenKey(id={KEY.id!r})"


def test_the_id_of_a_key_is_its_thumbprint() -> None:
    again = TokenKey(KEY.key)
    assert again.id == KEY.id != STRANGER.id
    assert json.loads(json.dumps(KEY.jwk))["kid"] == KEY.id
    assert len(KEY.id) == 43


@pytest.mark.parametrize(
    "change",
    [
        {"aud": "istio"},
        {"aud": ["istio-ca"]},
        {"aud": {"istio-ca": 1}},
        {"iss": "https://citadel/elsewhere"},
        {"exp": AT + 600.0},
        {"exp": str(AT + 600)},
        {"exp": 1e30},
        {"exp": 10**30},
        {"exp": -(10**30)},
        {"exp": AT + 86_401},
        {"exp": AT},
        {"iat": AT + 31, "exp": AT + 600},
        {"iat": True},
        {"nbf": AT + 31},
        {"jti": "../../config"},
        {"jti": 7},
        {"once": 1},
        {"once": "false"},
        {"cidr": 7},
        {"sub": "system:serviceaccount:istio-system:citadel"},
        {"sub": "spiffe://cluster.local/ns/default/sa/reviews"},
    ],
)
def test_a_claim_that_citadel_would_not_have_signed_admits_nobody(
    change: dict[str, Any],
) -> None:
    with pytest.raises(UnauthenticatedError):
        believed(signed(**change))


@pytest.mark.parametrize("name", ["iss", "aud", "sub", "jti", "iat", "exp", "once"])
def test_a_claim_that_is_missing_admits_nobody(name: str) -> None:
    gone: dict[str, Any] = {name: None}
    text = signed(**gone)
    if name == "iss":
        assert parse_token(text) is None
        return
    with pytest.raises(UnauthenticatedError):
        believed(text)


def test_only_the_key_of_citadel_counts_whatever_the_token_says_of_it() -> None:
    with pytest.raises(UnauthenticatedError):
        believed(signed(STRANGER))
    for kid in ("", "../../token-key.pem", STRANGER.id):
        claims = jwt.decode(token().text, options={"verify_signature": False})
        text = jwt.encode(claims, KEY.key, "ES256", {"kid": kid})
        with pytest.raises(UnauthenticatedError, match="no key of ours"):
            believed(text)


def test_a_token_of_another_trust_domain_admits_nobody() -> None:
    with pytest.raises(UnauthenticatedError):
        believed(token().text, trust_domain="elsewhere")


@pytest.mark.parametrize(
    ("address", "is_good"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("11.1.2.3", False),
        ("fd00::1", False),
        ("", False),
        ("10.1.2", False),
    ],
)
def test_a_token_bound_to_a_network_is_good_from_there(
    address: str,
    is_good: bool,  # noqa: FBT001 - a table's column
) -> None:
    record = token(Bounds(cidr="10.0.0.0/8")).record
    if is_good:
        record.check_place(address, "")
        return
    with pytest.raises(UnauthenticatedError, match=r"10\.0\.0\.0/8"):
        record.check_place(address, "")


def test_a_token_bound_to_a_node_is_good_for_that_node() -> None:
    record = token(Bounds(node="n1")).record
    record.check_place("10.0.0.1", "n1")
    for other in ("", "n2"):
        with pytest.raises(UnauthenticatedError, match="'n1'"):
            record.check_place("10.0.0.1", other)


def test_a_token_without_bounds_is_good_anywhere() -> None:
    token().record.check_place("", "")


@pytest.mark.parametrize(
    ("bounds", "word"),
    [
        (Bounds(timedelta(0)), "ttl_seconds 0"),
        (Bounds(timedelta(seconds=-1)), "ttl_seconds -1"),
        (Bounds(timedelta(seconds=86_401)), "ttl_seconds 86401"),
        (Bounds(cidr="10.0.0.0/33"), "10.0.0.0/33"),
        (Bounds(cidr="10.0.0.1/8"), "host bits"),
        (Bounds(node="a/b"), "'a/b'"),
    ],
)
def test_bounds_that_make_no_sense_are_refused(bounds: Bounds, word: str) -> None:
    with pytest.raises(InvalidTokenRequestError, match=word):
        make_token(REVIEWS, bounds, KEY, now=NOON, number=bytes(16))


@pytest.mark.parametrize(
    "subject",
    [
        "system:serviceaccount",
        "system:serviceaccount:ns",
        "system:serviceaccount:ns:a:b",
        "system:serviceaccount::sa",
        "system:serviceaccount:ns:",
        "ns,spiffe://cluster.local/ns/default/sa/admin",
        "system:serviceaccount:ns:x/ns/admin",
        "system:serviceaccount:NS:a",
    ],
)
def test_a_subject_that_is_no_service_account_names_nobody(subject: str) -> None:
    with pytest.raises(UnauthenticatedError):
        service_account(subject, "cluster.local")


def test_a_subject_names_namespace_and_account() -> None:
    found = service_account("system:serviceaccount:a:b.c", "cluster.local")
    assert found == SpiffeId("cluster.local", Namespace("a"), "b.c")
