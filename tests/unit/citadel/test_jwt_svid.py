from __future__ import annotations

from datetime import timedelta

import jwt
import pytest

from meltemi.citadel.admit import UnauthenticatedError
from meltemi.citadel.jwt_svid import InvalidAudienceError, JwtSvid, make_svid
from meltemi.citadel.token_key import TokenKey
from meltemi.citadel.tokens import check_token
from meltemi.identity.issued_tokens import Unproved, parse_token
from meltemi.identity.keys import new_key
from meltemi.kernel.identity import TrustDomains
from meltemi.testkit.authority import NOON, REVIEWS

KEY = TokenKey(new_key())
FIVE = timedelta(minutes=5)


def made(*audience: str) -> JwtSvid:
    return make_svid(REVIEWS, audience, KEY, life=(NOON, FIVE), number=bytes(range(16)))


def test_a_jwt_svid_says_who_for_whom_and_until_when() -> None:
    svid = made("spiffe://cluster.local/ns/a/sa/b", "payments")
    assert jwt.decode(svid.text, options={"verify_signature": False}) == {
        "sub": str(REVIEWS),
        "aud": ["spiffe://cluster.local/ns/a/sa/b", "payments"],
        "iat": int(NOON.timestamp()),
        "exp": int(NOON.timestamp()) + 300,
        "jti": bytes(range(16)).hex(),
    }
    header = jwt.get_unverified_header(svid.text)
    assert header == {"alg": "ES256", "kid": KEY.id, "typ": "JWT"}
    assert svid.expires == NOON + FIVE
    assert svid.text not in repr(svid)


@pytest.mark.parametrize(
    "audience", [(), ("",), ("x" * 1025,), tuple("abcdefghijklmnopq")]
)
def test_nobody_and_everybody_are_no_audience(audience: tuple[str, ...]) -> None:
    with pytest.raises(InvalidAudienceError, match="expected 1 to"):
        made(*audience)


def test_a_jwt_svid_is_no_workload_token_even_of_the_same_key() -> None:
    svid = made("istio-ca")
    assert parse_token(svid.text) is None, "it names no issuer"
    forced = Unproved(svid.text, "ES256", KEY.id, "https://citadel/cluster.local")
    with pytest.raises(UnauthenticatedError):
        check_token(forced, KEY.public, domains=TrustDomains("cluster.local"), now=NOON)
