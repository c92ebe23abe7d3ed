"""Telling the other services where this Pilot is, for as long as it lives."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import msgspec
import structlog

from meltemi.store.ports import LedgerUnavailableError, Write

if TYPE_CHECKING:
    from meltemi.pilot.latest import Latest
    from meltemi.pilot.settings import PilotSettings
    from meltemi.store.ports import LedgerWriter

LEASE_SECONDS = 10
RETRY_SECONDS = 1.0
LOOK_SECONDS = 0.5
"""How often it is seen whether the bundle that all hold is another."""

log = structlog.get_logger("meltemi.pilot")


async def announce(
    ledger: LedgerWriter, settings: PilotSettings, trust: Latest[str]
) -> None:
    """Keep ``/mesh/runtime/v1/MESH/pilots/NAME`` in the ledger until cancelled.

    It tells also which ``trust`` bundle all proxies of this Pilot hold.
    The entry is tied to a lease, so a Pilot that dies is gone in ten seconds.
    """
    key = f"/mesh/runtime/v1/{settings.mesh}/pilots/{settings.name}"
    told = {
        "name": settings.name,
        "http": str(settings.http_address),
        "xds": str(settings.xds_tls_address or settings.xds_address),
    }
    away = False
    while True:
        try:
            async with ledger.lease(LEASE_SECONDS) as lease:
                announced: str | None = None
                while not lease.lost.is_set():
                    if trust.value != announced:
                        announced = trust.value
                        value = msgspec.json.encode(told | {"trust": announced})
                        await ledger.commit([Write(key, value, lease=lease.id)])
                        away = False
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(LOOK_SECONDS):
                            await lease.lost.wait()
                log.warning("announcement.lost", key=key)
        except LedgerUnavailableError as error:
            if not away:
                log.warning("announcement.failed", error=str(error))
            away = True
            await asyncio.sleep(RETRY_SECONDS)
