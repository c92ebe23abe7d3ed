"""What a configuration stream begins with, so that Pilot knows who asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from meltemi.runtime.workload_proof import PROOF_METADATA, sign_proof

if TYPE_CHECKING:
    import asyncio
    from random import Random

    from meltemi.identity.credential import Credential
    from meltemi.kernel.clock import Clock

AUDIENCE: Final = "meltemi-pilot"


class Holder(Protocol):
    """Whoever has the credential: the keeper."""

    held: Credential | None
    arrived: asyncio.Event


class StreamProofs:
    """Signs with the credential that the keeper holds."""

    def __init__(self, keeper: Holder, clock: Clock, rng: Random) -> None:
        self._keeper, self._clock = keeper, clock
        self.rng = rng

    @property
    def arrived(self) -> asyncio.Event:
        """Set once there is a credential."""
        return self._keeper.arrived

    def proof(self) -> tuple[tuple[str, str], ...]:
        """Return metadata that proves who we are; nothing without a credential."""
        held = self._keeper.held
        if held is None:
            return ()
        now = self._clock.now()
        made = sign_proof(held.key, held.chain, audience=AUDIENCE, now=now)
        return ((PROOF_METADATA, made),)
