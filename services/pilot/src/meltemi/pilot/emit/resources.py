"""All resources of a class, as Envoy's messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envoy.config.route.v3.route_pb2 import RouteConfiguration

from meltemi.pilot import emit, ir
from meltemi.pilot.emit.patch.apply import Item, Patched, patched
from meltemi.pilot.emit.virtual_host import bare, hosts_of
from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


def emitted(made: ir.Resources) -> Patched:
    """Return each resource as a message, after the patches a person wrote."""
    result = patched(_items(made), made.patches, gateway=made.gateway)
    if made.hosts_apart:
        behind = {
            (table.name, host.name): ir.origins_of(host.routes)
            for table in made.routes
            for host in table.hosts
        }
        result.items = list(apart(result.items, behind))
    return result


def apart(
    items: Iterable[Item], behind: Mapping[tuple[str, str], ir.Origins]
) -> Iterator[Item]:
    """Yield ``items``, the virtual hosts of tables as resources of their own.

    A table without any stays as it is: Envoy would wait for the first.

    Args:
        items: With whole tables.
        behind: By table and name of the virtual host what its routes come from.

    """
    for kind, name, message, origins in items:
        if not isinstance(message, RouteConfiguration) or not message.virtual_hosts:
            yield kind, name, message, origins
            continue
        yield kind, name, bare(message), ()
        by_hand = tuple(each for each in origins if each.kind == "EnvoyFilter")
        for short, host in hosts_of(message):
            own = (*behind.get((name, short), ()), *by_hand)
            yield TypeUrl.VIRTUAL_HOST, host.name, host, own


def _items(made: ir.Resources) -> Iterator[Item]:
    for each in made.clusters:
        yield TypeUrl.CLUSTER, each.name, emit.cluster(each), each.origins
    for members in made.assignments:
        message = emit.assignment(members)
        yield TypeUrl.ENDPOINT, members.cluster, message, members.origins
    for listener in made.listeners:
        heard = emit.listener(listener)
        yield TypeUrl.LISTENER, listener.name, heard, listener.origins
    for table in made.routes:
        yield TypeUrl.ROUTE, table.name, emit.route_table(table), table.origins
    for told in made.extensions:
        yield TypeUrl.EXTENSION, told.made.name, emit.extension(told), told.origins
    for served in made.secrets:
        yield TypeUrl.SECRET, served.name, emit.secret(served), served.origins
