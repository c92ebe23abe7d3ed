"""All changes to what a class of proxies holds, and how often each of them matched.

A change that cannot be made leaves everything as it was, and is told of: it must not
cost a proxy its configuration.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.base_pb2 import TrafficDirection
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_pb2 import RouteConfiguration

from meltemi.pilot.emit.patch.cluster import change_cluster, is_cluster, new_cluster
from meltemi.pilot.emit.patch.listener import OF_TABLES, change_listener, is_listener
from meltemi.pilot.emit.patch.route import change_table
from meltemi.pilot.emit.patch.value import UnreadableValueError, read
from meltemi.pilot.ir.patch import Change, Context, Part
from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    from collections.abc import Iterable

    from google.protobuf.message import Message

    from meltemi.pilot.ir.origin import Origin, Origins
    from meltemi.pilot.ir.patch import Patch

Item = tuple[TypeUrl, str, "Message", "Origins"]
"""Type, name, message and origins of a resource."""


@dataclass(slots=True)
class Patched:
    """What came of the changes.

    Attributes:
        items: The resources, with the changes made.
        matches: How often each change matched.
        problems: Why a change could not be made.

    """

    items: list[Item]
    matches: dict[Origin, int] = field(default_factory=dict["Origin", int])
    problems: dict[Origin, str] = field(default_factory=dict["Origin", str])


def patched(
    items: Iterable[Item], patches: Iterable[Patch], *, gateway: bool
) -> Patched:
    """Return ``items`` after ``patches``, in order."""
    result = Patched(list(items))
    for patch in patches:
        try:
            result.items, count = _after(result.items, patch, gateway=gateway)
        except UnreadableValueError as error:
            result.problems[patch.origin], count = str(error), 0
        result.matches[patch.origin] = count
    return result


def _after(items: list[Item], patch: Patch, *, gateway: bool) -> tuple[list[Item], int]:
    if patch.change is Change.ADD and patch.part in (Part.CLUSTER, Part.LISTENER):
        added = _added(patch, gateway=gateway)
        return ([*items, added], 1) if added else (items, 0)
    count, kept = 0, []
    for item in items:
        changed, found = _changed(item, patch, gateway=gateway)
        count += found
        if changed is not None:
            kept.append(changed)
    return kept, count


def _added(patch: Patch, *, gateway: bool) -> Item | None:
    """Return a whole new resource; for any context it is one of what leaves."""
    wanted = (Context.ANY, Context.GATEWAY) if gateway else tuple(Context)
    if patch.context not in wanted or (
        not gateway and patch.context is Context.GATEWAY
    ):
        return None
    if patch.part is Part.CLUSTER:
        cluster = new_cluster(patch)
        return TypeUrl.CLUSTER, cluster.name, cluster, (patch.origin,)
    listener = read(patch, Listener)
    return TypeUrl.LISTENER, listener.name, listener, (patch.origin,)


def _changed(item: Item, patch: Patch, *, gateway: bool) -> tuple[Item | None, int]:
    url, name, message, origins = item
    context = Context.GATEWAY if gateway else _context(message)
    if patch.context not in (Context.ANY, context):
        return item, 0
    count = 0
    if isinstance(message, Cluster) and patch.part is Part.CLUSTER:
        if not is_cluster(message, patch.cluster):
            return item, 0
        if change_cluster(message, patch) is None:
            return None, 1
        count = 1
    elif isinstance(message, Listener) and patch.part is not Part.CLUSTER:
        removes = patch.part is Part.LISTENER and patch.change is Change.REMOVE
        if removes:
            meant = is_listener(message, patch.listener, whole=True)
            return (None, 1) if meant else (item, 0)
        count = change_listener(message, patch, context)
    elif isinstance(message, RouteConfiguration) and patch.part in OF_TABLES:
        count = change_table(message, patch, context)
    if count:
        return (url, name, message, (*origins, patch.origin)), count
    return item, 0


def _context(message: Message) -> Context:
    """Return which way the traffic of a sidecar's resource flows."""
    inbound = False
    if isinstance(message, Cluster):
        inbound = message.name.startswith(("inbound|", "Inbound"))
    elif isinstance(message, Listener):
        inbound = message.traffic_direction == TrafficDirection.INBOUND
    return Context.INBOUND if inbound else Context.OUTBOUND
