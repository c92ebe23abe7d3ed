from __future__ import annotations

import pytest

from meltemi.testkit.configuration import problems, warnings

PORT = "port: {number: 9080, protocol: HTTP, name: http}"


def ingress(text: str) -> str:
    return f"ingress:\n- {PORT}\n  {text}"


def egress(text: str) -> str:
    return f"egress:\n- {text}"


@pytest.mark.parametrize(
    "spec",
    [
        egress("hosts: ['./*', 'istio-system/*']"),
        egress("hosts: ['~/*']"),
        egress("hosts: ['*/*', '~secret/*', '~/a.example.com']"),
        egress(
            "port: {number: 0, protocol: HTTP}\n  bind: unix:///a\n  hosts: ['*/*']"
        ),
        ingress("defaultEndpoint: 127.0.0.1:8080"),
        ingress("defaultEndpoint: '[::1]:8080'"),
        ingress("defaultEndpoint: unix:///run/app"),
        ingress("tls: {mode: SIMPLE, serverCertificate: /c, privateKey: /k}"),
        "outboundTrafficPolicy: {mode: ALLOW_ANY}",
        "inboundConnectionPool: {tcp: {maxConnections: 3}}",
    ],
)
def test_the_usual_listeners_are_right(spec: str) -> None:
    assert problems("Sidecar", spec) == []


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("{}", "spec: says nothing"),
        (
            egress("hosts: ['*/a.b']\n- hosts: ['*/c.d']"),
            (
                "spec.egress[0].port: a listener without port takes the rest, so it comes "
                "last"
            ),
        ),
        (egress("hosts: []"), "spec.egress[0].hosts: at least one host is required"),
        (
            egress("hosts: [a.b]"),
            "spec.egress[0].hosts[0]: 'a.b' names no namespace",
        ),
        (
            egress("hosts: ['~Not_One/*']"),
            "spec.egress[0].hosts[0]: 'Not_One' is not a namespace",
        ),
        (
            egress("hosts: ['*/short']"),
            "spec.egress[0].hosts[0]: 'short' is not a full host name",
        ),
        (
            egress("port: {number: 0}\n  bind: 1.2.3.4\n  hosts: ['*/*']"),
            "spec.egress[0].bind: port 0 is for a Unix socket: unix:///path",
        ),
        (
            egress(
                "port: {number: 0}\n  bind: unix:///a\n  captureMode: IPTABLES\n"
                "  hosts: ['*/*']"
            ),
            "spec.egress[0].captureMode: traffic to a Unix socket cannot be redirected",
        ),
        (
            egress("port: {number: 1, targetPort: 2}\n  hosts: ['*/*']"),
            "spec.egress[0].port.targetPort: has no effect",
        ),
        (
            f"ingress:\n- {PORT}\n- {PORT}",
            "spec.ingress[1].port.number: port number 9080 stands twice",
        ),
        (
            ingress("bind: unix:///a"),
            "spec.ingress[0].bind: 'unix:///a' is not an IP address",
        ),
        (
            ingress("defaultEndpoint: 10.0.0.1:80"),
            "spec.ingress[0].defaultEndpoint: '10.0.0.1:80' is not on this workload",
        ),
        (
            ingress("defaultEndpoint: 127.0.0.1:hi"),
            "spec.ingress[0].defaultEndpoint: 'hi' is not a port's number",
        ),
        (
            ingress("tls: {mode: ISTIO_MUTUAL}"),
            "spec.ingress[0].tls.mode: mode ISTIO_MUTUAL is not supported at a sidecar",
        ),
        (
            ingress("tls: {mode: SIMPLE, credentialName: a}"),
            "spec.ingress[0].tls.credentialName: is not supported at a sidecar",
        ),
        ("inboundConnectionPool: {}", "spec.inboundConnectionPool: says nothing"),
        (
            "outboundTrafficPolicy: {egressProxy: {host: a.b, port: {number: 1}}}",
            "spec.outboundTrafficPolicy.egressProxy: is for mode ALLOW_ANY only",
        ),
        (
            "outboundTrafficPolicy: {mode: ALLOW_ANY, egressProxy: {host: a.b}}",
            "spec.outboundTrafficPolicy.egressProxy.port: a port is required",
        ),
    ],
)
def test_what_istio_refuses_is_refused(spec: str, told: str) -> None:
    assert told in problems("Sidecar", spec)


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (
            "workloadSelector: {}\negress: [{hosts: ['*/*']}]",
            (
                "spec.workloadSelector: a selector without labels holds for every workload "
                "of the namespace"
            ),
        ),
        (
            egress("hosts: [ns/a.b, ns/a.b]"),
            "spec.egress[0].hosts[1]: 'ns/a.b' is in the list already",
        ),
        (
            egress("hosts: [./a.b, default/a.b]"),
            "spec.egress[0].hosts[1]: 'default/a.b' is in the list already",
        ),
        (
            egress("hosts: ['*/*', ns/a.b]"),
            "spec.egress[0].hosts: '*/*' includes every other host",
        ),
        (
            (
                "ingress:\n- port: {number: 1, protocol: TCP}\n"
                "  connectionPool: {http: {maxRetries: 1}}"
            ),
            (
                "spec.ingress[0].connectionPool.http: has no effect on a port of protocol "
                "TCP"
            ),
        ),
    ],
)
def test_what_istio_warns_of_is_a_warning(spec: str, told: str) -> None:
    assert told in warnings("Sidecar", spec)
