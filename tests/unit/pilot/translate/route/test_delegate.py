from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from meltemi.config.decode import decode
from meltemi.config.schema.virtual_service import VirtualService
from meltemi.pilot.model.mesh import Mesh
from meltemi.pilot.translate.route.delegate import conflict, merged, rules

if TYPE_CHECKING:
    from meltemi.config.resource import Resource
    from meltemi.config.schema.http_match import HTTPMatchRequest
    from meltemi.config.schema.http_route import HTTPRoute
    from meltemi.pilot.translate.route.delegate import Rule

TO = "route: [{destination: {host: reviews}}]"


def virtual(name: str, spec: str, *, home: str = "default") -> Resource[VirtualService]:
    document = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": name, "namespace": home},
        "spec": yaml.safe_load(spec),
    }
    data = yaml.safe_dump(document).encode()
    (found,) = decode(data, file="f", default_namespace=home)
    (made,) = Mesh().put(found).of(VirtualService)
    return made


def route(spec: str) -> HTTPRoute:
    return virtual("a", f"hosts: [a]\nhttp: [{{{spec}}}]").spec.http[0]


def match(spec: str) -> HTTPMatchRequest:
    return route(f"match: [{spec}], {TO}").match[0]


def resolved(
    root: Resource[VirtualService], *delegates: Resource[VirtualService]
) -> list[Rule]:
    by_name = {(d.metadata.namespace, d.metadata.name): d for d in delegates}
    return list(rules(root, by_name, "cluster.local"))


ROOT = virtual(
    "root",
    f"""
hosts: [a]
http:
- match: [{{uri: {{prefix: /reviews}}}}]
  delegate: {{name: leaf, namespace: shop}}
  timeout: 3s
  mirror: {{host: shadow}}
- {TO}
""",
)
LEAF = virtual(
    "leaf",
    f"""
http:
- match: [{{uri: {{prefix: /reviews/v2}}}}]
  {TO}
  timeout: 1s
- match: [{{uri: {{prefix: /elsewhere}}}}]
  {TO}
- {TO}
""",
    home="shop",
)


def test_a_delegates_routes_stand_where_the_root_delegates() -> None:
    found = resolved(ROOT, LEAF)
    prefixes = [
        [each.uri.prefix for each in rule.route.match if each.uri] for rule in found
    ]
    assert prefixes == [["/reviews/v2"], ["/reviews"], []], "what contradicts is out"


def test_what_a_delegate_does_not_say_is_the_roots() -> None:
    first, second, _ = resolved(ROOT, LEAF)
    assert str(first.route.timeout) == "1s"
    assert str(second.route.timeout) == "3s"


def test_short_names_belong_to_whoever_wrote_them() -> None:
    first, *_ = resolved(ROOT, LEAF)
    assert first.namespace == "shop"
    assert first.route.mirror is not None
    assert first.route.mirror.host == "shadow.default.svc.cluster.local"


def test_both_authors_are_remembered() -> None:
    first, *_, last = resolved(ROOT, LEAF)
    assert [(o.namespace, o.name, o.path) for o in first.origins] == [
        ("shop", "leaf", "spec.http[0]"),
        ("default", "root", "spec.http[0]"),
    ]
    assert [o.path for o in last.origins] == ["spec.http[1]"]


def test_a_delegate_that_is_missing_or_not_exported_is_left_out() -> None:
    hidden = virtual("leaf", f"http: [{{{TO}}}]\nexportTo: ['.']", home="shop")
    assert len(resolved(ROOT)) == 1
    assert len(resolved(ROOT, hidden)) == 1


def test_a_delegate_is_looked_for_at_home_unless_a_namespace_is_named() -> None:
    root = virtual("root", "hosts: [a]\nhttp: [{delegate: {name: leaf}}]")
    leaf = virtual("leaf", f"http: [{{{TO}}}]")
    assert len(resolved(root, leaf)) == 1


def test_names_are_joined() -> None:
    root, leaf = route(f"name: a, {TO}"), route(f"name: b, {TO}")
    assert [each.name for each in merged(root, [leaf])] == ["a-b"]


@pytest.mark.parametrize(
    ("root", "leaf", "conflicts"),
    [
        ("{uri: {prefix: /a}}", "{uri: {prefix: /ab}}", False),
        ("{uri: {prefix: /a}}", "{uri: {exact: /a}}", False),
        ("{uri: {exact: /a}}", "{uri: {prefix: /a}}", True),
        ("{uri: {regex: a}}", "{uri: {exact: a}}", True),
        ("{uri: {regex: a}}", "{port: 1}", False),
        ("{ignoreUriCase: true}", "{}", True),
        ("{port: 1}", "{port: 2}", True),
        ("{headers: {a: {exact: b}}}", "{headers: {a: {exact: c}}}", True),
        ("{headers: {a: {exact: b}}}", "{headers: {d: {exact: c}}}", False),
        (
            "{withoutHeaders: {a: {exact: b}}}",
            "{withoutHeaders: {a: {exact: c}}}",
            True,
        ),
        ("{queryParams: {a: {exact: b}}}", "{queryParams: {a: {exact: c}}}", True),
        ("{sourceLabels: {a: b}}", "{sourceLabels: {a: c}}", True),
        ("{sourceNamespace: a}", "{sourceNamespace: b}", True),
        ("{gateways: [g]}", "{gateways: [g, mesh]}", True),
        ("{gateways: [g, mesh]}", "{gateways: [mesh]}", False),
    ],
)
def test_a_delegates_match_lies_within_the_roots(
    root: str, leaf: str, *, conflicts: bool
) -> None:
    assert conflict(match(root), match(leaf)) is conflicts
