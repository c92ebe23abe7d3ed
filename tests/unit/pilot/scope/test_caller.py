from __future__ import annotations

import pytest

from meltemi.kernel.identity import SpiffeId, TrustDomains
from meltemi.pilot.scope.caller import ForbiddenNodeError, check_caller
from meltemi.pilot.scope.proxy import Proxy, proxy

REVIEWS = SpiffeId.parse("spiffe://cluster.local/ns/default/sa/reviews")


def node(name: str = "reviews-v1.default", **metadata: str) -> Proxy:
    known = {"NAMESPACE": "default", "SERVICE_ACCOUNT": "reviews"} | metadata
    return proxy(f"sidecar~10.0.0.1~{name}~default.svc.cluster.local", known)


def check(claimed: Proxy, identity: SpiffeId = REVIEWS) -> None:
    check_caller(claimed, identity, TrustDomains("cluster.local"))


def test_a_proxy_that_is_who_it_says_is_let_in() -> None:
    check(node())


@pytest.mark.parametrize(
    ("claimed", "told"),
    [
        (node(NAMESPACE="prod"), "namespace is 'prod'"),
        (node("reviews-v1.prod"), "namespace in its node id is 'prod'"),
        (node(SERVICE_ACCOUNT="ratings"), "service account is 'ratings'"),
        (node(SERVICE_ACCOUNT=""), "service account is ''"),
    ],
)
def test_t9_a_node_that_claims_another_place_is_named_with_its_claim(
    claimed: Proxy, told: str
) -> None:
    with pytest.raises(ForbiddenNodeError, match=told):
        check(claimed)


def test_case_42_and_t9_an_identity_of_another_trust_domain_is_nobody_here() -> None:
    foreign = SpiffeId.parse("spiffe://elsewhere/ns/default/sa/reviews")
    with pytest.raises(ForbiddenNodeError, match="one of the trust domain"):
        check(node(), foreign)


def test_a_certificate_of_an_alias_of_the_trust_domain_is_the_meshs() -> None:
    check_caller(node(), REVIEWS, TrustDomains("new.example", ("cluster.local",)))
