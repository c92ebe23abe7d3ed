"""What must hold for a Sidecar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meltemi.config.rules.gateway import check_scoped_host
from meltemi.config.rules.hosts import (
    HTTP,
    UNIX,
    check_port,
    check_port_name,
    check_protocol,
    check_socket,
    check_unique,
    is_address,
    is_fqdn,
)
from meltemi.config.rules.http_route import check_destination
from meltemi.config.rules.labels import check_workloads
from meltemi.config.rules.problem import problem, warning
from meltemi.config.rules.server_tls import check_server_tls
from meltemi.config.rules.traffic_policy import check_pool
from meltemi.config.schema.gateway import ServerTLSMode
from meltemi.config.schema.sidecar import CaptureMode, OutboundMode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.finding import Finding
    from meltemi.config.resource import Metadata
    from meltemi.config.schema.gateway import ServerTLSSettings
    from meltemi.config.schema.sidecar import (
        IstioEgressListener,
        IstioIngressListener,
        OutboundTrafficPolicy,
        Sidecar,
        SidecarPort,
    )

SCOPES: Final = ("*", ".", "~")
LOCAL: Final = ("", "127.0.0.1", "0.0.0.0", "[::1]", "[::]")  # noqa: S104 - as written by users, not bound


def check_sidecar(spec: Sidecar, metadata: Metadata) -> Iterator[Finding]:
    """Yield what Istio's ValidateSidecar says."""
    namespace = metadata.namespace
    effect = "holds for every workload of the namespace"
    yield from check_workloads("spec.workloadSelector", spec.workload_selector, effect)
    pool = spec.inbound_connection_pool
    if not (spec.egress or spec.ingress or spec.outbound_traffic_policy or pool):
        hint = "add ingress, egress, outboundTrafficPolicy or inboundConnectionPool"
        yield problem("spec", "says nothing", hint)
    for index, ingress in enumerate(spec.ingress):
        yield from _check_ingress(f"spec.ingress[{index}]", ingress)
    numbers = (
        (f"spec.ingress[{index}].port.number", each.port.number)
        for index, each in enumerate(spec.ingress)
    )
    yield from check_unique(numbers, "port number")
    if pool is not None:
        yield from check_pool("spec.inboundConnectionPool", pool)
    last = len(spec.egress) - 1
    for index, egress in enumerate(spec.egress):
        path = f"spec.egress[{index}]"
        if egress.port is None and index != last:
            message = "a listener without port takes the rest, so it comes last"
            yield problem(f"{path}.port", message)
        yield from _check_egress(path, egress, namespace)
    yield from _check_binds(spec)
    if spec.outbound_traffic_policy is not None:
        path = "spec.outboundTrafficPolicy"
        yield from _check_outbound(path, spec.outbound_traffic_policy)


def _check_ingress(path: str, listener: IstioIngressListener) -> Iterator[Finding]:
    port = listener.port
    yield from _check_port(f"{path}.port", port)
    yield from check_port(f"{path}.port.number", port.number or 0)
    if listener.bind and not is_address(listener.bind):
        yield problem(f"{path}.bind", f"{listener.bind!r} is not an IP address")
    if listener.default_endpoint:
        yield from _check_endpoint(f"{path}.defaultEndpoint", listener.default_endpoint)
    if listener.tls is not None:
        yield from _check_tls(f"{path}.tls", listener.tls)
    pool = listener.connection_pool
    if pool is not None:
        here = f"{path}.connectionPool"
        yield from check_pool(here, pool)
        if pool.http is not None and (port.protocol or "").upper() not in HTTP:
            message = f"has no effect on a port of protocol {port.protocol or 'unset'}"
            yield warning(f"{here}.http", message, "only tcp counts there")


def _check_port(path: str, port: SidecarPort) -> Iterator[Finding]:
    if port.name:
        yield from check_port_name(f"{path}.name", port.name)
    yield from check_protocol(f"{path}.protocol", port.protocol)
    if port.target_port:
        yield problem(f"{path}.targetPort", "has no effect", "remove it")


def _check_endpoint(path: str, endpoint: str) -> Iterator[Finding]:
    if endpoint.startswith(UNIX):
        yield from check_socket(path, endpoint)
        return
    host, colon, port = endpoint.rpartition(":")
    if not colon or host not in LOCAL:
        hint = "127.0.0.1:PORT, 0.0.0.0:PORT, [::1]:PORT, [::]:PORT or unix:///path"
        yield problem(path, f"{endpoint!r} is not on this workload", hint)
    if not (port.isdecimal() and port.isascii()):
        yield problem(path, f"{port!r} is not a port's number")
    else:
        yield from check_port(path, int(port))


def _check_tls(path: str, tls: ServerTLSSettings) -> Iterator[Finding]:
    unsupported = {
        "subjectAltNames": tls.subject_alt_names,
        "httpsRedirect": tls.https_redirect,
        "credentialName": tls.credential_name,
        "credentialNames": tls.credential_names,
        "tlsCertificates": tls.tls_certificates,
    }
    for name, value in unsupported.items():
        if value:
            yield problem(f"{path}.{name}", "is not supported at a sidecar")
    if tls.mode in (ServerTLSMode.ISTIO_MUTUAL, ServerTLSMode.AUTO_PASSTHROUGH):
        message = f"mode {tls.mode} is not supported at a sidecar"
        yield problem(f"{path}.mode", message)
    yield from check_server_tls(path, tls)


def _check_egress(
    path: str, listener: IstioEgressListener, namespace: str
) -> Iterator[Finding]:
    if listener.port is not None:
        yield from _check_port(f"{path}.port", listener.port)
        yield from _check_bind(path, listener, listener.port)
    if not listener.hosts:
        yield problem(f"{path}.hosts", "at least one host is required")
    for index, host in enumerate(listener.hosts):
        yield from check_scoped_host(
            f"{path}.hosts[{index}]", host, SCOPES, gateway=False
        )
    yield from _check_overlap(f"{path}.hosts", listener.hosts, namespace)


def _check_bind(
    path: str, listener: IstioEgressListener, port: SidecarPort
) -> Iterator[Finding]:
    bind = listener.bind or ""
    if port.number:
        yield from check_port(f"{path}.port.number", port.number)
        if bind and not is_address(bind):
            yield problem(f"{path}.bind", f"{bind!r} is not an IP address")
        return
    if not bind.startswith(UNIX):
        yield problem(f"{path}.bind", "port 0 is for a Unix socket: unix:///path")
    else:
        yield from check_socket(f"{path}.bind", bind)
    if listener.capture_mode is CaptureMode.IPTABLES:
        message = "traffic to a Unix socket cannot be redirected"
        yield problem(f"{path}.captureMode", message, "write DEFAULT or NONE")


def _check_binds(spec: Sidecar) -> Iterator[Finding]:
    bound = [
        (index, each.port.number, each.bind)
        for index, each in enumerate(spec.egress)
        if each.port is not None
    ]
    numbers = (
        (f"spec.egress[{i}].port.number", number) for i, number, _ in bound if number
    )
    yield from check_unique(numbers, "port number")
    sockets = (
        (f"spec.egress[{i}].bind", bind) for i, number, bind in bound if not number
    )
    yield from check_unique(sockets, "socket")


def _check_overlap(
    path: str, hosts: tuple[str, ...], namespace: str
) -> Iterator[Finding]:
    """Yield a warning for each host that an earlier one, or ``*/*``, includes."""
    seen: dict[str, set[str]] = {}
    for index, host in enumerate(hosts):
        home, slash, name = host.partition("/")
        if not slash or home.startswith("~"):
            continue
        names = seen.setdefault(namespace if home == "." else home, set())
        covered = name in names or "*" in names or (name == "*" and bool(names))
        if covered:
            yield warning(f"{path}[{index}]", f"{host!r} is in the list already")
        names.add(name)
    if "*" in seen.get("*", ()) and len(seen) > 1:
        yield warning(path, "'*/*' includes every other host", "remove the others")


def _check_outbound(path: str, policy: OutboundTrafficPolicy) -> Iterator[Finding]:
    proxy = policy.egress_proxy
    if proxy is None:
        return
    here = f"{path}.egressProxy"
    if policy.mode is not OutboundMode.ALLOW_ANY:
        yield problem(here, "is for mode ALLOW_ANY only", "set the mode")
    if not is_fqdn(proxy.host):
        yield problem(f"{here}.host", f"{proxy.host!r} is not a host")
    if proxy.port is None:
        yield problem(f"{here}.port", "a port is required")
    yield from check_destination(here, proxy)
