"""The trust bundle on its way from the ledger to the agents, and back: who holds it.

Istio's PCDS: a state-of-the-world stream for one type, the mesh's own ProxyConfig.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import structlog

from meltemi.identity.federation import NOBODY, Federation
from meltemi.identity.trust import TYPE_URL, TrustBundle
from meltemi.identity.wire import InvalidMessageError
from meltemi.pilot.adapters.agent_stream import listen, whole
from meltemi.pilot.latest import Latest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envoy.service.discovery.v3.discovery_pb2 import DiscoveryRequest

    from meltemi.pilot.adapters.call import Call

log = structlog.get_logger("meltemi.pilot")


@dataclass(slots=True, eq=False)
class Held:
    """What one agent says it believes: a version, "" for none."""

    version: str = ""


class TrustStreams:
    """The bundle of the mesh, and every agent that listens for it.

    Attributes:
        bundle: The newest, None until the ledger has told of one.
        held: The version that every agent here holds; "" while one lacks it.

    """

    def __init__(self) -> None:
        self.bundle: Latest[TrustBundle | None] = Latest(None)
        self._beside: Federation | None = None
        self._news: Latest[None] = Latest(None)
        self.held: Latest[str] = Latest("")
        self._agents: set[Held] = set()

    def replace(self, found: Mapping[str, bytes]) -> None:
        """Take what the ledger has: the bundle's key is the prefix that is followed."""
        self.change("", found.get(""))

    def change(self, key: str, value: bytes | None) -> None:
        """Take a new bundle. One that is gone or unreadable changes nothing."""
        if key or value is None:
            return
        try:
            bundle = TrustBundle.decode(value)
        except InvalidMessageError as error:
            log.warning("trust.unreadable", error=str(error))
            return
        if bundle != self.bundle.value:
            self.bundle.set(bundle)
            self._news.set(None)
            self._count()

    def federate(self, beside: Federation) -> None:
        """Have ``beside`` believed as well as the bundle.

        Until then nobody is told anything: a Pilot that starts must not take from
        its proxies whom they believe.
        """
        if beside != self._beside:
            self._beside = beside
            self._news.set(None)
            self._count()

    async def serve(self, first: bytes, call: Call) -> None:
        """Answer one agent until it leaves."""
        held = Held()
        self._agents.add(held)
        self._count()
        try:
            async with asyncio.TaskGroup() as tasks:
                telling = tasks.create_task(self._tell(call))
                await listen(first, call, partial(self._heard, held))
                telling.cancel()
        finally:
            self._agents.remove(held)
            self._count()

    async def _tell(self, call: Call) -> None:
        while True:
            generation = self._news.generation
            bundle, beside = self.bundle.value, self._beside
            if bundle is not None and beside is not None:
                version, body = _version(bundle, beside), bundle.to_wire(beside)
                await call.write((whole(TYPE_URL, version, body),))
            await self._news.newer(generation)

    def _heard(self, held: Held, request: DiscoveryRequest) -> None:
        if request.HasField("error_detail"):
            log.warning("trust.refused", error=request.error_detail.message)
            return
        held.version = request.version_info
        self._count()

    def _count(self) -> None:
        """Work out what all hold; without any agent that is the bundle itself."""
        bundle = self.bundle.value
        wanted = _version(bundle, self._beside or NOBODY) if bundle else ""
        every = all(each.version == wanted for each in self._agents)
        held = bundle.version if bundle and every else ""
        if held != self.held.value:
            self.held.set(held)


def _version(bundle: TrustBundle, beside: Federation) -> str:
    return bundle.version + beside.version
