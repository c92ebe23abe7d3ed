"""Addresses the mesh gives to services that have none.

Without one, TCP services of the same port could not be told apart by where clients
connect. The address follows from the host alone, but for collisions, so that it does
not move when other services come and go.

Source: pilot/pkg/serviceregistry/serviceentry/controller.go autoAllocateIPs.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from meltemi.config.schema.service_entry import Resolution
from meltemi.pilot.model.service import UNSPECIFIED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meltemi.pilot.model.service import Service

LAST: Final = 255
SLOTS: Final = LAST * LAST
"""240.240.0.0/16 without the addresses whose last part is 0 or 255."""
PRIME: Final = 65011
"""The largest prime below that: a step of less reaches every slot."""
OPT_OUT: Final = "networking.istio.io/enable-autoallocate-ip"
FNV_OFFSET: Final = 2166136261
FNV_PRIME: Final = 16777619
WORD: Final = 0xFFFFFFFF


def wants_address(service: Service) -> bool:
    """Tell whether ``service`` can use an address of the mesh's.

    It can when it has none and its endpoints are known (resolution is not NONE).
    """
    if service.labels.get(OPT_OUT) == "false" or "*" in service.host:
        return False
    return service.address == UNSPECIFIED and service.resolution is not Resolution.NONE


def automatic_addresses(
    wanting: Iterable[tuple[str, str]],
) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return the addresses, IPv4 first, of what wants some, by namespace and host.

    Services of one host and namespace share theirs. Collisions are solved by double
    hashing. A host that is wanted twice takes two slots, as in Istio, and has the
    lower one.
    """
    slots: dict[int, tuple[str, str]] = {}
    for namespace, host in sorted(wanting)[:SLOTS]:
        key = _hash(f"{namespace}/{host}".encode())
        slot, step, tries = key % SLOTS, PRIME - key % PRIME, 0
        while slot in slots:
            tries += 1
            slot = (key + tries * step) % SLOTS
        slots[slot] = (namespace, host)
    given: dict[tuple[str, str], tuple[str, ...]] = {}
    for slot, place in sorted(slots.items()):
        given.setdefault(place, _address(slot + 1))
    return given


def _address(number: int) -> tuple[str, ...]:
    """Return the addresses with that number, from 1; none ends in 0."""
    third, fourth = divmod(number, LAST)
    fourth = fourth or 1
    six = f"{third:x}{fourth:x}" if third else f"{fourth:x}"
    return (f"240.240.{third}.{fourth}", f"2001:2::f0f0:{six}")


@lru_cache(1 << 16)
def _hash(text: bytes) -> int:
    """Return the 32-bit FNV-1a hash of ``text``."""
    value = FNV_OFFSET
    for byte in text:
        value = (value ^ byte) * FNV_PRIME & WORD
    return value
