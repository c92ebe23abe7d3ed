"""What a subscriber makes of a mesh's changes: its own copy, and what it was told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from meltemi.config.ledger_keys import config_prefix
from meltemi.events import Present, subscribe

if TYPE_CHECKING:
    from meltemi.bus.ports import Subscriber
    from meltemi.store.ports import LedgerReader


@dataclass
class Follower:
    """Follows the mesh ``default``."""

    state: dict[str, int] = field(default_factory=dict[str, int])
    """Ledger key to revision, as a consumer would have it."""
    told: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])

    async def follow(self, bus: Subscriber, ledger: LedgerReader) -> None:
        """Keep ``state`` until cancelled."""

        async def present() -> Present:
            listing = await ledger.list(config_prefix("default"))
            found = {e.key: (e.revision, e.value) for e in listing.entries}
            return Present(listing.epoch, listing.revision, found)

        async with subscribe(bus, present) as updates:
            async for update in updates:
                self.told.append((update.ledger_key, update.revision))
                if update.value is None:
                    del self.state[update.ledger_key]
                else:
                    self.state[update.ledger_key] = update.revision
