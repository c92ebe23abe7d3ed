from __future__ import annotations

from textwrap import dedent

import pytest

from meltemi.ctl.lens.world import World, written
from meltemi.ctl.why.hop import Hop
from meltemi.ctl.why.spans import collector

MESH = """
    apiVersion: networking.istio.io/v1
    kind: ServiceEntry
    metadata: {name: collector, namespace: istio-system}
    spec:
      hosts: [collector.obs]
      location: MESH_EXTERNAL
      resolution: STATIC
      ports: [{number: 4317, name: grpc, protocol: GRPC}]
      endpoints: [{address: 10.0.0.9}]
    ---
    apiVersion: networking.istio.io/v1
    kind: WorkloadEntry
    metadata: {name: web, namespace: shop, labels: {app: web}}
    spec: {address: 10.0.0.2, labels: {app: web}, serviceAccount: web}
    ---
    apiVersion: mesh.istio.io/v1alpha1
    kind: MeshConfig
    metadata: {name: default, namespace: istio-system}
    spec:
      extensionProviders:
      - {name: otel, opentelemetry: {service: collector.obs, port: 4317}}
      - {name: zipkin, zipkin: {service: collector.obs, port: 4317}}
"""
TOLD = """
    ---
    apiVersion: telemetry.istio.io/v1
    kind: Telemetry
    metadata: {{name: traces, namespace: istio-system}}
    spec:
      tracing: [{{providers: [{{name: {name}}}], match: {{mode: CLIENT}}}}]
"""
SENT = Hop(proxy="web", upstream_cluster="outbound|80||api.shop;")


def world(*more: str) -> World:
    text = "".join(map(dedent, (MESH, *more)))
    return written([("mesh.yaml", text.encode())], namespace="default")


@pytest.mark.parametrize("name", ["otel", "zipkin"])
def test_who_is_told_is_named_as_the_configuration_has_it(name: str) -> None:
    made = world(TOLD.format(name=name))
    assert collector(made, SENT) == "collector.obs:4317"


def test_nobody_is_named_where_nobody_is_told() -> None:
    received = Hop(proxy="web", upstream_cluster="inbound|80||;")
    assert collector(world(), SENT) == ""
    assert collector(world(TOLD.format(name="otel")), received) == "", "by its side"
    assert collector(world(TOLD.format(name="otel")), Hop(proxy="gone")) == ""
