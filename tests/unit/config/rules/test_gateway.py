from __future__ import annotations

import pytest

from meltemi.testkit.configuration import problems, warnings

PORT = "port: {number: 443, name: https, protocol: HTTPS}"


def server(tls: str, *, port: str = PORT, hosts: str = "['*']") -> str:
    return f"servers:\n- {port}\n  hosts: {hosts}\n{tls}"


@pytest.mark.parametrize(
    "spec",
    [
        server("", port="port: {number: 80, name: http, protocol: HTTP}"),
        server(
            "  tls: {httpsRedirect: true}",
            port="port: {number: 80, name: http, protocol: http}",
        ),
        server("  tls: {mode: SIMPLE, credentialName: cert}"),
        server("  tls: {mode: SIMPLE, serverCertificate: /c, privateKey: /k}"),
        server("  tls: {mode: PASSTHROUGH}", hosts="[ns/a.b, ./c.d, '*/*.e']"),
        server("  tls: {mode: ISTIO_MUTUAL}"),
        server("  bind: 127.0.0.1\n  tls: {mode: PASSTHROUGH}"),
    ],
)
def test_the_usual_servers_are_right(spec: str) -> None:
    assert problems("Gateway", spec) == []


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("selector: {a: b}", "spec.servers: at least one server is required"),
        (
            server("", port="port: {number: 66000, name: a, protocol: HTTP}"),
            "spec.servers[0].port.number: must be from 1 to 65535, got 66000",
        ),
        (
            server("", port="port: {number: 80, name: '', protocol: HTTP}"),
            "spec.servers[0].port.name: a name is required",
        ),
        (
            server("", port="port: {number: 80, name: a, protocol: HTP}"),
            "spec.servers[0].port.protocol: 'HTP' is no protocol",
        ),
        (
            server("  tls: {mode: PASSTHROUGH}", hosts="[]"),
            "spec.servers[0].hosts: at least one host is required",
        ),
        (
            server("  tls: {mode: PASSTHROUGH}", hosts="['*bar.com']"),
            "spec.servers[0].hosts[0]: partial wildcard '*bar.com' is not allowed",
        ),
        (
            server("  tls: {mode: PASSTHROUGH}", hosts="[foo.*.com]"),
            "spec.servers[0].hosts[0]: 'foo.*.com' is not a host",
        ),
        (
            server("  tls: {mode: PASSTHROUGH}", hosts="[~/a.b]"),
            "spec.servers[0].hosts[0]: '~' is not a namespace",
        ),
        (
            server("  bind: here\n  tls: {mode: PASSTHROUGH}"),
            "spec.servers[0].bind: 'here' is not an IP address or Unix socket",
        ),
        (server(""), "spec.servers[0].tls: protocol HTTPS needs tls settings"),
        (
            server(
                "  tls: {mode: SIMPLE, credentialName: c}",
                port="port: {number: 80, name: a, protocol: HTTP}",
            ),
            "spec.servers[0].tls: protocol HTTP takes only httpsRedirect",
        ),
        (
            server("  tls: {mode: SIMPLE}"),
            (
                "spec.servers[0].tls.serverCertificate: mode SIMPLE needs "
                "serverCertificate"
            ),
        ),
        (
            server("  tls: {mode: MUTUAL, serverCertificate: /c, privateKey: /k}"),
            "spec.servers[0].tls.caCertificates: mode MUTUAL needs caCertificates",
        ),
        (
            server("  tls: {mode: SIMPLE, credentialName: a, credentialNames: [b]}"),
            (
                "spec.servers[0].tls: only one may be set: credentialName and "
                "credentialNames"
            ),
        ),
        (
            server("  tls: {mode: PASSTHROUGH}")
            + "\n- port: {number: 444, name: https, protocol: TCP}\n  hosts: [a.b]",
            "spec.servers[1].port.name: port name 'https' stands twice",
        ),
    ],
)
def test_what_istio_refuses_is_refused(spec: str, told: str) -> None:
    assert told in problems("Gateway", spec)


def test_a_redirect_behind_tls_is_warned_of() -> None:
    files = "serverCertificate: /a.pem, privateKey: /a.key"
    spec = server(f"  tls: {{mode: SIMPLE, {files}, httpsRedirect: true}}")
    assert warnings("Gateway", spec) == [
        "spec.servers[0].tls.httpsRedirect: httpsRedirect is for servers of plain HTTP"
    ]


def test_a_gateways_name_is_one_label() -> None:
    spec = server("  tls: {mode: PASSTHROUGH}")
    assert problems("Gateway", spec, name="a.b") == [
        "metadata.name: 'a.b' is not a gateway's name"
    ]


def test_a_converted_gateway_may_serve_no_namespace() -> None:
    spec = server("  tls: {mode: PASSTHROUGH}", hosts="[~/a.b]")
    converted = "a.b, annotations: {internal.istio.io/gateway-semantics: gateway}"
    assert problems("Gateway", spec, name=converted) == []
    assert problems("Gateway", spec) == [
        "spec.servers[0].hosts[0]: '~' is not a namespace"
    ]
