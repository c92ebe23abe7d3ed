"""What must hold for a VirtualService."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.config.rules.hosts import (
    PORT_NAME,
    check_export_to,
    check_host,
    check_port,
    check_unique,
    is_address,
    is_fqdn,
    is_subnet,
)
from meltemi.config.rules.http_route import check_destination, check_http_route
from meltemi.config.rules.problem import problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.finding import Finding
    from meltemi.config.schema.virtual_service import (
        RouteDestination,
        TCPRoute,
        TLSRoute,
        VirtualService,
    )


def check_virtual_service(spec: VirtualService) -> Iterator[Finding]:
    """Yield what Istio's ValidateVirtualService refuses."""
    delegate = not spec.hosts
    if delegate and spec.gateways:
        message = "a VirtualService without hosts is a delegate and has no gateways"
        yield problem("spec.gateways", message, "add hosts, or remove gateways")
    if delegate and (spec.tcp or spec.tls):
        yield problem("spec", "a delegate (without hosts) may hold only http routes")
    yield from _check_hosts(spec)
    yield from _check_gateways("spec.gateways", spec.gateways)
    if not (spec.http or spec.tls or spec.tcp):
        yield problem("spec", "at least one of http, tls and tcp is required")
    for index, http in enumerate(spec.http):
        yield from check_http_route(f"spec.http[{index}]", http, delegate=delegate)
    for index, tls in enumerate(spec.tls):
        yield from _check_tls(f"spec.tls[{index}]", tls, spec)
    for index, tcp in enumerate(spec.tcp):
        yield from _check_tcp(f"spec.tcp[{index}]", tcp)
    yield from check_export_to("spec.exportTo", spec.export_to)


def _check_hosts(spec: VirtualService) -> Iterator[Finding]:
    in_mesh = not spec.gateways or "mesh" in spec.gateways
    for index, host in enumerate(spec.hosts):
        path = f"spec.hosts[{index}]"
        if host == "*" and in_mesh:
            hint = "write a host, or bind the VirtualService to gateways only"
            yield problem(path, "'*' is not allowed for traffic within the mesh", hint)
        elif not is_address(host):
            yield from check_host(path, host)
    named = ((f"spec.hosts[{i}]", host) for i, host in enumerate(spec.hosts))
    yield from check_unique(named, "host")


def _check_gateways(path: str, gateways: tuple[str, ...]) -> Iterator[Finding]:
    for index, gateway in enumerate(gateways):
        namespace, slash, name = gateway.rpartition("/")
        named = all(PORT_NAME.fullmatch(label) for label in name.split("."))
        if (slash and not PORT_NAME.fullmatch(namespace)) or not named:
            hint = "write NAME, NAMESPACE/NAME or mesh"
            message = f"{gateway!r} is not a gateway's name"
            if not (not slash and is_fqdn(gateway)):
                yield problem(f"{path}[{index}]", message, hint)


def _check_tls(path: str, route: TLSRoute, spec: VirtualService) -> Iterator[Finding]:
    if not route.match:
        yield problem(f"{path}.match", "a tls route needs at least one match")
    for index, match in enumerate(route.match):
        here = f"{path}.match[{index}]"
        if not match.sni_hosts:
            yield problem(f"{here}.sniHosts", "at least one host is required")
        for position, sni in enumerate(match.sni_hosts):
            at = f"{here}.sniHosts[{position}]"
            yield from check_host(at, sni)
            if not is_address(sni) and not any(_covers(h, sni) for h in spec.hosts):
                message = f"{sni!r} is not within the hosts of this VirtualService"
                yield problem(at, message, f"hosts: {', '.join(spec.hosts)}")
        yield from check_port(f"{here}.port", match.port)
        yield from _check_subnets(here, match.destination_subnets)
        yield from _check_gateways(f"{here}.gateways", match.gateways)
    yield from _check_route(path, route.route)


def _check_tcp(path: str, route: TCPRoute) -> Iterator[Finding]:
    for index, match in enumerate(route.match):
        here = f"{path}.match[{index}]"
        yield from check_port(f"{here}.port", match.port)
        yield from _check_subnets(here, match.destination_subnets)
        yield from _check_gateways(f"{here}.gateways", match.gateways)
    yield from _check_route(path, route.route)


def _check_subnets(path: str, subnets: tuple[str, ...]) -> Iterator[Finding]:
    for index, subnet in enumerate(subnets):
        if not is_subnet(subnet):
            here = f"{path}.destinationSubnets[{index}]"
            yield problem(here, f"{subnet!r} is neither an IP address nor a CIDR range")


def _check_route(path: str, route: tuple[RouteDestination, ...]) -> Iterator[Finding]:
    if not route:
        yield problem(f"{path}.route", "a destination is required")
    for index, each in enumerate(route):
        here = f"{path}.route[{index}]"
        yield from check_destination(f"{here}.destination", each.destination)
        if each.weight is not None and each.weight < 0:
            yield problem(f"{here}.weight", f"must not be negative, got {each.weight}")
    if len(route) > 1 and not any(each.weight for each in route):
        yield problem(f"{path}.route", "the weights add up to 0", "give one a weight")


def _covers(host: str, sni: str) -> bool:
    if host.startswith("*"):
        return sni.removeprefix("*").endswith(host[1:])
    return host == sni
