from __future__ import annotations

from meltemi.ctl.lens.proxies import named, proxies
from meltemi.ctl.lens.workload import workloads
from meltemi.ctl.lens.world import World, written
from meltemi.testkit.bookinfo import MESH

LONELY = """\
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: lonely}
spec: {address: 10.0.0.9, labels: {app: lonely}, serviceAccount: alone}
"""
PODS = """\
---
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: apps, labels: {app: client}}
spec: {serviceAccountName: client}
status: {podIP: 10.0.0.10}
---
apiVersion: v1
kind: Pod
metadata: {name: waiting}
"""


def world(more: str) -> World:
    return written([("mesh.yaml", (MESH + more).encode())], namespace="default")


def test_a_workload_without_a_service_calls_others_too() -> None:
    found = named(world(LONELY), "lonely")
    assert found.node_id.split("~")[1] == "10.0.0.9"
    assert found.group.node.service_account == "alone"
    assert dict(found.group.labels)["app"] == "lonely"


def test_a_workload_with_a_service_is_none_without() -> None:
    names = [each.name for each in proxies(world(LONELY))]
    assert sorted(set(names)) == [
        "lonely.default",
        "productpage-v1.default",
        "reviews-v1.default",
        "reviews-v2.default",
    ]
    assert len(names) == len(set(names))


def test_a_pod_counts_once_it_has_an_address() -> None:
    found = [each for each in workloads(world(PODS)) if not each.port_name]
    assert [(each.name, each.namespace) for each in found] == [("client", "apps")]
    assert named(world(PODS), "client.apps").group.node.service_account == "client"
