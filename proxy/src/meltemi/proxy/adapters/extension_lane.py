"""The way of extensions' configuration on one stream, beside that of everything else.

A module may take a minute to come. Clusters, routes and certificates do not wait for
it: a response about extensions is put aside, and goes on when its modules are here.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Never

from envoy.service.discovery.v3.discovery_pb2 import (
    DeltaDiscoveryRequest,
    DeltaDiscoveryResponse,
)

from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from meltemi.proxy.adapters.module_desk import ModuleDesk

WAITING: Final = 4
"""A Pilot has one response of a type on its way: more are not expected."""
FAILED_PRECONDITION: Final = 9
"""Of google.rpc.Code."""


class ExtensionLane:
    """Extensions' configuration on one stream."""

    def __init__(self, desk: ModuleDesk) -> None:
        self._desk = desk
        self._queue: asyncio.Queue[DeltaDiscoveryResponse] = asyncio.Queue(WAITING)
        self._refusals: dict[str, str] = {}

    async def put(self, response: DeltaDiscoveryResponse) -> None:
        """Take a response of Pilot's."""
        await self._queue.put(response)

    async def run(
        self, write: Callable[[DeltaDiscoveryResponse], Awaitable[None]]
    ) -> Never:
        """Give each response to ``write`` once its modules are here."""
        while True:
            answer = await self._desk.answer(await self._queue.get())
            if answer.refusal:
                self._refusals[answer.response.nonce] = answer.refusal
            await write(answer.response)

    async def retry(self, say: Callable[[DeltaDiscoveryRequest], None]) -> Never:
        """Have Pilot send again, by ``say``, what has come after all."""

        def again(name: str) -> None:
            kind, names = TypeUrl.EXTENSION, [name]
            say(DeltaDiscoveryRequest(type_url=kind, resource_names_unsubscribe=names))
            say(DeltaDiscoveryRequest(type_url=kind, resource_names_subscribe=names))

        await self._desk.retry(again)

    def retold(self, request: DeltaDiscoveryRequest) -> DeltaDiscoveryRequest | None:
        """Return ``request`` as a refusal, if the agent did not take all of it.

        Envoy takes what stands in for a module; Pilot must know that it is not that.
        """
        if request.type_url != TypeUrl.EXTENSION or not request.response_nonce:
            return None
        refusal = self._refusals.pop(request.response_nonce, "")
        if not refusal or request.HasField("error_detail"):
            return None
        told = DeltaDiscoveryRequest()
        told.CopyFrom(request)
        told.error_detail.code = FAILED_PRECONDITION
        told.error_detail.message = refusal
        return told
