"""What must hold for a ServiceEntry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meltemi.config.rules.hosts import (
    HTTP,
    UNIX,
    WITH_TLS,
    check_count,
    check_export_to,
    check_host,
    check_port,
    check_port_name,
    check_protocol,
    check_unique,
    is_address,
    is_fqdn,
    is_subnet,
)
from meltemi.config.rules.labels import check_workloads
from meltemi.config.rules.problem import problem, warning
from meltemi.config.rules.workload_entry import check_workload
from meltemi.config.schema.service_entry import Location, Resolution

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.finding import Finding
    from meltemi.config.resource import Metadata
    from meltemi.config.schema.service_entry import ServiceEntry, ServicePort

BY_ADDRESS: Final = (Resolution.NONE, Resolution.STATIC)
BY_NAME: Final = (Resolution.DNS, Resolution.DNS_ROUND_ROBIN)


AUTO_ALLOCATE: Final = "networking.istio.io/enable-autoallocate-ip"
MOST: Final = 256
MOST_ENDPOINTS: Final = 4096
NAMING: Final = HTTP | WITH_TLS
"""Protocols in which a connection says for which host it is."""


def check_service_entry(spec: ServiceEntry, metadata: Metadata) -> Iterator[Finding]:
    """Yield what Istio's ValidateServiceEntry says."""
    yield from check_count("spec.hosts", spec.hosts, MOST)
    yield from check_count("spec.addresses", spec.addresses, MOST)
    yield from check_count("spec.ports", spec.ports, MOST)
    yield from check_count("spec.endpoints", spec.endpoints, MOST_ENDPOINTS)
    yield from _check_hosts(spec)
    yield from _check_ports(spec)
    yield from _check_protocols(spec, metadata)
    yield from _check_shared_address(spec)
    for index, address in enumerate(spec.addresses):
        if not is_subnet(address):
            message = f"{address!r} is neither an IP address nor a CIDR range"
            yield problem(f"spec.addresses[{index}]", message)
        elif "/" in address and spec.resolution not in (None, *BY_ADDRESS):
            message = f"a CIDR range needs resolution NONE or STATIC, got {address!r}"
            yield problem(f"spec.addresses[{index}]", message)
    yield from _check_endpoints(spec)
    yield from _check_resolution(spec)
    yield from check_export_to(
        "spec.exportTo", spec.export_to, metadata.namespace, nobody=True
    )


def _check_hosts(spec: ServiceEntry) -> Iterator[Finding]:
    if not spec.hosts:
        yield problem("spec.hosts", "at least one host is required")
    for index, host in enumerate(spec.hosts):
        path = f"spec.hosts[{index}]"
        if host == "*":
            yield problem(path, "may not be '*'", "write *.NAME")
        else:
            yield from check_host(path, host)
            if host.startswith("*") and not host.startswith("*."):
                hint = f"write *.{host.removeprefix('*')}"
                yield warning(path, f"partial wildcard {host!r} has no effect", hint)
            if spec.resolution is Resolution.DYNAMIC_DNS and not host.startswith("*."):
                yield problem(path, "DYNAMIC_DNS is for wildcard hosts", "use DNS")


def _check_ports(spec: ServiceEntry) -> Iterator[Finding]:
    for index, port in enumerate(spec.ports):
        path = f"spec.ports[{index}]"
        yield from check_port(f"{path}.number", port.number)
        yield from check_port(f"{path}.targetPort", port.target_port or None)
        yield from check_port_name(f"{path}.name", port.name)
        yield from check_protocol(f"{path}.protocol", port.protocol)
    named = ((f"spec.ports[{i}].name", p.name) for i, p in enumerate(spec.ports))
    yield from check_unique(named, "port name")
    numbers = ((f"spec.ports[{i}].number", p.number) for i, p in enumerate(spec.ports))
    yield from check_unique(numbers, "port number")


def _check_protocols(spec: ServiceEntry, metadata: Metadata) -> Iterator[Finding]:
    resolution = spec.resolution or Resolution.NONE
    allocated = (
        resolution is not Resolution.NONE
        and metadata.labels.get(AUTO_ALLOCATE, "").lower() != "false"
    )
    for index, port in enumerate(spec.ports):
        path = f"spec.ports[{index}].protocol"
        if not (spec.addresses or allocated or port.protocol not in (None, "", "TCP")):
            message = (
                "without addresses, TCP for this host cannot be told from other TCP"
            )
            yield warning(path, message, "add addresses")
        if _names_its_host(port):
            continue
        if resolution is Resolution.DYNAMIC_DNS:
            message = "DYNAMIC_DNS needs a protocol that names the host"
            yield problem(path, message, "use HTTP, GRPC, HTTPS or TLS")
        elif len(spec.hosts) > 1 and resolution is not Resolution.NONE:
            message = "several hosts need a protocol that names the host"
            yield problem(path, message, "use one host, or HTTP, HTTPS or TLS")


def _check_shared_address(spec: ServiceEntry) -> Iterator[Finding]:
    """Yield a warning where several hosts share addresses without HTTP to tell them."""
    if spec.resolution in BY_NAME and spec.addresses and len(spec.hosts) > 1:
        for index, port in enumerate(spec.ports):
            if (port.protocol or "").upper() not in (*HTTP, "UDP"):
                message = "several hosts share the addresses: TCP takes them for one"
                yield warning(f"spec.ports[{index}].protocol", message)


def _names_its_host(port: ServicePort) -> bool:
    return (port.protocol or "").upper() in NAMING


def _check_endpoints(spec: ServiceEntry) -> Iterator[Finding]:
    effect = "selects every workload of the namespace"
    yield from check_workloads("spec.workloadSelector", spec.workload_selector, effect)
    if spec.workload_selector and spec.endpoints:
        hint = "list the endpoints or select them"
        yield problem("spec.endpoints", "not together with workloadSelector", hint)
    names = {port.name for port in spec.ports}
    for index, endpoint in enumerate(spec.endpoints):
        path = f"spec.endpoints[{index}]"
        yield from check_workload(path, endpoint)
        for name in endpoint.ports:
            if name not in names:
                here = f'{path}.ports["{name}"]'
                hint = f"the ports are: {', '.join(sorted(names))}"
                yield problem(here, f"no port of this service is called {name!r}", hint)


def _check_resolution(spec: ServiceEntry) -> Iterator[Finding]:
    resolution = spec.resolution or Resolution.NONE
    external = spec.location is not Location.MESH_INTERNAL
    if resolution in (Resolution.NONE, Resolution.DYNAMIC_DNS) and spec.endpoints:
        yield problem("spec.endpoints", f"resolution {resolution} takes no endpoints")
    if resolution is Resolution.NONE and spec.workload_selector is not None:
        message = "has no effect with resolution NONE"
        yield warning("spec.workloadSelector", message, "use resolution STATIC")
    if resolution is Resolution.DYNAMIC_DNS and spec.workload_selector is not None:
        yield problem("spec.workloadSelector", "DYNAMIC_DNS selects no workloads")
    if resolution is Resolution.DYNAMIC_DNS and not external:
        yield problem("spec.location", "DYNAMIC_DNS needs MESH_EXTERNAL")
    if resolution is Resolution.DNS_ROUND_ROBIN and len(spec.endpoints) > 1:
        message = "DNS_ROUND_ROBIN takes one endpoint"
        yield problem("spec.endpoints[1]", message, "use resolution DNS")
    yield from _check_addresses(spec, resolution)
    if resolution in BY_NAME and not spec.endpoints and not spec.workload_selector:
        for index, host in enumerate(spec.hosts):
            if not is_fqdn(host):
                message = f"resolution {resolution} cannot look up a wildcard"
                hint = "list endpoints, or use NONE or DYNAMIC_DNS"
                yield problem(f"spec.hosts[{index}]", message, hint)


def _check_addresses(spec: ServiceEntry, resolution: Resolution) -> Iterator[Finding]:
    for index, endpoint in enumerate(spec.endpoints):
        path = f"spec.endpoints[{index}].address"
        address = endpoint.address or ""
        if address.startswith(UNIX) and len(spec.ports) > 1:
            yield problem(path, "a Unix socket is one port, the service has several")
        if resolution in BY_NAME and address.startswith(UNIX):
            yield problem(path, f"resolution {resolution} takes no Unix socket")
        if resolution is Resolution.STATIC and address and not _is_static(address):
            message = f"resolution STATIC needs an IP address, got {address!r}"
            yield problem(path, message, "use resolution DNS for names")


def _is_static(address: str) -> bool:
    return is_address(address) or address.startswith(UNIX)
