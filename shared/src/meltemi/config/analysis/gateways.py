"""Gateways among each other, and the workloads and Services that carry them.

Source: pkg/config/analysis/analyzers/gateway.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.config.analysis.remark import Level, Message, listed, remark
from meltemi.config.analysis.world import World, selects, subject
from meltemi.config.schema.gateway import Gateway, Server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from meltemi.config.analysis.kubernetes import KubeWorkload
    from meltemi.config.analysis.remark import Remark
    from meltemi.config.resource import Resource

NOT_FOUND = Message("IST0101", Level.ERROR, 'Referenced %s not found: "%s"')
CONFLICT = Message(
    "IST0145",
    Level.ERROR,
    "Conflict with gateways %s (workload selector %s, port %s, hosts %s).",
)
PORT_NOT_ON_SERVICE = Message(
    "IST0162",
    Level.WARNING,
    "The gateway is listening on a target port (port %d) that is not defined in the "
    "Service associated with its workload instances (Pod selector %s). If you need to "
    "access the gateway port through the gateway Service, it will not be available.",
)
DUPLICATE_CERTIFICATE = Message(
    "IST0138",
    Level.WARNING,
    "Duplicate certificate in multiple gateways %s may cause 404s if clients re-use "
    "HTTP2 connections.",
)
ISTIOS_OWN = {"istio": "ingressgateway"}
ISTIOS_PORTS: frozenset[int | str] = frozenset({80, 443, 15443, 31400})
"""What Istio's own ingress gateway opens, whose manifests are seldom at hand."""


def conflicting_gateways(world: World) -> Iterator[Remark]:
    """Yield a remark a server that another Gateway serves on the same port, too."""
    gateways = world.of(Gateway)
    for gateway in gateways:
        for number, server in enumerate(gateway.spec.servers):
            others = [
                _title(other)
                for other in gateways
                if other is not gateway
                and other.spec.selector == gateway.spec.selector
                and any(clash(server, rival) for rival in other.spec.servers)
            ]
            if others:
                yield remark(
                    CONFLICT,
                    subject(gateway),
                    ",".join(others),
                    spelled(gateway.spec.selector),
                    server.port.number,
                    ",".join(server.hosts),
                    path=f"spec.servers[{number}]",
                )


def ports_of_services(world: World) -> Iterator[Remark]:
    """Yield a remark a port that no Service in front of the gateway opens."""
    if not world.services and not world.pods:
        return  # without Kubernetes a gateway is reached where it listens
    for gateway in world.of(Gateway):
        selector = gateway.spec.selector
        carriers = [pod for pod in world.pods if selects(selector, pod.metadata.labels)]
        if not carriers and selector != ISTIOS_OWN:
            yield remark(NOT_FOUND, subject(gateway), "selector", spelled(selector))
            continue
        opened = _opened(world, carriers) if carriers else ISTIOS_PORTS
        for number, server in enumerate(gateway.spec.servers):
            if server.port.number not in opened:
                yield remark(
                    PORT_NOT_ON_SERVICE,
                    subject(gateway),
                    server.port.number,
                    spelled(selector),
                    path=f"spec.servers[{number}].port.number",
                )


def _opened(world: World, pods: Sequence[KubeWorkload]) -> frozenset[int | str]:
    """Return the ports on which Services reach one of ``pods``."""
    return frozenset(
        port.target
        for pod in pods
        for service in world.services
        if service.metadata.namespace == pod.metadata.namespace
        and selects(service.spec.selector, pod.metadata.labels)
        for port in service.spec.ports
        if port.protocol in ("", "TCP")
    )


def duplicate_certificates(world: World) -> Iterator[Remark]:
    """Yield a remark a Gateway whose certificate another with its selector has, too."""
    gateways = world.of(Gateway)
    for gateway in gateways:
        own = set(_certificates(gateway))
        same = [
            _title(other)
            for other in gateways
            if other is not gateway
            and gateway.spec.selector.items() <= other.spec.selector.items()
            and own & set(_certificates(other))
        ]
        if same:
            names = sorted([_title(gateway), *same])
            yield remark(DUPLICATE_CERTIFICATE, subject(gateway), listed(names))


def spelled(selector: Mapping[str, str]) -> str:
    """Return a selector as Kubernetes prints it: ``a=b,c=d``."""
    return ",".join(f"{name}={value}" for name, value in sorted(selector.items()))


def clash(server: Server, rival: Server) -> bool:
    """Tell whether two servers of different Gateways want the same connections."""
    same_port = server.port.number == rival.port.number
    if not same_port or (server.bind or "") != (rival.bind or ""):
        return False
    return any(
        _same_host(host, other) for host in server.hosts for other in rival.hosts
    )


def _same_host(host: str, other: str) -> bool:
    one, two = (each.rpartition("/")[2] for each in (host, other))
    if "*" in (one, two):
        return True
    for wide, narrow in ((one, two), (two, one)):
        if wide.startswith("*") and narrow.endswith(wide[1:]):
            return True
    return one == two


def _certificates(gateway: Resource[Gateway]) -> Iterator[tuple[str, str]]:
    for server in gateway.spec.servers:
        tls = server.tls
        if tls and tls.credential_name:
            yield "credential", tls.credential_name
        elif tls and tls.server_certificate and tls.private_key:
            yield tls.server_certificate, tls.private_key


def _title(gateway: Resource[Gateway]) -> str:
    metadata = gateway.metadata
    place = f"{metadata.namespace}/" if metadata.namespace else ""
    return f"{place}{metadata.name}"
