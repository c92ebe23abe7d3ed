from __future__ import annotations

import pytest

from meltemi.testkit.configuration import problems


@pytest.mark.parametrize(
    "spec",
    [
        "address: 10.0.0.1\nports: {http: 8080}",
        "address: '2001:db8::1'",
        "address: vm-1.example.com",
        "address: unix:///run/app.sock",
        "address: unix://@abstract",
        "network: west",
    ],
)
def test_every_form_of_address_is_right(spec: str) -> None:
    assert problems("WorkloadEntry", spec) == []


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("weight: 1", "spec.address: an address is required"),
        (
            "address: vm:9443",
            "spec.address: 'vm:9443' is neither an IP address nor a DNS name",
        ),
        (
            "address: unix://run",
            "spec.address: 'unix://run' is not the absolute path of a Unix socket",
        ),
        (
            "address: unix:///run/",
            "spec.address: 'unix:///run/' is not the absolute path of a Unix socket",
        ),
        (
            "address: unix:///run\nports: {http: 80}",
            "spec.ports: a Unix socket has no ports",
        ),
        (
            "address: 1.2.3.4\nports: {http: 65536}",
            'spec.ports["http"]: must be from 1 to 65535, got 65536',
        ),
        (
            "address: 1.2.3.4\nports: {'': 80}",
            "spec.ports[\"\"]: '' is not a port's name",
        ),
    ],
)
def test_what_istio_refuses_is_refused(spec: str, told: str) -> None:
    assert told in problems("WorkloadEntry", spec)
