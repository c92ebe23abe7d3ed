"""Addresses the mesh gives to services that have none.

Without one, TCP services of the same port could not be told apart by where clients
connect. The address follows from the host alone, but for collisions, so that it does
not move when other services come and go.

Source: pilot/pkg/serviceregistry/serviceentry/controller.go autoAllocateIPs.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from meltemi.config.schema.service_entry import Resolution
from meltemi.pilot.model.service import UNSPECIFIED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meltemi.pilot.model.service import Service

SLOTS: Final = 255 * 255
"""240.240.0.0/16 without the addresses whose third or fourth part is 0."""
LAST: Final = 255
OPT_OUT: Final = "networking.istio.io/enable-autoallocate-ip"
FNV_OFFSET: Final = 2166136261
FNV_PRIME: Final = 16777619
WORD: Final = 0xFFFFFFFF


def with_addresses(services: Iterable[Service]) -> tuple[Service, ...]:
    """Return ``services``; those that can use an address of the mesh's have one.

    Services of one host and namespace share theirs. A service can use one when it has
    no address and its endpoints are known (resolution is not NONE).
    """
    every = tuple(services)
    wanting = {(each.namespace, each.host) for each in every if _wants(each)}
    given = _allocated(wanting)
    return tuple(
        replace(each, automatic_addresses=given[each.namespace, each.host])
        if _wants(each)
        else each
        for each in every
    )


def _wants(service: Service) -> bool:
    if service.labels.get(OPT_OUT) == "false" or "*" in service.host:
        return False
    return service.address == UNSPECIFIED and service.resolution is not Resolution.NONE


def _allocated(
    wanting: set[tuple[str, str]],
) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return IPv4 and IPv6 addresses; the second probe is a step of its own hash."""
    taken: set[int] = set()
    given: dict[tuple[str, str], tuple[str, ...]] = {}
    for key in sorted(wanting):
        namespace, host = key
        first = _hash(f"{namespace}/{host}".encode())
        step = _hash(f"{host}/{namespace}".encode()) % (SLOTS - 1) + 1
        slot = first % SLOTS
        while slot in taken and len(taken) < SLOTS:
            slot = (slot + step) % SLOTS
        taken.add(slot)
        third, fourth = slot // LAST, slot % LAST + 1
        given[key] = (
            f"240.240.{third}.{fourth}",
            f"2001:2::f0f0:{third:x}{fourth:02x}",
        )
    return given


def _hash(text: bytes) -> int:
    """Return the 32-bit FNV-1a hash of ``text``."""
    value = FNV_OFFSET
    for byte in text:
        value = (value ^ byte) * FNV_PRIME & WORD
    return value
