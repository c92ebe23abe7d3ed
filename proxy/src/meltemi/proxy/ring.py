"""Which Pilot to ask, and which after it. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.kernel.digest import content_version

if TYPE_CHECKING:
    from meltemi.runtime.settings import Address


class PilotRing:
    """Every Pilot, from the one in use onwards.

    The first is drawn from the node's id: proxies spread over the Pilots, and each
    comes back to its own, whose caches know it.
    """

    def __init__(self, pilots: tuple[Address, ...], node: str) -> None:
        self._pilots = pilots
        self._at = int(content_version(node.encode()), 16) % len(pilots)

    def order(self) -> tuple[Address, ...]:
        """Return all of them, the preferred one first."""
        return self._pilots[self._at :] + self._pilots[: self._at]

    def prefer(self, pilot: Address) -> None:
        """Start with ``pilot`` from now on."""
        self._at = self._pilots.index(pilot)

    def avoid(self, pilot: Address) -> None:
        """Start with the one after ``pilot`` from now on."""
        self._at = (self._pilots.index(pilot) + 1) % len(self._pilots)
