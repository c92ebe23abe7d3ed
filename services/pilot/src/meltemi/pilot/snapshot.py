"""Everything one class of proxies is to hold, as versioned bytes."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeVar

from envoy.config.route.v3.route_pb2 import RouteConfiguration

from meltemi.kernel.digest import content_version
from meltemi.pilot import emit
from meltemi.pilot.emit.resources import emitted
from meltemi.pilot.emit.virtual_host import bare_version
from meltemi.pilot.frames import delta_head, whole_head
from meltemi.xds.layers import layered
from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from meltemi.kernel.names import Revision
    from meltemi.pilot import ir
    from meltemi.pilot.emit.patch.apply import Item as Emitted


@dataclass(frozen=True, slots=True)
class Stored:
    """One serialised resource: made once, sent to every proxy of the class.

    ``version`` is the hash of ``body``, so equal content is equal on every Pilot and
    a proxy that moves between Pilots is sent only what differs.
    """

    version: str
    body: bytes
    origins: ir.Origins
    delta_head: bytes
    """What stands before the body in an incremental response."""
    whole_head: bytes
    """What stands before it in one of the state of the world."""


def stored(kind: TypeUrl, name: str, body: bytes, origins: ir.Origins = ()) -> Stored:
    """Return a resource as it is kept."""
    version = content_version(body)
    return as_version(kind, name, body, version, origins)


def kept(item: Emitted) -> Item:
    """Return a resource as bytes; a table tells by its version that it has no hosts."""
    kind, name, message, origins = item
    body = emit.serialized(message)
    if isinstance(message, RouteConfiguration) and message.HasField("vhds"):
        return kind, name, as_version(kind, name, body, bare_version(body), origins)
    return kind, name, stored(kind, name, body, origins)


def as_version(
    kind: TypeUrl, name: str, body: bytes, version: str, origins: ir.Origins = ()
) -> Stored:
    """Return a resource under a version that is not its content's."""
    size = len(body)
    return Stored(
        version,
        body,
        origins,
        delta_head(kind, name, version, size),
        whole_head(kind, size),
    )


V = TypeVar("V")

_Versions = Mapping[str, Mapping[str, Stored]]

Retired = Mapping[TypeUrl, _Versions]
"""By type, name and version: resources of earlier snapshots of the class."""

Versions = Mapping[TypeUrl, Mapping[str, str]]
"""By type and name."""

NOTHING_BEHIND: Final[Mapping[str, ir.Origins]] = MappingProxyType({})

NOTHING_RETIRED: Final[_Versions] = MappingProxyType({})

LARGE: Final = 1 << 16
"""Of a resource of so many bytes only the last version is kept: it is a table of routes
or a listener, of which Envoy goes on using the good one by itself."""

VERSIONS_KEPT = 4
"""Earlier versions of one resource: refused ones in a row, and the last good one."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The resources of one class at one revision, by type and name."""

    revision: Revision
    resources: Mapping[TypeUrl, Mapping[str, Stored]]
    versions: Versions
    retired: Retired = field(
        default_factory=dict[TypeUrl, "Mapping[str, Mapping[str, Stored]]"]
    )
    """What resources were before: a proxy that refuses the new is given the old."""
    unmade: Mapping[ir.Origin, str] = field(default_factory=dict["ir.Origin", str])
    """Changes of a person's own that could not be made, and why."""
    matches: Mapping[ir.Origin, int] = field(default_factory=dict["ir.Origin", int])
    """How often each change met something, where all was made at once (`snapshot`)."""
    behind: Mapping[str, ir.Origins] = field(default_factory=dict[str, "ir.Origins"])
    """By the name of a listener the services behind it that are not among its origins:
    it stays the same when one comes or goes."""

    def origins(self, kind: TypeUrl, name: str, version: str) -> ir.Origins:
        """Return what a resource at ``version`` comes from; nothing: it is unknown."""
        stored = self.resources[kind].get(name)
        if stored is None or stored.version != version:
            return ()
        more = self.behind.get(name, ()) if kind is TypeUrl.LISTENER else ()
        return (*stored.origins, *more)


@dataclass(frozen=True, slots=True)
class Followed:
    """``made`` is ``later``, which also knows what it replaces of ``earlier``.

    ``anew`` are the types in which the two differ.
    """

    earlier: Snapshot
    later: Snapshot
    made: Snapshot
    anew: frozenset[TypeUrl]


Item = tuple[TypeUrl, str, Stored]
"""Type, name and bytes of a resource."""


def items(made: ir.Resources) -> tuple[Item, ...]:
    """Return ``made``, which has no patches, as bytes."""
    return tuple(map(kept, emitted(made).items))


def of_items(
    every: Iterable[Item],
    revision: Revision,
    behind: Mapping[str, ir.Origins] = NOTHING_BEHIND,
) -> Snapshot:
    """Return the snapshot that holds ``every``; ``behind`` is its attribute."""
    resources: dict[TypeUrl, dict[str, Stored]] = {kind: {} for kind in TypeUrl}
    versions: dict[TypeUrl, dict[str, str]] = {kind: {} for kind in TypeUrl}
    for kind, name, each in every:
        resources[kind][name] = each
        versions[kind][name] = each.version
    return Snapshot(
        revision,
        MappingProxyType(resources),
        MappingProxyType(versions),
        behind=behind,
    )


def exchanged(
    before: Snapshot,
    every: Iterable[tuple[Collection[Item], Collection[Item]]],
    revision: Revision,
) -> Snapshot | None:
    """Return ``before`` with some items in place of others of the same names.

    None: there are others, or it does not have them. Of types without a difference it
    has the same mappings.
    """
    resources = dict[TypeUrl, dict[str, Stored]]()
    versions = dict[TypeUrl, dict[str, str]]()
    for old, new in every:
        if len(old) != len(new):
            return None
        for (_, _, held), (kind, name, each) in zip(old, new, strict=True):
            if before.resources[kind].get(name) != held:
                return None
            if held == each:
                continue
            if kind not in resources:
                resources[kind] = dict(before.resources[kind])
                versions[kind] = dict(before.versions[kind])
            resources[kind][name], versions[kind][name] = each, each.version
    return replace(
        before,
        revision=revision,
        resources=MappingProxyType({**before.resources, **resources}),
        versions=MappingProxyType({**before.versions, **versions}),
    )


def snapshot(made: ir.Resources, *, revision: Revision) -> Snapshot:
    """Return ``made`` as bytes."""
    patched = emitted(made)
    whole = of_items(map(kept, patched.items), revision)
    return replace(
        whole,
        unmade=MappingProxyType(patched.problems),
        matches=MappingProxyType(patched.matches),
    )


KINDS: Final = tuple(TypeUrl)


def joined(
    parts: tuple[Snapshot, ...],
    revision: Revision,
    before: Snapshot | None = None,
    anew: Collection[TypeUrl] = KINDS,
) -> Snapshot:
    """Return all that ``parts``, which have no resource in common, hold together.

    Nothing is copied. Of the types that are not ``anew`` it has the mappings that
    ``before`` has: a stream sees that it has nothing to do.
    """
    if len(parts) == 1:
        return parts[0]
    resources = dict(before.resources) if before else {}
    versions = dict(before.versions) if before else {}
    retired = dict(before.retired) if before else {}
    for kind in anew:
        having = [each for each in parts if each.resources[kind]]
        if len(having) == 1:  # by far the most: only what leaves has endpoints
            (only,) = having
            resources[kind], versions[kind] = only.resources[kind], only.versions[kind]
            retired[kind] = only.retired.get(kind, NOTHING_RETIRED)
            continue
        resources[kind] = layered([each.resources[kind] for each in having])
        versions[kind] = layered([each.versions[kind] for each in having])
        retired[kind] = layered([each.retired.get(kind, {}) for each in having])
    return Snapshot(
        revision=revision,
        resources=resources,
        versions=versions,
        retired=retired,
        unmade=_every([each.unmade for each in parts if each.unmade]),
        behind=next((each.behind for each in parts if each.behind), {}),
    )


def _every(full: list[Mapping[ir.Origin, V]]) -> Mapping[ir.Origin, V]:
    return MappingProxyType(dict(ChainMap(*map(dict, full)))) if full else {}


def following(earlier: Snapshot, later: Snapshot) -> Followed:
    """Return ``later``, which also knows what ``earlier`` had and it replaces.

    What left altogether is not kept: nobody will be given it again. Of the types in
    which nothing changed it has the mappings that ``earlier`` had.
    """
    resources, retired, anew = dict(later.resources), {}, set[TypeUrl]()
    for kind, now in later.resources.items():
        if earlier.resources[kind] == now:
            resources[kind] = earlier.resources[kind]
        else:
            anew.add(kind)
        retired[kind] = _retired(earlier, kind, now)
    made = replace(
        later,
        resources=MappingProxyType(resources),
        versions=steady(earlier.versions, later.versions),
        retired=MappingProxyType(retired),
    )
    return Followed(earlier, later, made, frozenset(anew))


def steady(earlier: Versions, later: Versions) -> Versions:
    """Return ``later``; of the types in which nothing changed, the earlier mapping.

    A stream sees at once that it has nothing to do for a mapping it knows.
    """
    same = (kind for kind in later if earlier.get(kind) == later[kind])
    return MappingProxyType({**later, **{kind: earlier[kind] for kind in same}})


def _retired(
    earlier: Snapshot, kind: TypeUrl, now: Mapping[str, Stored]
) -> Mapping[str, Mapping[str, Stored]]:
    """Return by name and version what ``now`` and its predecessors replaced."""
    last, known = earlier.resources[kind], earlier.retired.get(kind, NOTHING_RETIRED)
    kept = {name: known[name] for name in known if name in now}
    for name, stored in now.items():
        before = last.get(name)
        if before is not None and before is not stored:
            kept[name] = _replaced(kept.get(name, {}), before, stored)
    return {name: versions for name, versions in kept.items() if versions}


def _replaced(
    known: Mapping[str, Stored], last: Stored, stored: Stored
) -> Mapping[str, Stored]:
    """Return what can be sent in place of ``stored``, the newest last."""
    before = dict(known)
    if last.version != stored.version:
        before[last.version] = last
    before.pop(stored.version, None)
    most = 1 if len(stored.body) >= LARGE else VERSIONS_KEPT
    return dict(list(before.items())[-most:])
