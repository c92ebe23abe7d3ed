"""All changes to what a class of proxies holds, and how often each of them matched.

A change that cannot be made leaves everything as it was, and is told of: it must not
cost a proxy its configuration.
"""

from __future__ import annotations

from collections import Counter
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
    from collections.abc import Iterable, Sequence

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

    items: list[Item] = field(default_factory=list["Item"])
    matches: Counter[Origin] = field(default_factory=Counter["Origin"])
    problems: dict[Origin, str] = field(default_factory=dict["Origin", str])

    def take(self, item: Item, patches: Iterable[Patch], *, gateway: bool) -> None:
        """Take in what ``item`` is after ``patches``, in order."""
        held: Item | None = item
        for patch in patches:
            if held is None:
                return
            try:
                held, count = _changed(held, patch, gateway=gateway)
            except UnreadableValueError as error:
                self.problems[patch.origin] = str(error)
                continue
            self.matches[patch.origin] += count
        if held is not None:
            self.items.append(held)


def patched(
    items: Iterable[Item], patches: Sequence[Patch], *, gateway: bool
) -> Patched:
    """Return ``items`` after ``patches``, in order, and what these add."""
    result = added(patches, gateway=gateway)
    result.matches.update(dict.fromkeys((each.origin for each in patches), 0))
    more, result.items = result.items, []
    for item in items:
        result.take(item, patches, gateway=gateway)
    result.items += more
    return result


def added(patches: Sequence[Patch], *, gateway: bool) -> Patched:
    """Return the resources that ``patches`` add, each after those that follow."""
    result = Patched()
    for place, patch in enumerate(patches):
        if not _adds(patch):
            continue
        try:
            item = _added(patch, gateway=gateway)
        except UnreadableValueError as error:
            result.problems[patch.origin] = str(error)
            continue
        if item is not None:
            result.matches[patch.origin] += 1
            result.take(item, patches[place + 1 :], gateway=gateway)
    return result


def concerns(kind: TypeUrl, patch: Patch) -> bool:
    """Tell whether ``patch`` can change a resource of ``kind``."""
    if _adds(patch):
        return False
    if kind is TypeUrl.LISTENER:
        return patch.part is not Part.CLUSTER
    if kind is TypeUrl.ROUTE:
        return patch.part in OF_TABLES
    return kind is TypeUrl.CLUSTER and patch.part is Part.CLUSTER


def _adds(patch: Patch) -> bool:
    return patch.change is Change.ADD and patch.part in (Part.CLUSTER, Part.LISTENER)


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
    if not concerns(url, patch) or patch.context not in (Context.ANY, context):
        return item, 0
    count = _met(message, patch, context)
    if count == 0:
        return item, 0
    if patch.change is Change.REMOVE and patch.part in (Part.CLUSTER, Part.LISTENER):
        return None, count
    return (url, name, message, (*origins, patch.origin)), count


def _met(message: Message, patch: Patch, context: Context) -> int:
    """Change ``message``, unless it is to go altogether; return how often that met."""
    whole = patch.change is Change.REMOVE
    if isinstance(message, Cluster):
        meant = is_cluster(message, patch.cluster)
        if meant and not whole:
            change_cluster(message, patch)
        return int(meant)
    if isinstance(message, Listener):
        if patch.part is Part.LISTENER and whole:
            return int(is_listener(message, patch.listener, whole=True))
        return change_listener(message, patch, context)
    if isinstance(message, RouteConfiguration):
        return change_table(message, patch, context)
    return 0


def _context(message: Message) -> Context:
    """Return which way the traffic of a sidecar's resource flows."""
    inbound = False
    if isinstance(message, Cluster):
        inbound = message.name.startswith(("inbound|", "Inbound"))
    elif isinstance(message, Listener):
        inbound = message.traffic_direction == TrafficDirection.INBOUND
    return Context.INBOUND if inbound else Context.OUTBOUND
