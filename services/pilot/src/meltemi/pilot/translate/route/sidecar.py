"""What a sidecar does with requests that leave: a route table a port.

Source: pilot/pkg/networking/core/httproute.go buildSidecarOutboundHTTPRouteConfig.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from meltemi.config.schema.mesh_config import MeshOutboundMode
from meltemi.pilot import ir
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
    from collections.abc import Iterator, Sequence

    from meltemi.pilot.model.service import Service
    from meltemi.pilot.scope.proxy import ProxyClass
    from meltemi.pilot.scope.scope import Scope
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
    every = _places(group, asked, found)
    if not asked.only:
        return tuple(sorted(every, key=lambda each: each.name))
    wanted = f"{asked.only}:{asked.port}"
    return tuple(
        Place(each.name, ("*",), each.wrapper) for each in every if each.name == wanted
    )


def _places(
    group: ProxyClass, asked: Asked, found: Sequence[Wrapper]
) -> Iterator[Place]:
    taken = Taken(
        frozenset(
            known
            for each in found
            for service in each.services
            for known in (service.host, f"{service.host}:{each.port}")
        )
    )
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
            free = _domains(group, asked, wrapper.port, (host, service), taken)
            if free:
                yield Place(label, free, number)


def _domains(
    group: ProxyClass,
    asked: Asked,
    port: int,
    place: tuple[str, Service | None],
    taken: Taken,
) -> tuple[str, ...]:
    """Return the domains that a host has and nobody before it."""
    host, service = place
    wanted = service_domains(group, service) if service else literal_domains(host)
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
