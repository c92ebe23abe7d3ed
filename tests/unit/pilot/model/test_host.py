from __future__ import annotations

import pytest

from meltemi.pilot.model.host import aliases, covers, overlap, resolve, specificity

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


def test_a_service_is_called_by_its_short_name_within_its_namespace_only() -> None:
    host = "reviews.shop.svc.cluster.local"
    assert aliases(host, "shop", DOMAIN) == (
        host,
        f"{host}.",
        "reviews",
        "reviews.shop",
        "reviews.shop.svc",
    )
    assert "reviews" not in aliases(host, "prod", DOMAIN)
    assert aliases("a.example.com", "shop", DOMAIN) == (
        "a.example.com",
        "a.example.com.",
    )
