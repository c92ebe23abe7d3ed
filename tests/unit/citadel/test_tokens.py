from __future__ import annotations

from datetime import timedelta

import pytest

from meltemi.citadel.admit import UnauthenticatedError
from meltemi.citadel.tokens import (
    InvalidTokenRequestError,
    TokenRecord,
    make_token,
    token_key,
)
from meltemi.testkit.authority import NOON, REVIEWS

TOKEN = make_token(
    REVIEWS, lifetime=timedelta(minutes=10), now=NOON, secret=bytes(range(32))
)


def test_the_ledger_sees_the_hash_of_a_token_and_never_the_token() -> None:
    key = token_key("default", TOKEN.secret)
    assert key.startswith("/mesh/citadel/v1/default/tokens/")
    assert TOKEN.secret not in key
    assert TOKEN.secret.encode() not in TOKEN.record.encode()


def test_a_token_admits_its_identity_until_it_expires() -> None:
    record = TokenRecord.decode(TOKEN.record.encode())
    assert record.admit(trust_domain="cluster.local", now=NOON) == REVIEWS
    with pytest.raises(UnauthenticatedError, match="expired"):
        record.admit(trust_domain="cluster.local", now=NOON + timedelta(minutes=10))


def test_a_token_of_another_trust_domain_admits_nobody() -> None:
    with pytest.raises(UnauthenticatedError, match="serves elsewhere"):
        TOKEN.record.admit(trust_domain="elsewhere", now=NOON)


@pytest.mark.parametrize(
    ("identity", "hours"),
    [
        ("spiffe://cluster.local/ns/istio-system/sa/citadel", 1),
        ("spiffe://cluster.local/ns/default/sa/reviews", 25),
    ],
)
def test_a_record_that_citadel_would_not_have_written_admits_nobody(
    identity: str, hours: int
) -> None:
    record = TokenRecord(identity, NOON + timedelta(hours=hours))
    with pytest.raises(UnauthenticatedError):
        record.admit(trust_domain="cluster.local", now=NOON)


@pytest.mark.parametrize("raw", [b"", b"{}", b'{"identity":1}', b"\xff"])
def test_a_record_nobody_can_read_admits_nobody(raw: bytes) -> None:
    with pytest.raises(UnauthenticatedError):
        TokenRecord.decode(raw)


def test_a_record_that_names_no_workload_admits_nobody() -> None:
    record = TokenRecord("spiffe://cluster.local/admin", NOON + timedelta(hours=1))
    with pytest.raises(UnauthenticatedError, match="workload id"):
        record.admit(trust_domain="cluster.local", now=NOON)


@pytest.mark.parametrize("seconds", [0, -1, 86401])
def test_a_token_lives_a_second_to_a_day(seconds: int) -> None:
    with pytest.raises(InvalidTokenRequestError, match=str(seconds)):
        make_token(
            REVIEWS, lifetime=timedelta(seconds=seconds), now=NOON, secret=b"x" * 32
        )
