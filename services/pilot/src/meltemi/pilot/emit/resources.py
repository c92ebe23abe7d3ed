"""All resources of a class, as Envoy's messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.pilot import emit
from meltemi.pilot.emit.patch.apply import Item, Patched, patched
from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.pilot import ir


def emitted(made: ir.Resources) -> Patched:
    """Return each resource as a message, after the patches a person wrote."""
    return patched(_items(made), made.patches, gateway=made.gateway)


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
