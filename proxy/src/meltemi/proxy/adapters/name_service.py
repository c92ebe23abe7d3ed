"""DNS for the application beside the agent, put together.

::

    Pilot ──names──▶ file ──▶ server ◀── application
                                └─▶ nameservers of the machine
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from meltemi.kernel.digest import content_version
from meltemi.proxy.adapters.dns_metrics import DnsMetrics
from meltemi.proxy.adapters.dns_server import DnsServer, bound
from meltemi.proxy.adapters.following import Following
from meltemi.proxy.adapters.names_file import NamesFile
from meltemi.proxy.adapters.nameservers import Nameservers, ResolvFile, Way
from meltemi.proxy.dns.names import Names
from meltemi.xds.name_table import TYPE_URL, InvalidNameTableError, decode

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from meltemi.proxy.adapters.following import Pilots
    from meltemi.proxy.settings import AgentSettings

log = structlog.get_logger()


class NameService:
    """Answers for the names that Pilot tells; with the last ones until it does."""

    def __init__(
        self,
        settings: AgentSettings,
        pilots: Pilots,
        registry: CollectorRegistry,
    ) -> None:
        self._addresses, self._namespace = settings.dns_addresses, settings.namespace
        self._netns = settings.application_netns
        metrics, file = DnsMetrics(registry), ResolvFile(settings.dns_resolv_conf)
        way = Way(mark=settings.proxy_mark)
        nameservers = Nameservers(file, way, pilots.rng, metrics)
        self.server = DnsServer(file, nameservers, metrics)
        self._file = NamesFile(settings.run_dir, pilots.node.id)
        self._following = Following(pilots, TYPE_URL, self._take, self._recall())

    def _recall(self) -> str:
        """Answer as before the agent ended; return the version that is held so."""
        kept = self._file.load()
        if kept is None:
            return ""
        try:
            self._show(kept)
        except InvalidNameTableError as error:
            log.warning("names.ignored", error=str(error))
            return ""
        return content_version(kept)

    def _show(self, raw: bytes) -> None:
        self.server.names = Names(decode(raw), self._namespace)

    async def _take(self, raw: bytes) -> None:
        self._show(raw)
        await asyncio.to_thread(self._file.save, raw)

    async def run(self) -> None:
        """Answer until cancelled.

        Raises:
            DnsAddressError: If an address cannot be listened on.

        """
        if not self._addresses:
            return
        with bound(self._addresses, self._netns) as sockets:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._following.follow())
                await self.server.serve(sockets)
