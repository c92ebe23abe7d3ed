"""What a sidecar does with requests that leave: a route table a port.

Source: pilot/pkg/networking/core/httproute.go buildSidecarOutboundHTTPRouteConfig.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from meltemi.config.schema.mesh_config import MeshOutboundMode
from meltemi.pilot import ir
from meltemi.pilot.model.host import SERVICES, namespace_of
from meltemi.pilot.translate import name
from meltemi.pilot.translate.listener.virtual_outbound import allowed, unknown_cluster
from meltemi.pilot.translate.route.domains import (
    Taken,
    literal_domains,
    service_domains,
    with_port,
)
from meltemi.pilot.translate.route.wrapper import HTTP_PORT, Anew, wrappers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from meltemi.pilot.model.service import Service
    from meltemi.pilot.scope.proxy import ProxyClass
    from meltemi.pilot.scope.scope import Scope
    from meltemi.pilot.translate.route.domains import Domains
    from meltemi.pilot.translate.route.wrapper import Asked, Wrapper

ALLOW_ANY: Final = "allow_any"
ALLOW_ANY_DYNAMIC: Final = "allow_any_dynamic_dns"
BLOCK_ALL: Final = "block_all"
BLOCKED: Final = 502


class Place(NamedTuple):
    """What a virtual host is called and asked for by, and whose routes it has.

    ``wrapper`` is that one's number among the table's.
    """

    name: str
    domains: tuple[str, ...]
    wrapper: int


def sidecar_table(scope: Scope, asked: Asked) -> ir.RouteTable:
    """Return the route table that ``asked`` names."""
    found = tuple(wrappers(scope, asked, Anew(scope)))
    hosts = tuple(
        ir.VirtualHost(
            each.name,
            each.domains,
            found[each.wrapper].routes,
            count_attempts=scope.counts_attempts,
        )
        for each in places(scope.group, asked, found)
    )
    last = () if asked.only else (rest(scope),)
    return ir.RouteTable(asked.name, (*hosts, *last))


def places(
    group: ProxyClass, asked: Asked, found: Sequence[Wrapper]
) -> tuple[Place, ...]:
    """Return the virtual hosts of a table, in their order.

    Nothing of the wrappers' routes, nor of who answers for their services, is read.
    """
    taken = Taken(_full(found))
    every = _places(group, group.dns_domain, asked, found, taken)
    if not asked.only:
        return tuple(sorted(every, key=lambda each: each.name))
    wanted = f"{asked.only}:{asked.port}"
    return tuple(
        Place(each.name, ("*",), each.wrapper) for each in every if each.name == wanted
    )


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The virtual hosts of a table as they are called where no service is at home.

    Attributes:
        places: In their order.
        taken: Their domains, as they are compared.
        homes: By namespace the services that are called otherwise within it, each
            with its position among the places; -1: it has none.

    """

    places: tuple[Place, ...]
    taken: frozenset[str]
    homes: Mapping[str, tuple[tuple[int, Service], ...]]


def elsewhere(
    group: ProxyClass, asked: Asked, found: Sequence[Wrapper]
) -> Elsewhere | None:
    """Return what most namespaces call the virtual hosts; None: it is not worth it.

    So it is for tables of one service or of all ports, and where DNS knows of no
    namespaces.
    """
    suffix = group.dns_suffix
    if not suffix or asked.only or asked.port == 0:
        return None
    taken, nowhere = Taken(_full(found)), f"{SERVICES}{suffix}"
    every = sorted(
        _places(group, nowhere, asked, found, taken), key=lambda each: each.name
    )
    numbers = {each.name: number for number, each in enumerate(every)}
    homes: dict[str, list[tuple[int, Service]]] = {}
    for wrapper in found:
        for service in wrapper.services:
            number = numbers.get(f"{service.host}:{wrapper.port}", -1)
            for host in (service.host, *service.aliases):
                home = homes.setdefault(namespace_of(host, suffix), [])
                home.append((number, service))
    by_home = {home: tuple(each) for home, each in homes.items()}
    return Elsewhere(tuple(every), frozenset(taken.domains), by_home)


def at_home(group: ProxyClass, away: Elsewhere) -> dict[int, tuple[str, ...]] | None:
    """Return by their position the virtual hosts that ``group`` calls otherwise.

    None: its names collide with others, and all have to be looked at (`places`).
    """
    domain = group.dns_domain
    found: dict[int, tuple[str, ...]] = {}
    taken = set(away.taken)
    for number, service in away.homes.get(domain.partition(SERVICES)[0], ()):
        if number < 0 or number in found:
            return None
        wanted = service_domains(group, service, domain)
        known = {each.lower() for each in away.places[number].domains}
        more = set(wanted.keys) - known
        if not known <= set(wanted.keys) or not more.isdisjoint(taken):
            return None
        taken |= more
        found[number] = wanted.names
    return found


def _full(found: Sequence[Wrapper]) -> frozenset[str]:
    return frozenset(
        known
        for each in found
        for service in each.services
        for known in (service.host, f"{service.host}:{each.port}")
    )


def _places(
    group: ProxyClass,
    dns_domain: str,
    asked: Asked,
    found: Sequence[Wrapper],
    taken: Taken,
) -> Iterator[Place]:
    seen: set[str] = set()
    for number, wrapper in enumerate(found):
        for host, service in (
            *((each, None) for each in wrapper.hosts),
            *((each.host, each) for each in wrapper.services),
        ):
            label = f"{host}:{wrapper.port}"
            if label in seen:
                continue
            seen.add(label)
            wanted = (
                service_domains(group, service, dns_domain)
                if service
                else literal_domains(host)
            )
            free = _free(asked, wrapper.port, wanted, taken)
            if free:
                yield Place(label, free, number)


def _free(asked: Asked, port: int, wanted: Domains, taken: Taken) -> tuple[str, ...]:
    """Return the domains that a host has and nobody before it."""
    if asked.port == 0:
        wanted = with_port(wanted, port)
    free = taken.take(wanted)
    if asked.port == 0 and port != HTTP_PORT:
        return tuple(each for each in free if each.endswith(f":{port}"))
    return free


def rest(scope: Scope) -> ir.VirtualHost:
    """Return what becomes of requests for hosts that nobody described."""
    mode = allowed(scope)
    label = {
        MeshOutboundMode.ALLOW_ANY: ALLOW_ANY,
        MeshOutboundMode.ALLOW_ANY_DYNAMIC_DNS: ALLOW_ANY_DYNAMIC,
    }.get(mode, BLOCK_ALL)
    action: ir.Action = ir.Respond(BLOCKED)
    if mode is not MeshOutboundMode.REGISTRY_ONLY:
        dynamic = mode is MeshOutboundMode.ALLOW_ANY_DYNAMIC_DNS
        cluster = name.DYNAMIC_DNS if dynamic else unknown_cluster(scope)
        action = ir.Forward((ir.Target(cluster, 1),))
    route = ir.Route(label, ir.Match(), action)
    return ir.VirtualHost(label, ("*",), (route,), count_attempts=scope.counts_attempts)
