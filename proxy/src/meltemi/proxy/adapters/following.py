"""One type, heard from one Pilot after another, on a stream of the agent's own."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc
import structlog
from envoy.service.discovery.v3.discovery_pb2 import DiscoveryRequest, DiscoveryResponse

from meltemi.kernel.backoff import Backoff
from meltemi.kernel.errors import MeshError
from meltemi.proxy.adapters.relay import SERVICE, connected

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from random import Random

    from envoy.config.core.v3.base_pb2 import Node

    from meltemi.proxy.adapters.relay import Dial
    from meltemi.proxy.ring import PilotRing
    from meltemi.runtime.settings import Address

METHOD = "StreamAggregatedResources"
LOOKING = Backoff(first=0.2, ceiling=5.0)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Pilots:
    """Whom to ask, how they are reached, and as whom."""

    ring: PilotRing
    dial: Dial
    node: Node
    rng: Random


class Following:
    """Gives the one resource of a type to ``take``, whenever a Pilot says it anew.

    What ``take`` raises as `MeshError` or ValueError, Pilot is told. ``held`` is the
    version that is known already.
    """

    def __init__(
        self,
        pilots: Pilots,
        type_url: str,
        take: Callable[[bytes], Awaitable[None]],
        held: str = "",
    ) -> None:
        self._pilots, self._type_url, self._take = pilots, type_url, take
        self._held = held

    async def follow(self) -> None:
        """Listen to one Pilot after another, until cancelled."""
        attempt = 0
        while True:
            heard = False
            for pilot in self._pilots.ring.order():
                heard = await self._listen(pilot)
                if heard:
                    break
            attempt = 0 if heard else attempt + 1
            await asyncio.sleep(LOOKING.delay(attempt, self._pilots.rng))

    async def _listen(self, pilot: Address) -> bool:
        """Follow ``pilot`` to the end of its stream; tell whether it said anything."""
        dialled = self._pilots.dial(pilot)
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
                await call.write(self._said(node=self._pilots.node))
                while isinstance(answer := await call.read(), DiscoveryResponse):
                    heard = True
                    await call.write(await self._answered(answer))
            except (grpc.aio.AioRpcError, asyncio.InvalidStateError) as error:
                log.debug(
                    "following.ended",
                    pilot=str(pilot),
                    type=self._type_url,
                    error=str(error),
                )
            return heard

    def _said(self, node: Node | None = None) -> DiscoveryRequest:
        return DiscoveryRequest(
            node=node, type_url=self._type_url, version_info=self._held
        )

    async def _answered(self, answer: DiscoveryResponse) -> DiscoveryRequest:
        """Take what ``answer`` says; return what to say to it."""
        problem = ""
        try:
            (one,) = answer.resources
            await self._take(one.value)
            self._held = answer.version_info
        except (MeshError, ValueError) as error:
            log.warning("following.refused", type=self._type_url, error=str(error))
            problem = str(error)
        said = self._said()
        said.response_nonce = answer.nonce
        if problem:
            said.error_detail.message = problem
        return said
