"""Agents that answer for the names of the mesh, and what they are told: Istio's NDS."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import structlog

from meltemi.pilot.adapters.agent_stream import listen, whole
from meltemi.xds.name_table import TYPE_URL

if TYPE_CHECKING:
    from envoy.service.discovery.v3.discovery_pb2 import DiscoveryRequest

    from meltemi.pilot.adapters.call import Call
    from meltemi.pilot.latest import Latest
    from meltemi.pilot.model.mesh import Mesh
    from meltemi.pilot.name_tables import NameTables
    from meltemi.pilot.scope.proxy import Proxy, ProxyClass

log = structlog.get_logger("meltemi.pilot")


class NameStreams:
    """Tells each agent that asks the names its class may see, and what changes."""

    def __init__(self, mesh: Latest[Mesh], tables: NameTables) -> None:
        self._mesh, self._tables = mesh, tables
        self._asking: Counter[ProxyClass] = Counter()

    async def serve(self, proxy: Proxy, first: DiscoveryRequest, call: Call) -> None:
        """Answer one agent until it leaves. It is not told what it says it holds."""

        def take(request: DiscoveryRequest) -> None:
            if request.HasField("error_detail"):
                reason = request.error_detail.message
                log.warning("names.refused", node=proxy.node_id, error=reason)

        self._asking[proxy.group] += 1
        try:
            async with asyncio.TaskGroup() as tasks:
                telling = self._tell(proxy.group, first.version_info, call)
                task = tasks.create_task(telling)
                await listen(first.SerializeToString(), call, take)
                task.cancel()
        finally:
            self._asking[proxy.group] -= 1
            if not self._asking[proxy.group]:
                del self._asking[proxy.group]
                self._tables.forget(proxy.group)

    async def _tell(self, group: ProxyClass, held: str, call: Call) -> None:
        while True:
            generation = self._mesh.generation
            told = self._tables.of(group)
            if told is not None and told.version != held:
                held = told.version
                await call.write((whole(TYPE_URL, held, told.body),))
            await self._mesh.newer(generation)
