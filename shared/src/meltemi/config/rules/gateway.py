"""What must hold for a Gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meltemi.config.rules.hosts import (
    PORT_NAME,
    check_host,
    check_port,
    check_unique,
    is_address,
)
from meltemi.config.rules.problem import problem
from meltemi.config.schema.gateway import ServerTLSMode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.finding import Finding
    from meltemi.config.schema.gateway import Gateway, Server, ServerTLSSettings

PROTOCOLS: Final = (
    *("GRPC", "GRPC-WEB", "HTTP", "HTTP2", "HTTPS", "HBONE", "HTTP_PROXY"),
    *("MONGO", "MYSQL", "REDIS", "TCP", "TLS", "UDP"),
)
WITH_TLS: Final = ("HTTPS", "TLS")
FROM_MESH: Final = (
    ServerTLSMode.ISTIO_MUTUAL,
    ServerTLSMode.PASSTHROUGH,
    ServerTLSMode.AUTO_PASSTHROUGH,
)
CLIENT_VERIFIED: Final = (ServerTLSMode.MUTUAL, ServerTLSMode.OPTIONAL_MUTUAL)


def check_gateway(spec: Gateway) -> Iterator[Finding]:
    """Yield what Istio's ValidateGateway refuses."""
    if not spec.servers:
        yield problem("spec.servers", "at least one server is required")
    for index, server in enumerate(spec.servers):
        yield from _check_server(f"spec.servers[{index}]", server)
    names = (
        (f"spec.servers[{index}].port.name", server.port.name)
        for index, server in enumerate(spec.servers)
    )
    yield from check_unique(names, "port name")


def _check_server(path: str, server: Server) -> Iterator[Finding]:
    yield from check_port(f"{path}.port.number", server.port.number)
    if not server.port.name:
        yield problem(f"{path}.port.name", "a name is required")
    protocol = server.port.protocol.upper()
    if protocol not in PROTOCOLS:
        hint = f"one of {', '.join(PROTOCOLS)}"
        message = f"{server.port.protocol!r} is no protocol"
        yield problem(f"{path}.port.protocol", message, hint)
    if not server.hosts:
        yield problem(f"{path}.hosts", "at least one host is required")
    for index, host in enumerate(server.hosts):
        yield from _check_host(f"{path}.hosts[{index}]", host)
    bind = server.bind or ""
    if bind and not (is_address(bind) or bind.startswith("unix://")):
        yield problem(f"{path}.bind", f"{bind!r} is not an IP address or Unix socket")
    if protocol in WITH_TLS and server.tls is None:
        yield problem(f"{path}.tls", f"protocol {protocol} needs tls settings")
    if server.tls is not None:
        yield from _check_tls(f"{path}.tls", server.tls, protocol)


def _check_host(path: str, host: str) -> Iterator[Finding]:
    namespace, slash, name = host.rpartition("/")
    if slash and namespace not in ("*", ".") and not PORT_NAME.fullmatch(namespace):
        hint = "write NAMESPACE/HOST, ./HOST or */HOST"
        yield problem(path, f"{namespace!r} is not a namespace", hint)
    if name.startswith("*") and not name.startswith("*.") and name != "*":
        hint = f"write *.{name.removeprefix('*')}"
        yield problem(path, f"partial wildcard {name!r} is not allowed", hint)
    elif not is_address(name):
        yield from check_host(path, name)


def _check_tls(path: str, tls: ServerTLSSettings, protocol: str) -> Iterator[Finding]:
    if protocol not in WITH_TLS:
        if tls.https_redirect is None or tls.mode is not None:
            message = f"protocol {protocol} takes only httpsRedirect"
            yield problem(path, message, "use protocol HTTPS or TLS")
        return
    sources = {
        "credentialName": tls.credential_name,
        "credentialNames": tls.credential_names,
        "tlsCertificates": tls.tls_certificates,
    }
    given = [name for name, value in sources.items() if value]
    if len(given) > 1:
        yield problem(path, f"only one may be set: {' and '.join(given)}")
    if tls.mode in FROM_MESH or tls.mode is None:
        return
    if given:
        return
    files = {"serverCertificate": tls.server_certificate, "privateKey": tls.private_key}
    if tls.mode in CLIENT_VERIFIED:
        files["caCertificates"] = tls.ca_certificates or tls.ca_cert_credential_name
    for name, value in files.items():
        if not value:
            hint = "or name a secret in credentialName"
            yield problem(f"{path}.{name}", f"mode {tls.mode} needs {name}", hint)
