"""ServiceEntries: addresses that a protocol needs, and protocols that disagree.

Source: pkg/config/analysis/analyzers/serviceentry.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from meltemi.config.analysis.remark import Level, Message, quoted, remark
from meltemi.config.analysis.world import World, seen_from, subject
from meltemi.config.schema.service_entry import ServiceEntry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.analysis.remark import Remark
    from meltemi.config.resource import Resource

NEEDS_ADDRESSES = Message(
    "IST0134",
    Level.WARNING,
    "ServiceEntry addresses are required for this protocol.",
)
CONFLICT = Message(
    "IST0177",
    Level.WARNING,
    "Multiple ServiceEntries (%s) define the same host %s and port %d with "
    "conflicting protocols (%s).",
)
OPAQUE = {"", "TCP"}
"""Protocols in which nothing but the address says where a connection goes."""
AUTO_ALLOCATE = ("ISTIO_META_DNS_CAPTURE", "ISTIO_META_DNS_AUTO_ALLOCATE")


def missing_addresses(world: World) -> Iterator[Remark]:
    """Yield a remark a port whose connections cannot be told from others'."""
    if _allocated_for_all(world):
        return
    for entry in world.of(ServiceEntry):
        if entry.spec.addresses or entry.key in world.allocated:
            continue
        for number, port in enumerate(entry.spec.ports):
            if (port.protocol or "").upper() in OPAQUE:
                path = f"spec.ports[{number}].protocol"
                yield remark(NEEDS_ADDRESSES, subject(entry), path=path)


def conflicting_protocols(world: World) -> Iterator[Remark]:
    """Yield a remark an entry whose port another gives another protocol."""
    ports: dict[tuple[str, int], list[tuple[Resource[ServiceEntry], str]]] = {}
    for entry in world.of(ServiceEntry):
        for host in entry.spec.hosts:
            for port in entry.spec.ports:
                said = (port.protocol or "").upper()
                ports.setdefault((host, port.number), []).append((entry, said))
    for (host, number), claims in ports.items():
        clashing = [pair for pair in combinations(claims, 2) if _clash(*pair)]
        found = {id(each): (each, word) for pair in clashing for each, word in pair}
        names = ", ".join(
            f"{each.metadata.namespace}/{each.metadata.name}"
            for each, _ in found.values()
        )
        protocols = ", ".join(sorted({word for _, word in found.values()}))
        for each, _ in found.values():
            arguments = (names, quoted(host), number, protocols)
            yield remark(CONFLICT, subject(each), *arguments)


def _clash(
    one: tuple[Resource[ServiceEntry], str], other: tuple[Resource[ServiceEntry], str]
) -> bool:
    (first, protocol), (second, rival) = one, other
    if first is second or protocol == rival:
        return False
    seen, also = (
        seen_from(each.spec.export_to, each.metadata.namespace)
        for each in (first, second)
    )
    return bool(seen & also) or "*" in seen | also


def _allocated_for_all(world: World) -> bool:
    """Tell whether every proxy gives entries addresses of its own."""
    defaults = world.mesh.default_config if world.mesh else None
    metadata = defaults.proxy_metadata if defaults else {}
    return all(metadata.get(name) == "true" for name in AUTO_ALLOCATE)
