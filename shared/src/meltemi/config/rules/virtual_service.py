"""What must hold for a VirtualService."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.config.rules.header import is_claim
from meltemi.config.rules.hosts import (
    SNI_CLUSTER,
    check_export_to,
    check_host,
    check_port,
    check_unique,
    is_address,
    is_subnet,
)
from meltemi.config.rules.http_route import (
    check_destination,
    check_gateways,
    check_http_route,
    check_namespace,
)
from meltemi.config.rules.labels import check_label_set
from meltemi.config.rules.overlap import check_overlap
from meltemi.config.rules.problem import problem, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.finding import Finding
    from meltemi.config.resource import Metadata
    from meltemi.config.schema.virtual_service import (
        L4MatchAttributes,
        RouteDestination,
        TCPRoute,
        TLSMatchAttributes,
        TLSRoute,
        VirtualService,
    )


def check_virtual_service(
    spec: VirtualService, metadata: Metadata
) -> Iterator[Finding]:
    """Yield what Istio's ValidateVirtualService says."""
    delegate = not spec.hosts
    if delegate and spec.gateways:
        message = "a VirtualService without hosts is a delegate and has no gateways"
        yield problem("spec.gateways", message, "add hosts, or remove gateways")
    if delegate and (spec.tcp or spec.tls):
        yield problem("spec", "a delegate (without hosts) may hold only http routes")
    yield from _check_hosts(spec)
    yield from check_gateways("spec.gateways", spec.gateways)
    if not (spec.http or spec.tls or spec.tcp):
        yield problem("spec", "at least one of http, tls and tcp is required")
    for index, http in enumerate(spec.http):
        yield from check_http_route(f"spec.http[{index}]", http, delegate=delegate)
    if in_mesh(spec):
        yield from _check_claims(spec)
    for index, tls in enumerate(spec.tls):
        yield from _check_tls(f"spec.tls[{index}]", tls, spec)
    for index, tcp in enumerate(spec.tcp):
        yield from _check_tcp(f"spec.tcp[{index}]", tcp)
    yield from check_export_to("spec.exportTo", spec.export_to, metadata.namespace)
    yield from check_overlap(spec.http, spec.tls, spec.tcp)


def in_mesh(spec: VirtualService) -> bool:
    """Tell whether sidecars follow ``spec``, beside gateways or without them."""
    return not spec.gateways or "mesh" in spec.gateways


def _check_hosts(spec: VirtualService) -> Iterator[Finding]:
    by_name = any(match.sni_hosts for route in spec.tls for match in route.match)
    for index, host in enumerate(spec.hosts):
        path = f"spec.hosts[{index}]"
        if host == "*" and in_mesh(spec):
            hint = "write a host, or bind the VirtualService to gateways only"
            yield problem(path, "'*' is not allowed for traffic within the mesh", hint)
        elif not in_mesh(spec) and by_name and SNI_CLUSTER.fullmatch(host):
            continue
        elif not is_address(host):
            yield from check_host(path, host)
    named = ((f"spec.hosts[{i}]", host) for i, host in enumerate(spec.hosts))
    yield from check_unique(named, "host")
    patterns = frozenset(spec.hosts)
    for index, host in enumerate(spec.hosts):
        wider = covering(patterns, host, itself=False)
        if wider is not None:
            message = f"host {host!r} is one of {wider!r}"
            yield problem(f"spec.hosts[{index}]", message, "remove one of them")


def _check_claims(spec: VirtualService) -> Iterator[Finding]:
    for number, route in enumerate(spec.http):
        for index, match in enumerate(route.match):
            for name in (*match.headers, *match.without_headers):
                if is_claim(name):
                    path = f"spec.http[{number}].match[{index}].headers"
                    message = f"{name!r}: only gateways route by claims"
                    yield problem(path, message, "bind it to gateways only")


def _check_tls(path: str, route: TLSRoute, spec: VirtualService) -> Iterator[Finding]:
    hosts = frozenset(spec.hosts)
    if not route.match:
        yield problem(f"{path}.match", "a tls route needs at least one match")
    for index, match in enumerate(route.match):
        here = f"{path}.match[{index}]"
        if not match.sni_hosts:
            yield problem(f"{here}.sniHosts", "at least one host is required")
        for position, sni in enumerate(match.sni_hosts):
            at = f"{here}.sniHosts[{position}]"
            yield from _check_sni(at, sni, spec, hosts)
        yield from _check_attributes(here, match)
    yield from _check_route(path, route.route)


def _check_tcp(path: str, route: TCPRoute) -> Iterator[Finding]:
    for index, match in enumerate(route.match):
        here = f"{path}.match[{index}]"
        yield from _check_attributes(here, match)
    yield from _check_route(path, route.route)


def _check_sni(
    path: str, sni: str, spec: VirtualService, hosts: frozenset[str]
) -> Iterator[Finding]:
    if is_address(sni):
        message = f"{sni!r}: clients send no address as server name (RFC 6066)"
        yield warning(path, message, "write a host")
        return
    named = spec.gateways and "mesh" in spec.gateways
    if named or not SNI_CLUSTER.fullmatch(sni):
        yield from check_host(path, sni)
    if covering(hosts, sni) is None:
        message = f"{sni!r} is not within the hosts of this VirtualService"
        yield problem(path, message, f"hosts: {', '.join(spec.hosts)}")


def _check_attributes(
    path: str, match: L4MatchAttributes | TLSMatchAttributes
) -> Iterator[Finding]:
    yield from check_port(f"{path}.port", match.port or None)
    yield from check_label_set(f"{path}.sourceLabels", match.source_labels)
    yield from check_gateways(f"{path}.gateways", match.gateways)
    yield from check_namespace(f"{path}.sourceNamespace", match.source_namespace)
    for index, subnet in enumerate(match.destination_subnets):
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


def covering(patterns: frozenset[str], host: str, *, itself: bool = True) -> str | None:
    """Return the widest of ``patterns`` that includes ``host``, if one does.

    ``host`` may be a pattern; ``itself`` tells whether being among them counts. The
    work grows with the length of the host, not with the number of patterns.
    """
    bare = host.removeprefix("*")
    for start in range(len(bare), -1, -1):
        pattern = f"*{bare[start:]}"
        if pattern in patterns and (itself or pattern != host):
            return pattern
    return host if itself and host in patterns else None
