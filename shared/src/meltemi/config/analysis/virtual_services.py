"""VirtualServices: what they point at, and who else wants their hosts.

Source: pkg/config/analysis/analyzers/virtualservice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.config.analysis.remark import Level, Message, listed, quoted, remark
from meltemi.config.analysis.world import World, full_host, seen_from, subject
from meltemi.config.schema.destination_rule import DestinationRule
from meltemi.config.schema.gateway import Gateway
from meltemi.config.schema.service_entry import ServiceEntry
from meltemi.config.schema.virtual_service import VirtualService

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.analysis.remark import Remark
    from meltemi.config.resource import Resource
    from meltemi.config.schema.http_route import Destination

    Virtual = Resource[VirtualService]

MESH = "mesh"
NOT_FOUND = Message("IST0101", Level.ERROR, "Referenced %s not found: %s")
SAME_HOST = Message(
    "IST0109",
    Level.ERROR,
    "The VirtualServices %s associated with mesh gateway define the same host %s which "
    "can lead to undefined behavior. This can be fixed by merging the conflicting "
    "VirtualServices into a single resource.",
)
PORT_NEEDED = Message(
    "IST0112",
    Level.ERROR,
    "This VirtualService routes to a service %s that exposes multiple ports %s. "
    "Specifying a port in the destination is required to disambiguate.",
)
HOST_NOT_IN_GATEWAY = Message(
    "IST0132",
    Level.WARNING,
    "one or more host %s defined in VirtualService %s not found in Gateway %s.",
)
NO_EFFECT_ON_INGRESS = Message(
    "IST0140",
    Level.WARNING,
    "Subset in virtual service %s has no effect on ingress gateway %s requests",
)


def unknown_gateways(world: World) -> Iterator[Remark]:
    """Yield a remark a gateway that is not there, or serves none of the hosts."""
    gateways = {_title(each): each for each in world.of(Gateway)}
    for virtual in world.of(VirtualService):
        home = virtual.metadata.namespace
        for number, name in enumerate(virtual.spec.gateways):
            if name == MESH:
                continue
            full = name if "/" in name else f"{home}/{name}"
            path = f"spec.gateways[{number}]"
            if full not in gateways and full not in world.kubernetes_gateways:
                yield remark(
                    NOT_FOUND, subject(virtual), "gateway", quoted(name), path=path
                )
            if not _served(world, gateways.get(full), full, virtual):
                hosts = listed(virtual.spec.hosts)
                arguments = (hosts, virtual.metadata.name, full)
                yield remark(
                    HOST_NOT_IN_GATEWAY, subject(virtual), *arguments, path=path
                )


def same_hosts(world: World) -> Iterator[Remark]:
    """Yield a remark a VirtualService for whose host another speaks, too."""
    claims: dict[tuple[str, str], list[Virtual]] = {}
    for virtual in world.of(VirtualService):
        if MESH not in (virtual.spec.gateways or (MESH,)):
            continue
        home = virtual.metadata.namespace
        for host in virtual.spec.hosts:
            for scope in sorted(seen_from(virtual.spec.export_to, home)):
                claim = (scope, full_host(host, home))
                claims.setdefault(claim, []).append(virtual)
    found: dict[int, tuple[Virtual, list[str], list[str]]] = {}
    for (scope, host), own in claims.items():
        rivals = _rivals(claims, scope, host, own)
        if len(rivals) < 2:  # noqa: PLR2004 - a conflict takes two
            continue
        for virtual in own:
            _, names, hosts = found.setdefault(id(virtual), (virtual, [], []))
            names += [_title(each) for each in rivals]
            hosts.append(host)
    for virtual, names, hosts in found.values():
        words = (",".join(dict.fromkeys(names)), ",".join(dict.fromkeys(hosts)))
        yield remark(SAME_HOST, subject(virtual), *words, path="spec.hosts")


def unknown_destinations(world: World) -> Iterator[Remark]:
    """Yield a remark a destination that is not there, or not to be told apart."""
    hosts = world.hosts()
    ports = _ports(world)
    for virtual in world.of(VirtualService):
        home = virtual.metadata.namespace
        for path, destination in destinations(virtual.spec):
            host = full_host(destination.host, home)
            known = next((each for each in hosts if _covers(each, host)), None)
            if known is None or not hosts[known] & {"*", home}:
                yield remark(
                    NOT_FOUND,
                    subject(virtual),
                    "host",
                    quoted(destination.host),
                    path=f"{path}.host",
                )
                continue
            several = ports.get(known, ())
            named = destination.port and destination.port.number
            if len(several) > 1 and not named:
                yield remark(
                    PORT_NEEDED,
                    subject(virtual),
                    destination.host,
                    listed(list(several)),
                    path=path,
                )


def unknown_subsets(world: World) -> Iterator[Remark]:
    """Yield a remark a subset that no DestinationRule of the host defines."""
    defined = {
        (full_host(rule.spec.host, rule.metadata.namespace), subset.name)
        for rule in world.of(DestinationRule)
        for subset in rule.spec.subsets
    }
    for virtual in world.of(VirtualService):
        for path, destination in destinations(virtual.spec):
            if not destination.subset:
                continue
            host = full_host(destination.host, virtual.metadata.namespace)
            found = any(
                _covers(pattern, host) and name == destination.subset
                for pattern, name in defined
            )
            if not found:
                what = quoted(f"{destination.host}+{destination.subset}")
                reference = "host+subset in destinationrule"
                yield remark(
                    NOT_FOUND,
                    subject(virtual),
                    reference,
                    what,
                    path=f"{path}.subset",
                )


def routes_without_effect_on_ingress(world: World) -> Iterator[Remark]:
    """Yield a remark a route of a gateway to a host that the mesh routes by subset.

    The rules of another VirtualService for that host hold for callers in the mesh. A
    gateway that names the host without a subset passes them by.
    """
    split = _split_hosts(world)
    for virtual in world.of(VirtualService):
        if MESH in (virtual.spec.gateways or (MESH,)):
            continue
        home = virtual.metadata.namespace
        for path, destination in destinations(virtual.spec):
            host = full_host(destination.host, home)
            for other in split.get(host, ()):
                if other is not virtual and not destination.subset:
                    names = (_title(other), _title(virtual))
                    yield remark(
                        NO_EFFECT_ON_INGRESS, subject(virtual), *names, path=path
                    )


def destinations(spec: VirtualService) -> Iterator[tuple[str, Destination]]:
    """Yield every destination of a VirtualService with its field path."""
    for number, rule in enumerate(spec.http):
        base = f"spec.http[{number}]"
        for place, route in enumerate(rule.route):
            yield f"{base}.route[{place}].destination", route.destination
        if rule.mirror:
            yield f"{base}.mirror", rule.mirror
        for place, mirror in enumerate(rule.mirrors):
            yield f"{base}.mirrors[{place}].destination", mirror.destination
    connections = [
        *((f"spec.tcp[{number}]", each.route) for number, each in enumerate(spec.tcp)),
        *((f"spec.tls[{number}]", each.route) for number, each in enumerate(spec.tls)),
    ]
    for base, targets in connections:
        for place, target in enumerate(targets):
            yield f"{base}.route[{place}].destination", target.destination


def _served(
    world: World, gateway: Resource[Gateway] | None, full: str, virtual: Virtual
) -> bool:
    """Tell whether the gateway listens for one of the hosts of ``virtual``."""
    patterns = list(world.kubernetes_gateways.get(full, ()))
    home = virtual.metadata.namespace
    for server in gateway.spec.servers if gateway else ():
        for written in server.hosts:
            scope, slash, host = written.rpartition("/")
            owner = gateway.metadata.namespace if gateway else ""
            allowed = owner if scope == "." else scope
            if not slash or allowed in ("*", home):
                patterns.append(host)
    return any(
        _covers(pattern, host) or _covers(host, pattern)
        for pattern in patterns
        for host in virtual.spec.hosts
    )


def _rivals(
    claims: dict[tuple[str, str], list[Virtual]],
    scope: str,
    host: str,
    own: list[Virtual],
) -> list[Virtual]:
    """Return who claims ``host`` where ``scope`` can see it."""
    found = list(own)
    for (other, wanted), virtuals in claims.items():
        if (other, wanted) == (scope, host):
            continue
        if ("*" in (scope, other) and wanted == host) or (
            scope != other and "*" in (scope, other) and _nested(wanted, host)
        ):
            found += virtuals
    return list({id(each): each for each in found}.values())


def _nested(one: str, other: str) -> bool:
    """Tell whether one of two wildcard hosts includes the other."""
    if not (one.startswith("*") and other.startswith("*")):
        return False
    return one[1:].endswith(other[1:]) or other[1:].endswith(one[1:])


def _split_hosts(world: World) -> dict[str, list[Virtual]]:
    """Return the hosts that some VirtualService of the mesh splits into subsets."""
    found: dict[str, list[Virtual]] = {}
    for virtual in world.of(VirtualService):
        if MESH not in (virtual.spec.gateways or (MESH,)):
            continue
        home = virtual.metadata.namespace
        if any(destination.subset for _, destination in destinations(virtual.spec)):
            for host in virtual.spec.hosts:
                found.setdefault(full_host(host, home), []).append(virtual)
    return found


def _ports(world: World) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for service in world.services:
        metadata = service.metadata
        host = full_host(metadata.name, metadata.namespace)
        found[host] = tuple(port.port for port in service.spec.ports)
    for entry in world.of(ServiceEntry):
        for host in entry.spec.hosts:
            found[host] = tuple(port.number for port in entry.spec.ports)
    return found


def _covers(pattern: str, host: str) -> bool:
    if pattern.startswith("*"):
        return host.endswith(pattern[1:])
    return pattern == host


def _title(resource: Resource[VirtualService] | Resource[Gateway]) -> str:
    return f"{resource.metadata.namespace}/{resource.metadata.name}"
