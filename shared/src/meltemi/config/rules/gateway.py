"""What must hold for a Gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meltemi.config.rules.hosts import (
    HTTP,
    LABEL,
    UNIX,
    WITH_TLS,
    check_port,
    check_protocol,
    check_socket,
    check_unique,
    is_address,
    is_wildcard_host,
)
from meltemi.config.rules.problem import problem, warning
from meltemi.config.rules.server_tls import PASSED_ON, check_server_tls

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.finding import Finding
    from meltemi.config.resource import Metadata
    from meltemi.config.schema.gateway import Gateway, Server, ServerTLSSettings

SEMANTICS: Final = "internal.istio.io/gateway-semantics"
"""Marks a Gateway made from a Gateway of Kubernetes' Gateway API."""


def check_gateway(spec: Gateway, metadata: Metadata) -> Iterator[Finding]:
    """Yield what Istio's ValidateGateway says."""
    name = metadata.name
    converted = metadata.annotations.get(SEMANTICS) == "gateway"
    if not converted and not LABEL.fullmatch(name):
        hint = "use letters, digits and '-', at most 63: VirtualServices refer to it"
        yield problem("metadata.name", f"{name!r} is not a gateway's name", hint)
    if not spec.servers:
        yield problem("spec.servers", "at least one server is required")
    for index, server in enumerate(spec.servers):
        path = f"spec.servers[{index}]"
        yield from _check_server(path, server)
        scopes = ("*", ".", "~") if converted else ("*", ".")
        for position, host in enumerate(server.hosts):
            here = f"{path}.hosts[{position}]"
            yield from check_scoped_host(here, host, scopes, gateway=True)
    names = (
        (f"spec.servers[{index}].port.name", server.port.name)
        for index, server in enumerate(spec.servers)
    )
    yield from check_unique(names, "port name")


def _check_server(path: str, server: Server) -> Iterator[Finding]:
    yield from _check_port(path, server)
    if not server.hosts:
        yield problem(f"{path}.hosts", "at least one host is required")
    bind = server.bind or ""
    if bind.startswith(UNIX):
        yield from check_socket(f"{path}.bind", bind)
        if server.port.number:
            message = "a Unix socket has no port number"
            yield problem(f"{path}.port.number", message, "write 0")
    elif bind and not is_address(bind):
        yield problem(f"{path}.bind", f"{bind!r} is not an IP address or Unix socket")
    protocol = server.port.protocol.upper()
    if protocol in WITH_TLS and server.tls is None:
        yield problem(f"{path}.tls", f"protocol {protocol} needs tls settings")
    if server.tls is not None:
        yield from _check_tls(f"{path}.tls", server.tls, protocol)


def _check_port(path: str, server: Server) -> Iterator[Finding]:
    port = server.port
    if port.number or not (server.bind or "").startswith(UNIX):
        yield from check_port(f"{path}.port.number", port.number)
    if not port.name:
        yield problem(f"{path}.port.name", "a name is required")
    if port.target_port:
        yield problem(f"{path}.port.targetPort", "has no effect", "remove it")
    if not port.protocol:
        yield problem(f"{path}.port.protocol", "a protocol is required")
    yield from check_protocol(f"{path}.port.protocol", port.protocol)


def check_scoped_host(
    path: str, host: str, scopes: tuple[str, ...], *, gateway: bool
) -> Iterator[Finding]:
    """Yield what is wrong with ``[namespace/]host`` of a ``gateway`` or a sidecar.

    ``scopes`` are the words that may stand for a namespace.

    Source:
        pkg/config/validation/agent/validation.go
        ValidateNamespaceSlashWildcardHostname; ``~namespace`` excludes (since 1.31).

    """
    namespace, slash, name = host.partition("/")
    if not slash:
        namespace, name = "*", host
        if not gateway:
            yield problem(path, f"{host!r} names no namespace", "write NAMESPACE/HOST")
            return
    if not gateway and namespace != "~":
        namespace = namespace.removeprefix("~")
    if namespace not in scopes and not LABEL.fullmatch(namespace):
        hint = "write NAMESPACE/HOST, ./HOST or */HOST"
        yield problem(path, f"{namespace!r} is not a namespace", hint)
    if gateway and is_address(name):
        return
    if name != "*" and "." not in name:
        yield problem(path, f"{name!r} is not a full host name", "write it in full")
    elif name.startswith("*") and not name.startswith("*.") and name != "*":
        hint = f"write *.{name.removeprefix('*')}"
        yield problem(path, f"partial wildcard {name!r} is not allowed", hint)
    elif not is_wildcard_host(name):
        yield problem(path, f"{name!r} is not a host")


def _check_tls(path: str, tls: ServerTLSSettings, protocol: str) -> Iterator[Finding]:
    yield from check_server_tls(path, tls)
    if protocol in WITH_TLS:
        if tls.https_redirect:
            message = "httpsRedirect is for servers of plain HTTP"
            yield warning(f"{path}.httpsRedirect", message, "remove it")
        return
    files = (tls.ca_certificates, tls.private_key, tls.server_certificate)
    if protocol not in HTTP or tls.mode not in (None, *PASSED_ON) or any(files):
        message = f"protocol {protocol} takes only httpsRedirect"
        yield problem(path, message, "use protocol HTTPS or TLS")
