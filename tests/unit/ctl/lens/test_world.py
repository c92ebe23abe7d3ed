from __future__ import annotations

import json
from typing import TYPE_CHECKING

from meltemi.config.decode import decode
from meltemi.config.schema.virtual_service import VirtualService
from meltemi.ctl.lens.world import changed_by, stored
from meltemi.ctl.main import execute

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

CLUSTER = """\
apiVersion: v1
kind: Service
metadata: {name: shop, namespace: default}
spec:
  clusterIP: 10.96.0.1
  selector: {app: shop}
  ports: [{name: http-web, port: 80, targetPort: 8080}]
---
apiVersion: v1
kind: Pod
metadata: {name: shop-1, namespace: default, labels: {app: shop}}
spec: {serviceAccountName: shop}
status: {podIP: 10.244.0.7}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: shop-a, namespace: default, labels: {kubernetes.io/service-name: shop}}
endpoints: [{addresses: [10.244.0.7], conditions: {ready: true}}]
ports: [{name: http-web, port: 8080, protocol: TCP}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: default}
spec:
  hosts: [shop]
  http: [{timeout: 2s, route: [{destination: {host: shop}}]}]
"""


def test_services_and_pods_of_kubernetes_are_services_and_workloads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "cluster.yaml"
    file.write_text(CLUSTER)
    words = ["trace", "GET", "http://shop/x", "--from", "shop-1", "-f", str(file)]
    assert execute([*words, "-o", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (target,) = found["client"]["targets"]
    assert target["cluster"] == "outbound|80||shop.default.svc.cluster.local"
    assert target["endpoints"] == [{"address": "10.244.0.7:8080", "healthy": True}]
    assert [each["proxy"] for each in found["servers"]] == ["shop-1.default"]
    cluster = next(
        each for each in found["client"]["steps"] if each["stage"] == "cluster"
    )
    assert cluster["origins"][0] == {
        "object": "Service/default/shop",
        "path": "",
        "file": str(file),
        "line": 1,
    }


RULE = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: NAME, namespace: default BORN}
spec: {hosts: [HOST], http: [{route: [{destination: {host: a}}]}]}
"""


def rule(name: str, host: str, born: str = "") -> bytes:
    text = RULE.replace("NAME", name).replace("HOST", host)
    age = f", creationTimestamp: '{born}'" if born else ""
    return text.replace(" BORN", age).encode()


def order(*changes: bytes) -> list[tuple[str, str]]:
    there = [
        *decode(
            rule("m", "one", "2030-01-01T00:00:00Z"), file="", default_namespace=""
        ),
        *decode(
            rule("z", "one", "2020-01-01T00:00:00Z"), file="", default_namespace=""
        ),
    ]
    resources = [
        each
        for change in changes
        for each in decode(change, file="", default_namespace="")
    ]
    world = changed_by(stored(there, {}), resources)
    found = world.mesh.of(VirtualService)
    return [(each.metadata.name, each.spec.hosts[0]) for each in found]


def test_what_is_written_anew_is_the_youngest_and_settles_no_conflict() -> None:
    assert order(rule("a", "two")) == [("z", "one"), ("m", "one"), ("a", "two")]


def test_what_is_written_again_keeps_its_age() -> None:
    assert order(rule("z", "two")) == [("z", "two"), ("m", "one")]
