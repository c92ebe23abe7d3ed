from __future__ import annotations

import json
from typing import TYPE_CHECKING

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
