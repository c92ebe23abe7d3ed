"""All resources of a class, as Envoy's messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.pilot import emit
from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.message import Message

    from meltemi.pilot import ir


def emitted(
    made: ir.Resources,
) -> Iterator[tuple[TypeUrl, str, Message, ir.Origins]]:
    """Yield each resource: its type, name, message, and where it comes from."""
    for each in made.clusters:
        yield TypeUrl.CLUSTER, each.name, emit.cluster(each), each.origins
    for members in made.assignments:
        message = emit.assignment(members)
        yield TypeUrl.ENDPOINT, members.cluster, message, members.origins
    for listener in made.listeners:
        emitted = emit.listener(listener)
        yield TypeUrl.LISTENER, listener.name, emitted, listener.origins
    for table in made.routes:
        yield TypeUrl.ROUTE, table.name, emit.route_table(table), table.origins
