"""Everything one class of proxies is to hold, as versioned bytes."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from meltemi.kernel.digest import content_version
from meltemi.pilot import emit
from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from google.protobuf.message import Message

    from meltemi.kernel.names import Revision
    from meltemi.pilot import ir


@dataclass(frozen=True, slots=True)
class Stored:
    """One serialised resource: made once, sent to every proxy of the class.

    ``version`` is the hash of ``body``, so equal content is equal on every Pilot and
    a proxy that moves between Pilots is sent only what differs.
    """

    version: str
    body: bytes
    origins: ir.Origins


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The resources of one class at one revision, by type and name."""

    revision: Revision
    resources: Mapping[TypeUrl, Mapping[str, Stored]]
    versions: Mapping[TypeUrl, Mapping[str, str]]


def snapshot(made: ir.Resources, *, revision: Revision, log_path: str) -> Snapshot:
    """Return ``made`` as bytes; access logs go to ``log_path`` (empty: nowhere)."""
    resources: dict[TypeUrl, dict[str, Stored]] = {kind: {} for kind in TypeUrl}
    for kind, name, message, origins in _emitted(made, log_path):
        body = emit.serialized(message)
        resources[kind][name] = Stored(content_version(body), body, origins)
    return Snapshot(
        revision=revision,
        resources=MappingProxyType(resources),
        versions=MappingProxyType(
            {
                kind: {name: stored.version for name, stored in named.items()}
                for kind, named in resources.items()
            }
        ),
    )


def _emitted(
    made: ir.Resources, log_path: str
) -> Iterator[tuple[TypeUrl, str, Message, ir.Origins]]:
    for each in made.clusters:
        yield TypeUrl.CLUSTER, each.name, emit.cluster(each), each.origins
    for members in made.assignments:
        message = emit.assignment(members)
        yield TypeUrl.ENDPOINT, members.cluster, message, members.origins
    for listener in made.listeners:
        emitted = emit.listener(listener, log_path=log_path)
        yield TypeUrl.LISTENER, listener.name, emitted, listener.origins
    for table in made.routes:
        yield TypeUrl.ROUTE, table.name, emit.route_table(table), table.origins
