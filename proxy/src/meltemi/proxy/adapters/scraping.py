"""What Envoy, the agent and the application counted, as one answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog
from prometheus_client import CollectorRegistry, Counter, generate_latest

from meltemi.proxy.adapters.app_metrics import AppMetrics, AppMetricsError
from meltemi.proxy.adapters.envoy_admin import EnvoyAdmin, EnvoyAwayError
from meltemi.proxy.exposition import Exposition, istio_names, merged

if TYPE_CHECKING:
    from collections.abc import Mapping

AT_ONCE: Final = 2
"""Each holds the whole text in memory; further scrapers wait."""

log = structlog.get_logger()


class Scraping:
    """Answers scrapers; what one part lacks, the others' numbers do not suffer for."""

    def __init__(
        self,
        admin: EnvoyAdmin,
        registry: CollectorRegistry,
        application: AppMetrics | None = None,
    ) -> None:
        self._admin, self._registry = admin, registry
        self._application = application
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._failures = Counter(
            "meltemi_agent_scrape_failures",
            "How often metrics of a part could not be had: envoy, application.",
            ["part"],
            registry=registry,
        )
        for part in ("envoy", "application"):
            self._failures.labels(part)

    async def close(self) -> None:
        """Close the connections to the application."""
        if self._application:
            await self._application.close()

    async def answer(self, headers: Mapping[str, str]) -> Exposition:
        """Return all metrics; ``headers`` are the scraper's."""
        async with self._turns:
            async with asyncio.TaskGroup() as tasks:
                asking = tasks.create_task(self._envoy())
                application = await self._of_application(headers)
            # Last, or what has just failed would be told one scrape late.
            own = generate_latest(self._registry)
            return await asyncio.to_thread(merged, asking.result() + own, application)

    async def _envoy(self) -> bytes:
        try:
            return istio_names(await self._admin.metrics())
        except EnvoyAwayError as error:
            self._note("envoy", error)
            return b""

    async def _of_application(self, headers: Mapping[str, str]) -> Exposition | None:
        if self._application is None:
            return None
        try:
            return await self._application.scrape(headers)
        except AppMetricsError as error:
            self._note("application", error)
            return None

    def _note(self, part: str, error: Exception) -> None:
        self._failures.labels(part).inc()
        log.debug("scrape.failed", part=part, error=str(error))
