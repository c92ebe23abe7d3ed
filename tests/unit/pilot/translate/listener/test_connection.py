from __future__ import annotations

from meltemi.pilot import ir
from meltemi.pilot.translate.listener.connection import Side, http_filter
from meltemi.testkit.mesh import sidecar_scope


def made(headers: str, side: Side = Side.INBOUND) -> ir.HttpFilter:
    scope = sidecar_scope(f"""
    apiVersion: mesh.istio.io/v1alpha1
    kind: MeshConfig
    metadata: {{name: default, namespace: istio-system}}
    spec: {{defaultConfig: {{proxyHeaders: {{{headers}}}}}}}
    """)
    return http_filter(scope, side, "prefix", "table")


def test_a_gateway_tells_all_of_the_callers_certificate() -> None:
    assert made("", Side.GATEWAY).details == ir.ClientDetails(cert=True)
    assert made("").details == ir.ClientDetails()


def test_what_is_told_of_the_certificate_can_be_chosen() -> None:
    chosen = made("setCurrentClientCertDetails: {chain: true, dns: false}")
    assert chosen.details == ir.ClientDetails(chain=True, dns=False)


def test_the_port_of_the_client_can_be_told() -> None:
    assert made("xForwardedPort: {enabled: true}").forward_port
    assert not made("xForwardedPort: {enabled: false}").forward_port
    assert not made("").forward_port
