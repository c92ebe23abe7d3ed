from __future__ import annotations

import pytest

from meltemi.testkit.configuration import problems


def network(text: str) -> str:
    return f"networks: {{net: {{{text}}}}}"


@pytest.mark.parametrize(
    "spec",
    [
        network("endpoints: [{fromRegistry: cluster-1}, {fromCidr: 10.0.0.0/8}]"),
        network("gateways: [{address: 1.2.3.4, port: 15443, locality: a/b}]"),
        network("gateways: [{registryServiceName: gw.a.svc.cluster.local, port: 1}]"),
        network("gateways: [{address: gw.example.com, port: 1}]"),
    ],
)
def test_the_usual_networks_are_right(spec: str) -> None:
    assert problems("MeshNetworks", spec, name="default") == []


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (
            network("endpoints: [{}]"),
            (
                'spec.networks["net"].endpoints[0]: one of fromCidr and fromRegistry is '
                "required"
            ),
        ),
        (
            network("endpoints: [{fromCidr: 10.0.0.0/99}]"),
            (
                "spec.networks[\"net\"].endpoints[0].fromCidr: '10.0.0.0/99' is not a CIDR "
                "range"
            ),
        ),
        (
            network("endpoints: [{fromRegistry: a_b}]"),
            (
                "spec.networks[\"net\"].endpoints[0].fromRegistry: 'a_b' is not a registry's "
                "name"
            ),
        ),
        (
            network("gateways: [{address: 'a b', port: 1}]"),
            (
                "spec.networks[\"net\"].gateways[0].address: 'a b' is neither an IP address "
                "nor a DNS name"
            ),
        ),
        (
            network("gateways: [{address: 1.2.3.4, port: 0}]"),
            'spec.networks["net"].gateways[0].port: must be from 1 to 65535, got 0',
        ),
        (
            network("gateways: [{address: a, registryServiceName: b, port: 1}]"),
            (
                'spec.networks["net"].gateways[0]: only one may be set: registryServiceName '
                "and address"
            ),
        ),
    ],
)
def test_what_istio_refuses_is_refused(spec: str, told: str) -> None:
    assert told in problems("MeshNetworks", spec, name="default")
