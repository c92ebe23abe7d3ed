"""Telling a Pilot every few seconds what Envoy has counted since."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import grpc
import structlog
from prometheus_client import Counter

from meltemi.proxy.adapters.envoy_admin import (
    LARGEST,
    EnvoyAwayError,
    PageTooLargeError,
)
from meltemi.proxy.adapters.relay import connected
from meltemi.proxy.exposition import istio_names
from meltemi.proxy.stats.lines import Lines
from meltemi.proxy.stats.tally import Tally
from meltemi.stats.report import METHOD, PERIOD_SECONDS, encoded

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from meltemi.proxy.adapters.envoy_admin import EnvoyAdmin
    from meltemi.proxy.adapters.following import Pilots

ANSWER_SECONDS: Final = 2.0
FEWER: Final = (
    "set AGENT_STATS_EVICTION_SECONDS, so that series without requests are forgotten, "
    "or let this workload see fewer hosts (Sidecar) and labels (Telemetry)"
)
"""What to do where a proxy counts too much apart."""

log = structlog.get_logger()


class StatsReporter:
    """Keeps the mesh's picture of this proxy's traffic new; nothing waits for it."""

    def __init__(
        self, admin: EnvoyAdmin, pilots: Pilots, registry: CollectorRegistry
    ) -> None:
        self._admin, self._pilots = admin, pilots
        self._lines, self._tally = Lines(), Tally()
        self._channel: grpc.aio.Channel | None = None
        self._reports = Counter(
            "meltemi_agent_stats_reports",
            "Reports of traffic by what became of them: taken, lost (told again with "
            "the next); too_large: Envoy's page is over 16 MiB, and was not read.",
            ["result"],
            registry=registry,
        )
        for result in ("taken", "lost", "too_large"):
            self._reports.labels(result)
        self._too_large = False

    async def run(self) -> None:
        """Report until cancelled."""
        # Agents that start together do not report together.
        await asyncio.sleep(self._pilots.rng.random() * PERIOD_SECONDS)
        try:
            while True:
                await self._tell()
                await asyncio.sleep(PERIOD_SECONDS)
        finally:
            await self._hang_up()

    async def _tell(self) -> None:
        page = await self._page()
        if page is None:
            return
        # A label may be made of a header, and that of any bytes.
        text = istio_names(page).decode(errors="replace")
        self._tally.count(await asyncio.to_thread(self._lines.read, text))
        report = self._tally.report()
        if not report.edges:
            return
        taken = await self._sent(encoded(report))
        if taken:
            self._tally.arrived()
        self._reports.labels("taken" if taken else "lost").inc()

    async def _page(self) -> bytes | None:
        """Return what Envoy has counted; None where it cannot be read."""
        try:
            page = await self._admin.traffic()
        except PageTooLargeError as error:
            self._reports.labels("too_large").inc()
            if not self._too_large:
                log.warning(
                    "stats.too_large", error=str(error), limit=LARGEST, do=FEWER
                )
            self._too_large = True
            return None
        except EnvoyAwayError as error:
            log.debug("stats.unread", error=str(error))
            return None
        if self._too_large:
            log.info("stats.readable", size=len(page), limit=LARGEST)
        self._too_large = False
        return page

    async def _sent(self, raw: bytes) -> bool:
        channel = self._channel or await self._dialled()
        if channel is None:
            return False
        self._channel = channel
        method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
            METHOD
        )
        try:
            await method(raw, timeout=ANSWER_SECONDS)
        except grpc.aio.AioRpcError as error:
            log.debug("stats.lost", error=str(error.details()))
            await self._hang_up()
            return False
        return True

    async def _dialled(self) -> grpc.aio.Channel | None:
        """Return a connection to the first Pilot that takes one."""
        for pilot in self._pilots.ring.order():
            channel = self._pilots.dial(pilot)
            if channel is None:
                return None
            if await connected(channel):
                return channel
            await channel.close()
        return None

    async def _hang_up(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()
