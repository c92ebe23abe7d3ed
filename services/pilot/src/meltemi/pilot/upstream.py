"""Where this Pilot's configuration comes from, as its settings say."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from meltemi.pilot.adapters.file_ledger import FileLedger
from meltemi.pilot.adapters.mcp_ledger import McpLedger
from meltemi.store.arrival import arrival

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from meltemi.bus.ports import Subscriber
    from meltemi.pilot.settings import PilotSettings
    from meltemi.runtime.settings import Address
    from meltemi.store.ports import LedgerReader, LedgerWriter


def _silent() -> str:
    return "the ledger has not answered yet: is etcd reachable?"


@dataclass(frozen=True, slots=True)
class Upstream:
    """What a Pilot lives on.

    Attributes:
        ledger: Where configuration is.
        bus: What tells of changes; None: the ledger itself is followed.
        announcing: Where Pilot tells that it is there; None: nowhere.
        lacking: Says why nothing is known yet; asked as long as that is so.

    """

    ledger: LedgerReader
    bus: Subscriber | None
    announcing: LedgerWriter | None
    lacking: Callable[[], str] = _silent


@contextlib.asynccontextmanager
async def upstream(settings: PilotSettings) -> AsyncIterator[Upstream]:
    """Connect to ledger and doorbell, or to the one source that stands for both.

    Raises:
        LedgerUnavailableError: If there is no ledger.

    """
    if settings.config_source is not None:
        source = _told(settings.config_source, settings.mesh)
        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(source.run())
            yield Upstream(source, None, None, source.lacking)
            following.cancel()
        return
    async with (
        settings.ledger(settings.etcd_endpoints) as ledger,
        settings.bus(settings.nats_url, name=settings.name) as bus,
    ):
        await arrival(ledger)
        yield Upstream(ledger, bus, announcing=ledger)


def _told(source: Address | Path, mesh: str) -> McpLedger | FileLedger:
    if isinstance(source, Path):
        return FileLedger(source, mesh)
    return McpLedger(source, mesh, Random())  # noqa: S311 - it spreads load
