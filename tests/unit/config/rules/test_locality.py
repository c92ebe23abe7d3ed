from __future__ import annotations

import pytest

from meltemi.config.rules.locality import check_locality
from meltemi.config.schema.load_balancer import (
    Distribute,
    Failover,
    LocalityLoadBalancerSetting,
)


def told(setting: LocalityLoadBalancerSetting, *, outlier: bool = True) -> list[str]:
    return [each.message for each in check_locality("l", setting, outlier=outlier)]


def distribute(source: str, **shares: int) -> Distribute:
    return Distribute(from_=source, to=shares or {"a": 100})


def failover(source: str, target: str) -> LocalityLoadBalancerSetting:
    return LocalityLoadBalancerSetting(failover=(Failover(from_=source, to=target),))


def test_regions_and_zones_that_do_not_overlap_are_right() -> None:
    rules = (distribute("a/b/*", a=20, b=80), distribute("a/c/d"), distribute("a/c/e"))
    assert told(LocalityLoadBalancerSetting(distribute=rules)) == []
    assert told(failover("a", "b")) == []


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        (("a/*", "a/b"), "'a/b' overlaps another"),
        (("a/b", "a/*"), "'a/*' overlaps another"),
        (("*", "a"), "'a' overlaps another"),
        (("a/b", "a/b"), "'a/b' overlaps another"),
        (("a//c",), "'a//c' has an empty part"),
        (("a/*/c",), "'a/*/c': a '*' may stand at the end only"),
    ],
)
def test_sources_do_not_overlap(sources: tuple[str, ...], message: str) -> None:
    rules = tuple(distribute(source) for source in sources)
    assert message in told(LocalityLoadBalancerSetting(distribute=rules))


def test_shares_are_percents_of_a_whole() -> None:
    setting = LocalityLoadBalancerSetting(distribute=(distribute("a", a=0, b=99),))
    assert told(setting) == [
        "the shares add up to 99, not 100",
        "a share is from 1 to 100",
    ]


@pytest.mark.parametrize(("source", "target"), [("a", "a"), ("a/b", "c"), ("*", "c")])
def test_failover_is_between_different_regions(source: str, target: str) -> None:
    assert len(told(failover(source, target))) == 1


def test_failover_without_outlier_detection_is_warned_of() -> None:
    (message,) = told(failover("a", "b"), outlier=False)
    assert message.startswith("failover needs outlier detection")
