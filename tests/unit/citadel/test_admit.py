from __future__ import annotations

from datetime import timedelta

import pytest

from meltemi.citadel.admit import (
    ForbiddenIdentityError,
    InvalidLifetimeError,
    Lifetimes,
    UnauthenticatedError,
    bearer,
    check_standing,
    joining_identity,
    renewing_identity,
)
from meltemi.kernel.identity import InvalidIdentityError, TrustDomains
from meltemi.testkit.authority import REVIEWS, authority, credential

POLICY = Lifetimes.around(timedelta(hours=24))


@pytest.mark.parametrize("seconds", [0, -1])
def test_no_wish_is_granted_the_default(seconds: int) -> None:
    assert POLICY.grant(seconds) == timedelta(hours=24)


@pytest.mark.parametrize("seconds", [2**31, 2**63 - 1, -(2**31), 8 * 86400])
def test_a_lifetime_out_of_bounds_is_refused(seconds: int) -> None:
    with pytest.raises(InvalidLifetimeError, match=str(seconds)):
        POLICY.grant(seconds)


def test_a_wish_is_granted_between_the_bounds_and_raised_to_the_shortest() -> None:
    assert POLICY.grant(3600) == timedelta(hours=1)
    assert POLICY.grant(1) == timedelta(minutes=10)


def test_a_short_default_lowers_the_shortest() -> None:
    assert Lifetimes.around(timedelta(seconds=60)).grant(60) == timedelta(seconds=60)


def test_nobody_joins_as_the_authority() -> None:
    with pytest.raises(ForbiddenIdentityError):
        joining_identity("cluster.local", "istio-system", "citadel")


def test_a_service_account_cannot_name_another_namespace() -> None:
    with pytest.raises(InvalidIdentityError):
        joining_identity("cluster.local", "default", "x/ns/admin")


def test_a_client_certificate_renews_the_name_in_it() -> None:
    assert (
        renewing_identity(credential().leaf, TrustDomains("cluster.local")) == REVIEWS
    )


def test_a_client_certificate_of_another_trust_domain_renews_nothing() -> None:
    with pytest.raises(UnauthenticatedError, match="serves elsewhere"):
        renewing_identity(credential().leaf, TrustDomains("elsewhere"))


def test_a_client_certificate_of_an_alias_is_one_of_the_mesh() -> None:
    domains = TrustDomains("new.example", ("cluster.local",))
    assert renewing_identity(credential().leaf, domains) == REVIEWS


def test_a_certificate_without_a_workloads_name_renews_nothing() -> None:
    with pytest.raises(UnauthenticatedError):
        renewing_identity(authority().certificate, TrustDomains("cluster.local"))


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer  ", "Basic abc"])
def test_without_a_bearer_token_nobody_is_known(header: str | None) -> None:
    with pytest.raises(UnauthenticatedError):
        bearer(header)


def test_a_bearer_token_is_read_whatever_the_case_of_its_scheme() -> None:
    assert bearer("bearer abc") == "abc"


def test_a_certificate_that_ended_since_the_handshake_proves_nothing() -> None:
    leaf = credential().leaf
    ends = leaf.not_valid_after_utc
    check_standing(leaf, now=ends - timedelta(seconds=1))
    with pytest.raises(UnauthenticatedError, match="ended"):
        check_standing(leaf, now=ends)
