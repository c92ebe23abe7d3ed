from __future__ import annotations

import pytest

from meltemi.testkit.small_mesh import service, sidecar

NETNS = "/run/netns/web"
OWN = service("own", more="resolution: STATIC, endpoints: [{address: 10.0.0.9}]")
LOCAL = """
---
apiVersion: mesh.istio.io/v1alpha1
kind: MeshConfig
metadata: {name: default, namespace: istio-system}
spec: {inboundTrafficPolicy: {mode: LOCALHOST}}
"""


@pytest.mark.parametrize("local", ["", LOCAL])
def test_sockets_for_the_application_are_in_its_namespace_and_no_others(
    local: str,
) -> None:
    text = OWN + service("other") + local
    held = sidecar(text, metadata={"MELTEMI_APPLICATION_NETNS": NETNS})
    for listener in held.listeners:
        found = listener.address.socket_address.network_namespace_filepath
        handed = listener.HasField("bind_to_port")
        assert found == ("" if handed else NETNS), listener.name
    inward = ("inbound|80||", "InboundPassthroughCluster")
    for name, cluster in held.clusters.items():
        source = cluster.upstream_bind_config.source_address
        expected = (NETNS, "127.0.0.6") if name in inward else ("", "")
        found = source.network_namespace_filepath
        assert (found, source.address) == expected, name
    assert set(inward) <= held.clusters.keys()


def test_a_proxy_beside_its_application_has_no_namespace_to_name() -> None:
    held = sidecar(OWN)
    for listener in held.listeners:
        assert not listener.address.socket_address.network_namespace_filepath
