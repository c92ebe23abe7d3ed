from __future__ import annotations

import pytest

from meltemi.ctl.lens.address import ANYWHERE, UnknownHostError, resolved
from meltemi.ctl.lens.world import World, written
from meltemi.testkit.bookinfo import MESH

MORE = """\
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: wild}
spec:
  hosts: ["*.wild.com"]
  resolution: NONE
  ports: [{number: 80, name: http, protocol: HTTP}]
---
apiVersion: v1
kind: Service
metadata: {name: hl, namespace: default}
spec: {clusterIP: None, ports: [{name: tcp, port: 5000}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: hl-a, namespace: default, labels: {kubernetes.io/service-name: hl}}
addressType: IPv4
ports: [{name: tcp, port: 5000}]
endpoints:
- {addresses: [10.1.1.1], hostname: hl-0}
- {addresses: [10.1.1.2], hostname: hl-1}
"""


@pytest.fixture
def world() -> World:
    return written([("mesh.yaml", (MESH + MORE).encode())], namespace="default")


@pytest.mark.parametrize(
    ("host", "port", "address"),
    [
        ("10.96.0.10", 3306, "10.96.0.10"),
        ("9.9.9.9", 1, "9.9.9.9"),
        ("::1", 1, "::1"),
        ("reviews", 9080, "10.96.0.10"),
        ("a.wild.com", 80, ANYWHERE),
        ("hl", 5000, "10.1.1.1"),
        ("hl-1.hl", 5000, "10.1.1.2"),
        ("hl-1.hl.default.svc.cluster.local", 5000, "10.1.1.2"),
    ],
)
def test_a_client_connects_to_what_a_host_stands_for(
    world: World, host: str, port: int, address: str
) -> None:
    assert resolved(world, host, port, "default") == address


@pytest.mark.parametrize(
    ("host", "port", "why"),
    [
        ("wild.com", 80, "DNS would say is not known here"),
        ("hl-2.hl", 5000, "is no service and no address"),
        ("a.wild.com", 81, "has no port 81, but 80"),
    ],
)
def test_what_cannot_be_resolved_is_said(
    world: World, host: str, port: int, why: str
) -> None:
    with pytest.raises(UnknownHostError, match=why):
        resolved(world, host, port, "default")
