from __future__ import annotations

import pytest

from meltemi.pilot.model.host import (
    covers,
    domains,
    intersection,
    overlap,
    resolve,
    specificity,
)

DOMAIN = "cluster.local"


@pytest.mark.parametrize(
    ("written", "full"),
    [
        ("reviews", "reviews.shop.svc.cluster.local"),
        ("Reviews", "reviews.shop.svc.cluster.local"),
        ("reviews.prod", "reviews.prod"),
        ("api.example.com", "api.example.com"),
        ("*", "*"),
        ("*.example.com", "*.example.com"),
    ],
)
def test_only_a_name_without_a_dot_is_short_for_one_in_its_namespace(
    written: str, full: str
) -> None:
    assert resolve(written, "shop", DOMAIN) == full


@pytest.mark.parametrize(
    ("pattern", "host", "yes"),
    [
        ("a.com", "a.com", True),
        ("a.com", "b.com", False),
        ("*", "a.com", True),
        ("*.com", "a.com", True),
        ("*.com", "com", False),
        ("*.com", "*.a.com", True),
        ("*.a.com", "*.com", False),
        ("a.com", "*.com", False),
    ],
)
def test_a_pattern_covers_what_it_includes(
    pattern: str, host: str, *, yes: bool
) -> None:
    assert covers(pattern, host) is yes


def test_the_overlap_of_two_patterns_is_the_narrower() -> None:
    assert overlap("*", "a.com") == "a.com"
    assert overlap("a.com", "*.com") == "a.com"
    assert overlap("a.com", "a.com") == "a.com"
    assert overlap("a.com", "b.com") is None


def test_exact_hosts_are_more_specific_than_wildcards_and_longer_than_shorter() -> None:
    patterns = ["*", "*.com", "*.example.com", "a.b"]
    assert sorted(patterns, key=specificity) == patterns


def test_the_intersection_keeps_the_narrower_of_each_pair_once() -> None:
    assert intersection(["*.com", "a.net"], ["a.com", "*.net"]) == ("a.com", "a.net")
    assert intersection(["*", "a.com"], ["a.com"]) == ("a.com",)
    assert intersection(["a.com"], []) == ()


def test_a_service_is_called_by_its_short_name_within_its_namespace_only() -> None:
    host = "reviews.shop.svc.cluster.local"
    assert domains(host, f"shop.svc.{DOMAIN}") == (
        host,
        f"{host}.",
        "reviews",
        "reviews.shop.svc",
        "reviews.shop",
    )
    assert "reviews" not in domains(host, f"prod.svc.{DOMAIN}")
    assert "reviews.shop" in domains(host, f"prod.svc.{DOMAIN}")


@pytest.mark.parametrize(
    ("host", "dns_domain", "others"),
    [
        ("a.example.com", f"shop.svc.{DOMAIN}", ()),
        ("a.b.corp.net", "b.corp.net", ("a",)),
        ("a.b.corp.net", "c.corp.net", ("a.b", "a.b.corp")),
        ("a.b.corp.net", "example.com", ()),
    ],
)
def test_names_are_shortened_by_what_host_and_proxy_share(
    host: str, dns_domain: str, others: tuple[str, ...]
) -> None:
    assert domains(host, dns_domain) == (host, f"{host}.", *others)


def test_an_address_is_its_own_only_name_in_brackets_where_it_has_colons() -> None:
    assert domains("1.2.3.4", "corp.net") == ("1.2.3.4",)
    assert domains("2001:db8::1", "corp.net") == ("[2001:db8::1]",)
