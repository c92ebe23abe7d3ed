from __future__ import annotations

import pytest

from meltemi.testkit.configuration import problems, warnings

GOOD = """
hosts: [api.example.com]
ports: [{number: 443, name: https, protocol: HTTPS}]
resolution: DNS
location: MESH_EXTERNAL
"""


def test_a_typical_external_service_is_right() -> None:
    assert problems("ServiceEntry", GOOD) == []


@pytest.mark.parametrize(
    "spec",
    [
        "hosts: ['*.example.com']\nresolution: NONE\nports: []",
        "hosts: ['*.example.com']\nresolution: DYNAMIC_DNS\nlocation: MESH_EXTERNAL",
        "hosts: [a.b]\naddresses: [10.0.0.0/8]\nresolution: STATIC",
        "hosts: [a]\nresolution: STATIC\nworkloadSelector: {labels: {app: a}}",
        "hosts: [a]\nresolution: STATIC\nendpoints: [{address: 'unix:///run/a'}]",
        "hosts: ['*.a.b']\nresolution: DNS\nendpoints: [{address: x.y}]",
        "hosts: [a]\nexportTo: ['.', other]",
    ],
)
def test_istio_s_other_forms_are_right(spec: str) -> None:
    assert problems("ServiceEntry", spec) == []


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("hosts: []", "spec.hosts: at least one host is required"),
        ("hosts: ['*']", "spec.hosts[0]: may not be '*'"),
        ("hosts: [-]", "spec.hosts[0]: '-' is not a host"),
        ("hosts: [a..b]", "spec.hosts[0]: 'a..b' is not a host"),
        (
            "hosts: [a]\nports: [{number: 0, name: x}]",
            "spec.ports[0].number: must be from 1 to 65535, got 0",
        ),
        (
            "hosts: [a]\nports: [{number: 1, name: x, targetPort: 65536}]",
            "spec.ports[0].targetPort: must be from 1 to 65535, got 65536",
        ),
        (
            "hosts: [a]\nports: [{number: 1, name: x}, {number: 2, name: x}]",
            "spec.ports[1].name: port name 'x' stands twice",
        ),
        (
            "hosts: [a]\nports: [{number: 1, name: x}, {number: 1, name: z}]",
            "spec.ports[1].number: port number 1 stands twice",
        ),
        (
            "hosts: [a]\nports: [{number: 1, name: x_y}]",
            "spec.ports[0].name: 'x_y' is not a port's name",
        ),
        (
            "hosts: [a]\naddresses: [1.2.3]",
            "spec.addresses[0]: '1.2.3' is neither an IP address nor a CIDR range",
        ),
        (
            "hosts: [a]\naddresses: [10.0.0.0/8]\nresolution: DNS",
            (
                "spec.addresses[0]: a CIDR range needs resolution NONE or STATIC, got "
                "'10.0.0.0/8'"
            ),
        ),
        (
            "hosts: [a]\nresolution: NONE\nendpoints: [{address: 1.2.3.4}]",
            "spec.endpoints: resolution NONE takes no endpoints",
        ),
        (
            "hosts: [a]\nresolution: STATIC\nendpoints: [{address: x.y}]",
            (
                "spec.endpoints[0].address: resolution STATIC needs an IP address, got "
                "'x.y'"
            ),
        ),
        (
            "hosts: [a]\nresolution: DNS\nendpoints: [{address: 'unix:///x'}]",
            "spec.endpoints[0].address: resolution DNS takes no Unix socket",
        ),
        (
            (
                "hosts: [a]\nresolution: STATIC\n"
                "endpoints: [{address: 1.2.3.4, ports: {http: 80}}]"
            ),
            (
                'spec.endpoints[0].ports["http"]: no port of this service is called '
                "'http'"
            ),
        ),
        (
            (
                "hosts: [a]\nresolution: STATIC\nworkloadSelector: {labels: {a: b}}\n"
                "endpoints: [{address: 1.2.3.4}]"
            ),
            "spec.endpoints: not together with workloadSelector",
        ),
        (
            "hosts: [a]\nworkloadSelector: {labels: {a: '*'}}",
            (
                'spec.workloadSelector.labels["a"]: a wildcard is not supported in a '
                "selector"
            ),
        ),
        (
            "hosts: [a]\nworkloadSelector: {labels: {'': b}}",
            'spec.workloadSelector.labels[""]: a label\'s key must not be empty',
        ),
        (
            "hosts: ['*.a.b']\nresolution: DNS",
            "spec.hosts[0]: resolution DNS cannot look up a wildcard",
        ),
        (
            "hosts: [a.b]\nresolution: DYNAMIC_DNS",
            "spec.hosts[0]: DYNAMIC_DNS is for wildcard hosts",
        ),
        (
            "hosts: ['*.a.b']\nresolution: DYNAMIC_DNS\nlocation: MESH_INTERNAL",
            "spec.location: DYNAMIC_DNS needs MESH_EXTERNAL",
        ),
        (
            (
                "hosts: [a]\nresolution: DNS_ROUND_ROBIN\n"
                "endpoints: [{address: x}, {address: z}]"
            ),
            "spec.endpoints[1]: DNS_ROUND_ROBIN takes one endpoint",
        ),
        (
            "hosts: [a]\nexportTo: ['x y']",
            "spec.exportTo[0]: 'x y' is not a namespace",
        ),
        (
            "hosts: [a]\nexportTo: ['*', b]",
            "spec.exportTo: '*' already exports everywhere",
        ),
    ],
)
def test_what_istio_refuses_is_refused(spec: str, told: str) -> None:
    assert told in problems("ServiceEntry", spec)


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (
            "hosts: ['*a.b']",
            "spec.hosts[0]: partial wildcard '*a.b' has no effect",
        ),
        (
            "hosts: [a]\nports: [{number: 1, name: x, protocol: TCP}]",
            (
                "spec.ports[0].protocol: without addresses, TCP for this host cannot be told "
                "from other TCP"
            ),
        ),
        (
            "hosts: [a]\nworkloadSelector: {labels: {a: b}}",
            "spec.workloadSelector: has no effect with resolution NONE",
        ),
        (
            "hosts: [a]\nresolution: STATIC\nworkloadSelector: {}",
            (
                "spec.workloadSelector: a selector without labels selects every workload of "
                "the namespace"
            ),
        ),
        (
            "hosts: [a]\nresolution: STATIC\nendpoints: [{network: net}]",
            (
                "spec.endpoints[0].network: without an address, only the gateway of 'net' "
                "reaches it"
            ),
        ),
        (
            (
                "hosts: [a, b]\naddresses: [10.0.0.1]\nresolution: DNS\n"
                "ports: [{number: 1, name: x, protocol: HTTPS}]"
            ),
            (
                "spec.ports[0].protocol: several hosts share the addresses: TCP takes them "
                "for one"
            ),
        ),
    ],
)
def test_what_istio_warns_of_is_a_warning(spec: str, told: str) -> None:
    assert warnings("ServiceEntry", spec) == [told]


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (
            "hosts: [a, b]\nresolution: STATIC\nports: [{number: 1, name: x}]",
            "spec.ports[0].protocol: several hosts need a protocol that names the host",
        ),
        (
            (
                "hosts: ['*.a']\nresolution: DYNAMIC_DNS\n"
                "ports: [{number: 1, name: x, protocol: TCP}]"
            ),
            "spec.ports[0].protocol: DYNAMIC_DNS needs a protocol that names the host",
        ),
        (
            (
                "hosts: [a]\nresolution: STATIC\nendpoints: [{address: 'unix:///a'}]\n"
                "ports: [{number: 1, name: x, protocol: HTTP}, {number: 2, name: z}]"
            ),
            "spec.endpoints[0].address: a Unix socket is one port, the service has several",
        ),
        (
            f"hosts: {[f'h{i}' for i in range(257)]}",
            "spec.hosts: at most 256, got 257",
        ),
    ],
)
def test_what_cannot_be_told_apart_is_refused(spec: str, told: str) -> None:
    assert told in problems("ServiceEntry", spec)
