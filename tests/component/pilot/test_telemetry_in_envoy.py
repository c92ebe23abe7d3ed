"""What Pilot says of telemetry, done by a real Envoy: both sides of one call."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
from google.protobuf.struct_pb2 import Struct, Value

from meltemi.testkit.pair import application, pair
from meltemi.testkit.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

TOLD = """
---
apiVersion: mesh.istio.io/v1alpha1
kind: MeshConfig
metadata: {{name: default, namespace: istio-system}}
spec:
  defaultProviders: {{metrics: [prometheus]}}
  extensionProviders:
  - {{name: file, envoyFileAccessLog: {{path: "{log}", logFormat: {{text: "%REQ(:PATH)%"}}}}}}
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {{name: mesh, namespace: istio-system}}
spec:
  accessLogging:
  - match: {{mode: SERVER}}
    providers: [{{name: file}}]
    filter: {{expression: "request.url_path.startsWith('/logged')"}}
  metrics:
  - overrides:
    - match: {{metric: REQUEST_COUNT, mode: CLIENT}}
      tagOverrides:
        path: {{value: request.url_path}}
        response_flags: {{operation: REMOVE}}
    - {{match: {{metric: REQUEST_SIZE}}, disabled: true}}
"""

UNCOUNTED = """  metrics:
  - overrides: [{{match: {{metric: ALL_METRICS, mode: CLIENT}}, disabled: true}}]
"""


@pytest.mark.parametrize(
    ("mode", "source", "security"),
    [("STRICT", "reviews-v1", "mutual_tls"), ("DISABLE", "unknown", "none")],
)
async def test_both_sides_of_a_call_are_counted_under_istios_names(
    tmp_path: Path, mode: str, source: str, security: str
) -> None:
    told = TOLD.format(log=tmp_path / "access.log")
    with pair(tmp_path, told, mode=mode) as envoy:
        forged = {"x-envoy-peer-metadata": "CgA="}
        assert envoy.call("/logged", forged) == 200
        await until(lambda: bool(envoy.counted("requests_total", "destination")))
        await until(lambda: bool(envoy.counted("requests_total", "source")))
        (server,) = envoy.counted("requests_total", "destination")
        (client,) = envoy.counted("requests_total", "source")
        assert (server["source_workload"], server["connection_security_policy"]) == (
            source,
            security,
        )
        service = "reviews.default.svc.cluster.local"
        for side in (server, client):
            assert side["destination_service"] == service
            assert side["destination_workload"] == "reviews-v1"
            assert side["destination_workload_namespace"] == "default"
            assert (side["response_code"], side["request_protocol"]) == ("200", "http")
        assert client["path"] == "/logged", "an override adds a tag on its side"
        assert "response_flags" not in client, "and another takes one away"
        assert server["response_flags"] == "-"
        assert "x-envoy-peer-metadata" not in envoy.seen[0], "nobody hears of it"
        metrics = envoy.metrics()
        assert "istio_request_duration_milliseconds_bucket" in metrics
        assert "istio_request_bytes" not in metrics, "what is disabled is not counted"


async def test_who_counts_nothing_lets_nobody_say_who_calls(tmp_path: Path) -> None:
    uncounted = TOLD.partition("  metrics:\n")[0] + UNCOUNTED
    named = Value(struct_value=Struct())
    named.struct_value.update({"workload": "evil-v9", "namespace": "kube-system"})
    forged = base64.b64encode(named.SerializeToString()).decode()
    with pair(tmp_path, uncounted.format(log=tmp_path / "access.log")) as envoy:
        assert envoy.call("/", {"x-envoy-peer-metadata": forged}) == 200
        await until(lambda: bool(envoy.counted("requests_total", "destination")))
        (server,) = envoy.counted("requests_total", "destination")
        assert not envoy.counted("requests_total", "source")
    assert server["source_workload"] == server["source_workload_namespace"] == "unknown"
    assert server["connection_security_policy"] == "mutual_tls"


OUTSIDE = """
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: outside, namespace: default}}
spec:
  hosts: [outside.example.com]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{{number: 80, name: http, protocol: HTTP}}]
  endpoints: [{{address: 127.0.0.1, ports: {{http: {port}}}}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: some, namespace: default}}
spec:
  hosts: [reviews.default.svc.cluster.local]
  http:
  - match: [{{uri: {{prefix: /outside}}}}]
    route: [{{destination: {{host: outside.example.com}}}}]
  - route: [{{destination: {{host: reviews.default.svc.cluster.local}}}}]
"""


async def test_who_is_not_of_the_mesh_does_not_hear_who_calls(tmp_path: Path) -> None:
    told = TOLD.format(log=tmp_path / "access.log")
    with application() as other:
        outside = OUTSIDE.format(port=other.port)
        with pair(tmp_path, told + outside, mode="STRICT") as envoy:
            assert envoy.call("/outside", {}) == 200
            assert envoy.call("/inside", {}) == 200
            await until(lambda: bool(envoy.counted("requests_total", "destination")))
            (server,) = envoy.counted("requests_total", "destination")
    (heard,) = other.seen
    assert "x-envoy-peer-metadata" not in heard
    assert server["source_workload"] == "reviews-v1", "a server of the mesh does"


async def test_a_filter_keeps_lines_out_of_the_log(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    with pair(tmp_path, TOLD.format(log=log), mode="DISABLE") as envoy:
        for path in ("/silent", "/logged/1", "/silent", "/logged/2"):
            assert envoy.call(path, {}) == 200
        await until(lambda: "/logged/2" in log.read_text())
        assert log.read_text().split() == ["/logged/1", "/logged/2"]
