from __future__ import annotations

from textwrap import dedent

import pytest

from meltemi.ctl.lens.world import World, written
from meltemi.ctl.why.disagreement import disagreement
from meltemi.ctl.why.hop import Hop

HOST = "api.shop.svc.cluster.local"
MESH = f"""
    apiVersion: networking.istio.io/v1
    kind: ServiceEntry
    metadata: {{name: api, namespace: shop}}
    spec:
      hosts: [{HOST}]
      location: MESH_INTERNAL
      resolution: STATIC
      ports: [{{number: 80, name: http, protocol: HTTP, targetPort: 9080}}]
      workloadSelector: {{labels: {{app: api}}}}
    ---
    apiVersion: networking.istio.io/v1
    kind: WorkloadEntry
    metadata: {{name: api, namespace: shop, labels: {{app: api}}}}
    spec: {{address: 10.0.0.3, labels: {{app: api}}, serviceAccount: api}}
    ---
    apiVersion: networking.istio.io/v1
    kind: WorkloadEntry
    metadata: {{name: web, namespace: shop, labels: {{app: web}}}}
    spec: {{address: 10.0.0.2, labels: {{app: web}}, serviceAccount: web}}
    ---
    apiVersion: security.istio.io/v1
    kind: PeerAuthentication
    metadata: {{name: everybody, namespace: istio-system}}
    spec: {{mtls: {{mode: STRICT}}}}
"""
OWN = """
    ---
    apiVersion: security.istio.io/v1
    kind: PeerAuthentication
    metadata: {{name: own, namespace: shop}}
    spec:
      selector: {{matchLabels: {{app: api}}}}
      mtls: {{mode: {mode}}}
      portLevelMtls: {{9080: {{mode: {port}}}}}
"""
RULE = f"""
    ---
    apiVersion: networking.istio.io/v1
    kind: DestinationRule
    metadata: {{{{name: {{name}}, namespace: shop}}}}
    spec: {{{{host: {HOST}, {{spec}}}}}}
"""


def world(*more: str) -> World:
    text = "".join(map(dedent, (MESH, *more)))
    return written([("mesh.yaml", text.encode())], namespace="default")


def names(world: World, subset: str = "", caller: str = "web") -> tuple[str, str]:
    hop = Hop(proxy=caller, upstream_cluster=f"outbound|80|{subset}|{HOST};")
    found = disagreement(world, hop, Hop(proxy="api"))
    return found.policy, found.rule


def test_the_widest_policy_and_no_rule_are_named_where_nobody_says_more() -> None:
    assert names(world()) == ("PeerAuthentication/istio-system/everybody", "")


@pytest.mark.parametrize(
    ("mode", "port", "policy"),
    [
        ("PERMISSIVE", "STRICT", "PeerAuthentication/shop/own"),
        ("STRICT", "UNSET", "PeerAuthentication/shop/own"),
        ("UNSET", "UNSET", "PeerAuthentication/istio-system/everybody"),
        ("STRICT", "PERMISSIVE", ""),
    ],
)
def test_the_policy_is_that_whose_word_holds_on_the_workloads_port(
    mode: str, port: str, policy: str
) -> None:
    assert names(world(OWN.format(mode=mode, port=port)))[0] == policy


def test_the_rule_is_that_which_turns_tls_off_for_the_port_and_subset() -> None:
    plain = RULE.format(name="plain", spec="trafficPolicy: {tls: {mode: DISABLE}}")
    tls = "trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}"
    subset = (
        f"{tls}, subsets: [{{name: old, trafficPolicy: {{tls: {{mode: DISABLE}}}}}}]"
    )
    ports = "trafficPolicy: {portLevelSettings: [{port: {number: 80}, tls: {mode: DISABLE}}]}"
    assert names(world(plain))[1] == "DestinationRule/shop/plain"
    assert names(world(RULE.format(name="safe", spec=tls)))[1] == ""
    some = world(RULE.format(name="some", spec=subset))
    assert names(some, "old")[1] == "DestinationRule/shop/some"
    assert names(some)[1] == ""
    assert (
        names(world(RULE.format(name="p", spec=ports)))[1] == "DestinationRule/shop/p"
    )


def test_of_a_caller_that_nobody_knows_the_server_is_still_told() -> None:
    assert names(world(), caller="ghost") == (
        "PeerAuthentication/istio-system/everybody",
        "",
    )
