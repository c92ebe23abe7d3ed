"""A person's own changes to Envoy's messages, made to each part of what proxies hold.

A resource is changed once for all proxies that have it and the same changes, and found
again for as long as it stays the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_pb2 import RouteConfiguration

from meltemi.kernel.fading import Fading
from meltemi.kernel.names import Revision
from meltemi.pilot import emit
from meltemi.pilot.emit.patch.apply import Patched, added, concerns
from meltemi.pilot.patched_hosts import patched_hosts
from meltemi.pilot.snapshot import kept, of_items, stored
from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.message import Message

    from meltemi.pilot.ir.origin import Origin
    from meltemi.pilot.ir.patch import Patch
    from meltemi.pilot.snapshot import Item, Snapshot, Stored

MESSAGES: Final[Mapping[TypeUrl, type[Message]]] = MappingProxyType(
    {
        TypeUrl.CLUSTER: Cluster,
        TypeUrl.LISTENER: Listener,
        TypeUrl.ROUTE: RouteConfiguration,
    }
)
"""What can be changed."""

OF_ROUTES: Final = (TypeUrl.ROUTE, TypeUrl.VIRTUAL_HOST)

Patches = tuple["Patch", ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """Changes in order, and the kind of proxy that they are made for.

    ``hosts_apart`` tells whether virtual hosts of its tables travel by themselves.
    """

    patches: Patches
    gateway: bool
    hosts_apart: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a resource is after changes, and what it was before.

    ``made`` is None where it was taken away.
    """

    before: Stored
    changes: Changes
    made: Stored | None
    problems: Mapping[Origin, str]


Part = tuple["Snapshot", Changes, "Snapshot"]
"""A part, and what it is after changes."""


@dataclass(slots=True)
class Patching:
    """Makes changes, and finds again what it made."""

    known: Fading[Changes, Changes] = field(
        default_factory=Fading["Changes", "Changes"]
    )
    """The same object for all that are equal."""
    added: Fading[int, tuple[Changes, Snapshot]] = field(
        default_factory=Fading["int", "tuple[Changes, Snapshot]"]
    )
    """By the identity of changes the resources that they add."""
    parts: Fading[tuple[int, int], Part] = field(
        default_factory=lambda: Fading["tuple[int, int]", "Part"](large=True)
    )
    resources: Fading[tuple[int, int], Outcome] = field(
        default_factory=Fading["tuple[int, int]", "Outcome"]
    )

    def of(
        self,
        parts: tuple[Snapshot, ...],
        patches: Patches,
        *,
        gateway: bool,
        hosts_apart: bool = False,
    ) -> tuple[Snapshot, ...]:
        """Return ``parts`` after ``patches``, and one more of what these add."""
        wanted = Changes(patches, gateway, hosts_apart)
        changes = self.known.get(wanted) or self.known.put(wanted, wanted)
        more = self._added(changes)
        return (*(self._part(each, changes, more) for each in parts), more)

    def turn(self) -> None:
        """Forget what nobody asked for lately."""
        for each in (self.known, self.added, self.parts, self.resources):
            each.turn()

    def _added(self, changes: Changes) -> Snapshot:
        found = self.added.get(id(changes))
        if found is None:
            came = added(changes.patches, gateway=changes.gateway)
            every = (
                (kind, name, stored(kind, name, emit.serialized(message), origins))
                for kind, name, message, origins in came.items
            )
            made = replace(
                of_items(every, Revision(0)), unmade=MappingProxyType(came.problems)
            )
            found = self.added.put(id(changes), (changes, made))
        return found[1]

    def _part(self, part: Snapshot, changes: Changes, more: Snapshot) -> Snapshot:
        """Return ``part`` after ``changes``, without what ``more`` has in its place."""
        key = (id(part), id(changes))
        found = self.parts.get(key)
        if found is None:
            items, problems = list["Item"](), dict["Origin", str]()
            apart = _hosts_apart(part, changes)
            if apart:
                patches, gateway = changes.patches, changes.gateway
                hosts = patched_hosts(part, patches, gateway=gateway)
                items += map(kept, hosts.items)
                problems.update(hosts.problems)
            for kind, named in part.resources.items():
                if apart and kind in OF_ROUTES:
                    continue
                concerned = any(concerns(kind, each) for each in changes.patches)
                for name, each in named.items():
                    if name in more.resources[kind]:
                        continue
                    if not concerned:
                        items.append((kind, name, each))
                        continue
                    came = self._resource(kind, name, each, changes)
                    problems.update(came.problems)
                    if came.made is not None:
                        items.append((kind, name, came.made))
            made = of_items(items, part.revision, part.behind)
            made = replace(made, unmade=MappingProxyType(problems))
            found = self.parts.put(key, (part, changes, made))
        return found[2]

    def _resource(
        self, kind: TypeUrl, name: str, before: Stored, changes: Changes
    ) -> Outcome:
        key = (id(before), id(changes))
        found = self.resources.get(key)
        if found is None:
            came = Patched()
            message = MESSAGES[kind].FromString(before.body)
            item = (kind, name, message, before.origins)
            came.take(item, changes.patches, gateway=changes.gateway)
            made = before if came.items else None
            if came.items and came.matches.total():
                _, _, message, origins = came.items[0]
                made = stored(kind, name, emit.serialized(message), origins)
            outcome = Outcome(before, changes, made, came.problems)
            found = self.resources.put(key, outcome)
        return found


def _hosts_apart(part: Snapshot, changes: Changes) -> bool:
    """Tell whether ``changes`` are made to tables whose hosts travel by themselves."""
    apart = bool(part.resources[TypeUrl.ROUTE]) and changes.hosts_apart
    return apart and any(concerns(TypeUrl.ROUTE, each) for each in changes.patches)
