"""Hearing from Pilot which roots to believe: Istio's PCDS, on a stream of its own.

The answer is an acknowledgement that the roots are believed by now: Envoy has them, or
was told of them and did not answer. A root does not sign before all have said so.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import grpc
import structlog
from envoy.service.discovery.v3.discovery_pb2 import DiscoveryRequest, DiscoveryResponse

from meltemi.identity.trust import TYPE_URL, TrustBundle
from meltemi.kernel.backoff import Backoff
from meltemi.kernel.errors import MeshError
from meltemi.proxy.adapters.relay import SERVICE, connected

if TYPE_CHECKING:
    from random import Random

    from envoy.config.core.v3.base_pb2 import Node

    from meltemi.credentials.keeper import Keeper
    from meltemi.proxy.adapters.relay import Dial
    from meltemi.proxy.ring import PilotRing
    from meltemi.runtime.settings import Address

    Call = grpc.aio.StreamStreamCall[DiscoveryRequest, DiscoveryResponse]

METHOD = "StreamAggregatedResources"
LOOKING = Backoff(first=0.2, ceiling=5.0)

log = structlog.get_logger()


class TrustFollower:
    """Keeps the workload's roots at what the mesh's bundle is."""

    def __init__(
        self, ring: PilotRing, dial: Dial, keeper: Keeper, node: Node, rng: Random
    ) -> None:
        self._ring, self._dial, self._keeper = ring, dial, keeper
        self._node, self._rng = node, rng

    async def follow(self) -> None:
        """Listen to one Pilot after another, until cancelled."""
        await self._keeper.arrived.wait()
        attempt = 0
        while True:
            heard = False
            for pilot in self._ring.order():
                heard = await self._listen(pilot)
                if heard:
                    break
            attempt = 0 if heard else attempt + 1
            await asyncio.sleep(LOOKING.delay(attempt, self._rng))

    async def _listen(self, pilot: Address) -> bool:
        """Follow ``pilot`` to the end of its stream; tell whether it said anything."""
        dialled = self._dial(pilot)
        if dialled is None:
            return False
        async with dialled as channel:
            if not await connected(channel):
                return False
            method: grpc.aio.StreamStreamMultiCallable[
                DiscoveryRequest, DiscoveryResponse
            ] = channel.stream_stream(
                f"/{SERVICE}/{METHOD}",
                DiscoveryRequest.SerializeToString,
                DiscoveryResponse.FromString,
            )
            call = method()
            heard = False
            try:
                await call.write(DiscoveryRequest(node=self._node, type_url=TYPE_URL))
                while isinstance(answer := await call.read(), DiscoveryResponse):
                    heard = True
                    await call.write(await self._taken(answer))
            except (grpc.aio.AioRpcError, asyncio.InvalidStateError) as error:
                log.debug("trust.ended", pilot=str(pilot), error=str(error))
            return heard

    async def _taken(self, answer: DiscoveryResponse) -> DiscoveryRequest:
        """Believe what ``answer`` says; return what to say to it."""
        said = DiscoveryRequest(type_url=TYPE_URL, response_nonce=answer.nonce)
        try:
            (one,) = answer.resources
            bundle, beside = TrustBundle.from_wire(one.value)
            await self._keeper.believe(bundle.certificates, beside)
        except (MeshError, ValueError) as error:
            log.warning("trust.not-taken", error=str(error))
            said.error_detail.message = str(error)
            return said
        said.version_info = answer.version_info
        return said
