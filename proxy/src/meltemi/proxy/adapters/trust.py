"""Hearing from Pilot which roots to believe: Istio's PCDS.

An answer is an acknowledgement that the roots are believed by now: Envoy has them, or
was told of them and did not answer. A root does not sign before all have said so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.identity.trust import TYPE_URL, TrustBundle
from meltemi.proxy.adapters.following import Following

if TYPE_CHECKING:
    from meltemi.credentials.keeper import Keeper
    from meltemi.proxy.adapters.following import Pilots


class TrustFollower:
    """Keeps the workload's roots at what the mesh's bundle is."""

    def __init__(self, pilots: Pilots, keeper: Keeper) -> None:
        self._keeper = keeper
        self._following = Following(pilots, TYPE_URL, self._believe)

    async def follow(self) -> None:
        """Listen to one Pilot after another, until cancelled."""
        await self._keeper.arrived.wait()
        await self._following.follow()

    async def _believe(self, raw: bytes) -> None:
        bundle, beside = TrustBundle.from_wire(raw)
        await self._keeper.believe(bundle.certificates, beside)
