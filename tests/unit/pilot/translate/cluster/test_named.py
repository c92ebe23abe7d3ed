from __future__ import annotations

from dataclasses import replace

from meltemi.pilot.model.features import Features
from meltemi.pilot.model.mesh_config import MeshConfig
from meltemi.pilot.scope.scope import Scope, scope
from meltemi.pilot.translate.cluster.clusters import outbound
from meltemi.testkit.mesh import gateway_scope, indexed

MESH = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: all, namespace: default}
spec:
  hosts: [routed.example.com, copied.example.com, asked.example.com, idle.example.com]
  resolution: DNS
  ports: [{number: 80, name: http, protocol: HTTP}]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: default}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: edge, namespace: default}
spec:
  hosts: ["*"]
  gateways: [edge]
  http:
  - mirror: {host: copied.example.com}
    route: [{destination: {host: routed.example.com}}]
---
apiVersion: mesh.istio.io/v1alpha1
kind: MeshConfig
metadata: {name: default, namespace: istio-system}
spec:
  extensionProviders:
  - {name: asked, envoyExtAuthzGrpc: {service: default/asked.example.com, port: 80}}
"""


def reached(seen: Scope) -> set[str]:
    return {each.cluster.name.rpartition("|")[2] for each in outbound(seen)}


def test_a_gateway_may_be_given_only_what_is_named() -> None:
    group = gateway_scope(MESH).group
    only = MeshConfig(features=Features(filter_gateway_clusters=True))
    seen = scope(indexed(MESH, only), group)
    assert reached(seen) == {
        "routed.example.com",
        "copied.example.com",
        "asked.example.com",
    }


def test_a_gateway_is_given_everything_by_default() -> None:
    assert "idle.example.com" in reached(gateway_scope(MESH))


def test_a_proxy_that_no_gateway_selects_is_given_everything() -> None:
    group = replace(gateway_scope(MESH).group, labels=())
    only = MeshConfig(features=Features(filter_gateway_clusters=True))
    assert "idle.example.com" in reached(scope(indexed(MESH, only), group))
