from __future__ import annotations

import base64
import hashlib
import json
from datetime import timedelta
from typing import Any

import jwt
import pytest

from meltemi.citadel.jwt_svid import make_svid
from meltemi.citadel.key_ring import Ring, StoredRing
from meltemi.citadel.spiffe_bundle import jwt_authorities
from meltemi.citadel.token_key import TokenKey
from meltemi.citadel.tokens import Bounds, make_token
from meltemi.identity.issued_tokens import InvalidTokenError
from meltemi.identity.keys import new_key
from meltemi.proxy.svid_check import Proved, UnknownKeyError, check_svid
from meltemi.testkit.authority import NOON, REVIEWS

KEY, STRANGER = TokenKey(new_key()), TokenKey(new_key())
FIVE = timedelta(minutes=5)
AT = int(NOON.timestamp())


def authorities(key: TokenKey) -> tuple[dict[str, str], ...]:
    return tuple(jwt_authorities(Ring(StoredRing(NOON, ()), (key,))))


BELIEVED = {"cluster.local": authorities(KEY), "other.example": authorities(STRANGER)}


def believed(text: str, audience: str = "a", after: timedelta = timedelta()) -> Proved:
    return check_svid(text, audience, BELIEVED, now=NOON + after)


def svid(*audience: str) -> str:
    number = bytes(range(16))
    return make_svid(REVIEWS, audience, KEY, life=(NOON, FIVE), number=number).text


def signed(
    key: TokenKey = KEY, header: dict[str, Any] | None = None, **change: Any
) -> str:
    usual = {"sub": str(REVIEWS), "aud": ["a"], "exp": AT + 60}
    left = {name: each for name, each in (usual | change).items() if each is not None}
    return jwt.encode(left, key.key, "ES256", {"kid": key.id} | (header or {}))


def test_what_citadel_signs_is_believed_by_each_audience_until_it_ends() -> None:
    for audience in ("a", "b"):
        proved = believed(svid("a", "b"), audience)
        assert proved.spiffe_id == str(REVIEWS)
        assert proved.claims["aud"] == ["a", "b"]
    with pytest.raises(InvalidTokenError, match="does not hold"):
        believed(svid("a"), "b")
    with pytest.raises(InvalidTokenError, match="expired"):
        believed(svid("a"), after=FIVE + timedelta(seconds=5))


def test_the_key_of_one_trust_domain_signs_nothing_for_another() -> None:
    theirs = signed(STRANGER, sub="spiffe://other.example/any/path")
    assert believed(theirs).spiffe_id == "spiffe://other.example/any/path"
    with pytest.raises(UnknownKeyError):
        believed(signed(STRANGER))
    with pytest.raises(UnknownKeyError, match="third"):
        believed(signed(sub="spiffe://third.example/x"))


def test_a_workload_token_is_no_jwt_svid() -> None:
    token = make_token(REVIEWS, Bounds(), KEY, now=NOON, number=bytes(16)).text
    with pytest.raises(InvalidTokenError, match="SPIFFE"):
        believed(token, "istio-ca")


def with_algorithm(name: str) -> str:
    """Return a token that is signed by nobody, or with what everybody knows."""
    header, body = (
        base64.urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=").decode()
        for each in (
            {"alg": name, "kid": KEY.id},
            {"sub": str(REVIEWS), "aud": "a", "exp": AT + 60},
        )
    )
    mark = hashlib.sha256(KEY.id.encode()).hexdigest() if name == "HS256" else ""
    return f"{header}.{body}.{mark}"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(with_algorithm("none"), id="alg none"),
        pytest.param(with_algorithm("HS256"), id="alg HS256"),
        pytest.param(signed(exp=None), id="no exp"),
        pytest.param(signed(exp="later"), id="exp no number"),
        pytest.param(signed(exp=True), id="exp true"),
        pytest.param(signed(aud=None), id="no aud"),
        pytest.param(signed(aud=[]), id="nobody in aud"),
        pytest.param(signed(sub=None), id="no sub"),
        pytest.param(signed(sub="spiffe://Cluster.local/x"), id="upper case"),
        pytest.param(signed(sub="spiffe://cluster.local"), id="a trust domain"),
        pytest.param(signed(nbf=AT + 60), id="not yet"),
        pytest.param(signed(header={"typ": "at+jwt"}), id="typ"),
        pytest.param(signed(header={"crit": ["b64"]}), id="crit"),
        pytest.param(signed(header={"kid": STRANGER.id}), id="kid of another"),
        pytest.param(signed()[:-4] + "AAAA", id="another signature"),
        pytest.param(svid("a") * 100, id="many segments"),
        pytest.param("", id="nothing"),
        pytest.param("x" * 20_000, id="too long"),
    ],
)
def test_case_12_what_is_wrong_with_a_token_is_found(text: str) -> None:
    with pytest.raises(InvalidTokenError):
        believed(text)
