from __future__ import annotations

from typing import Any

import pytest

from meltemi.config.analysis.conflicts import conflicts, sought, wanted
from meltemi.config.decode import decode
from meltemi.config.resource import Resource
from meltemi.config.schema.message import Message

Object = Resource[Message]
ROUTE = "http: [{route: [{destination: {host: a}}]}]"
ENTRY = "resolution: STATIC, ports: [{number: 80, name: x, protocol: "
HTTPS = "port: {number: 443, name: s, protocol: HTTPS}, tls: {mode: PASSTHROUGH}"
OLD, NEW = "2030-01-01T00:00:00Z", "2030-01-02T00:00:00Z"


def made(kind: str, spec: str, name: str = "one", **metadata: Any) -> Object:
    told = {"namespace": "a", "creationTimestamp": OLD, **metadata}
    words = "".join(f", {key}: '{value}'" for key, value in told.items())
    text = f"""
apiVersion: networking.istio.io/v1
kind: {kind}
metadata: {{name: {name}{words}}}
spec: {{{spec}}}
"""
    (found,) = decode(text.encode(), file="t", default_namespace="a")
    return found


def claims(one: Object, other: Object) -> list[str]:
    """Return what both want; the index finds each by the other, then."""
    found = [each.claim for each in conflicts(one, [other])]
    assert bool(found) == bool(conflicts(other, [one])), "a conflict has two sides"
    if found:
        assert {*sought(one)} & {*wanted(other)}
        assert {*sought(other)} & {*wanted(one)}
    return found


def test_virtual_services_of_one_host_in_the_mesh() -> None:
    one = made("VirtualService", f"hosts: [reviews], {ROUTE}")
    full = f"hosts: [x, reviews.a.svc.cluster.local], {ROUTE}"
    told = "routes host reviews.a.svc.cluster.local, too"
    assert claims(one, made("VirtualService", full, "two", namespace="b")) == [told]
    for other in (
        made("VirtualService", f"hosts: [reviews], {ROUTE}", namespace="b"),
        made("VirtualService", f"{full}, gateways: [edge]", "two", namespace="b"),
        made("VirtualService", f"hosts: ['*.a.svc.cluster.local'], {ROUTE}", "two"),
    ):
        assert claims(one, other) == []


def test_virtual_services_that_nobody_sees_together() -> None:
    spec = f"hosts: [reviews.com], {ROUTE}"
    one = made("VirtualService", f"{spec}, exportTo: ['.']")
    assert claims(one, made("VirtualService", f"{spec}, exportTo: [b]", "two")) == []
    assert claims(one, made("VirtualService", f"{spec}, exportTo: [a]", "two"))


def test_destination_rules_lose_what_the_older_says_too() -> None:
    policy = "trafficPolicy: {loadBalancer: {simple: RANDOM}}"
    subsets = "subsets: [{name: v1, labels: {version: v1}}]"
    one = made("DestinationRule", f"host: reviews, {policy}, {subsets}")
    both = made("DestinationRule", f"host: reviews, {policy}, {subsets}", "two")
    assert claims(one, both) == [
        "sets trafficPolicy of host reviews, too",
        "defines subset v1 of host reviews, too",
    ]
    more = "host: reviews, subsets: [{name: v2, labels: {version: v2}}]"
    assert claims(one, made("DestinationRule", more, "two")) == [], "they are joined"
    chosen = f"host: reviews, {policy}, workloadSelector: {{matchLabels: {{a: b}}}}"
    assert claims(one, made("DestinationRule", chosen, "two")) == []
    there = f"host: reviews.a.svc.cluster.local, {policy}"
    elsewhere = made("DestinationRule", there, "two", namespace="b")
    assert claims(one, elsewhere) == [], "namespaces are never joined"


def test_service_entries_that_differ_about_a_port() -> None:
    one = made("ServiceEntry", f"hosts: [x.com], {ENTRY} HTTP}}]")
    other = made("ServiceEntry", f"hosts: [x.com], {ENTRY} TCP}}]", "two")
    assert claims(one, other) == ["says TCP for port 80 of host x.com"]
    same = made("ServiceEntry", f"hosts: [x.com], {ENTRY} http}}]", "two")
    assert claims(one, same) == []


@pytest.mark.parametrize(
    ("host", "clash"),
    [
        ("x.a.com", True),
        ("*.a.com", True),
        ("*.com", True),
        ("*", True),
        ("b/x.a.com", True),
        ("y.a.com", False),
        ("*.b.com", False),
    ],
)
def test_gateways_that_serve_one_host_on_one_port(host: str, clash: bool) -> None:  # noqa: FBT001 - a parameter of the test
    servers = f"servers: [{{{HTTPS}, hosts: [HOST]}}]"
    one = made("Gateway", f"selector: {{a: b}}, {servers}".replace("HOST", "x.a.com"))
    spec = f"selector: {{a: b}}, {servers}".replace("HOST", f"'{host}'")
    found = claims(one, made("Gateway", spec, "two"))
    assert found == (["serves port 443 for x.a.com, too"] if clash else [])
    for change in (("a: b", "a: c"), ("443", "444")):
        assert claims(one, made("Gateway", spec.replace(*change), "two")) == []


def test_the_older_wins_then_the_name_decides() -> None:
    spec = f"hosts: [reviews], {ROUTE}"
    one = made("VirtualService", spec, "m")
    younger = made("VirtualService", spec, "a", creationTimestamp=NEW)
    before, after = (made("VirtualService", spec, name) for name in ("a2", "z"))
    found = conflicts(one, [younger, after, before])
    assert [(each.rival.name, each.wins) for each in found] == [
        ("a2", False),
        ("z", True),
        ("a", True),
    ]
