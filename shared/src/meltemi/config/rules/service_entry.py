"""What must hold for a ServiceEntry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meltemi.config.rules.hosts import (
    PORT_NAME,
    check_export_to,
    check_host,
    check_labels,
    check_port,
    check_unique,
    is_address,
    is_subnet,
)
from meltemi.config.rules.problem import problem
from meltemi.config.rules.workload_entry import UNIX, check_workload
from meltemi.config.schema.service_entry import Location, Resolution

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.finding import Finding
    from meltemi.config.schema.service_entry import ServiceEntry

BY_ADDRESS: Final = (Resolution.NONE, Resolution.STATIC)
BY_NAME: Final = (Resolution.DNS, Resolution.DNS_ROUND_ROBIN)


def check_service_entry(spec: ServiceEntry) -> Iterator[Finding]:
    """Yield what Istio's ValidateServiceEntry refuses."""
    yield from _check_hosts(spec)
    yield from _check_ports(spec)
    for index, address in enumerate(spec.addresses):
        if not is_subnet(address):
            message = f"{address!r} is neither an IP address nor a CIDR range"
            yield problem(f"spec.addresses[{index}]", message)
        elif "/" in address and spec.resolution not in (None, *BY_ADDRESS):
            message = f"a CIDR range needs resolution NONE or STATIC, got {address!r}"
            yield problem(f"spec.addresses[{index}]", message)
    yield from _check_endpoints(spec)
    yield from _check_resolution(spec)
    yield from check_export_to("spec.exportTo", spec.export_to)


def _check_hosts(spec: ServiceEntry) -> Iterator[Finding]:
    if not spec.hosts:
        yield problem("spec.hosts", "at least one host is required")
    for index, host in enumerate(spec.hosts):
        path = f"spec.hosts[{index}]"
        if host == "*":
            yield problem(path, "may not be '*'", "write *.NAME")
        else:
            yield from check_host(path, host)
            if spec.resolution is Resolution.DYNAMIC_DNS and not host.startswith("*."):
                yield problem(path, "DYNAMIC_DNS is for wildcard hosts", "use DNS")


def _check_ports(spec: ServiceEntry) -> Iterator[Finding]:
    for index, port in enumerate(spec.ports):
        path = f"spec.ports[{index}]"
        yield from check_port(f"{path}.number", port.number)
        yield from check_port(f"{path}.targetPort", port.target_port)
        if not PORT_NAME.fullmatch(port.name):
            hint = "use letters, digits and '-', at most 63"
            yield problem(f"{path}.name", f"{port.name!r} is not a port's name", hint)
    named = ((f"spec.ports[{i}].name", p.name) for i, p in enumerate(spec.ports))
    yield from check_unique(named, "port name")
    numbers = ((f"spec.ports[{i}].number", p.number) for i, p in enumerate(spec.ports))
    yield from check_unique(numbers, "port number")


def _check_endpoints(spec: ServiceEntry) -> Iterator[Finding]:
    labels = spec.workload_selector.labels if spec.workload_selector else {}
    yield from check_labels("spec.workloadSelector.labels", labels)
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
    if resolution is Resolution.DYNAMIC_DNS and not external:
        yield problem("spec.location", "DYNAMIC_DNS needs MESH_EXTERNAL")
    if resolution is Resolution.DNS_ROUND_ROBIN and len(spec.endpoints) > 1:
        message = "DNS_ROUND_ROBIN takes one endpoint"
        yield problem("spec.endpoints[1]", message, "use resolution DNS")
    for index, endpoint in enumerate(spec.endpoints):
        path = f"spec.endpoints[{index}].address"
        address = endpoint.address or ""
        if resolution in BY_NAME and address.startswith(UNIX):
            yield problem(path, f"resolution {resolution} takes no Unix socket")
        if resolution is Resolution.STATIC and address and not _is_static(address):
            message = f"resolution STATIC needs an IP address, got {address!r}"
            yield problem(path, message, "use resolution DNS for names")
    if resolution in BY_NAME and not spec.endpoints and not spec.workload_selector:
        for index, host in enumerate(spec.hosts):
            if host.startswith("*"):
                message = f"resolution {resolution} cannot look up a wildcard"
                hint = "list endpoints, or use NONE or DYNAMIC_DNS"
                yield problem(f"spec.hosts[{index}]", message, hint)


def _is_static(address: str) -> bool:
    return is_address(address) or address.startswith(UNIX)
