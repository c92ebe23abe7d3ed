from __future__ import annotations

import pytest

from meltemi.ctl.local.seed import demo_objects, plural


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("ServiceEntry", "serviceentries"),
        ("Gateway", "gateways"),
        ("VirtualService", "virtualservices"),
        ("PeerAuthentication", "peerauthentications"),
        ("AuthorizationPolicy", "authorizationpolicies"),
    ],
)
def test_kinds_have_the_plurals_of_their_urls(kind: str, expected: str) -> None:
    assert plural(kind) == expected


def test_the_demo_has_its_services_its_way_in_and_strict_mtls() -> None:
    found = {(each["kind"], each["metadata"]["name"]) for each in demo_objects()}

    assert found == {
        ("ServiceEntry", "productpage"),
        ("ServiceEntry", "details"),
        ("ServiceEntry", "ratings"),
        ("ServiceEntry", "reviews"),
        ("PeerAuthentication", "default"),
        ("Gateway", "bookinfo-gateway"),
        ("VirtualService", "bookinfo"),
    }, "and no DestinationRule"
