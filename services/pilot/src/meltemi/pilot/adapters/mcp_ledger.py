"""A server of configuration over xDS (MCP), read like the ledger.

::

    server ── all objects of a kind ──▶ Held.replace ──▶ Step ──▶ list, watch
           ◀─ ACK, or NACK with why ──┘

Source: istio.io/istio, architecture/environments and pkg/adsc: state of the world over
``AggregatedDiscoveryService``, each resource an ``istio.mcp.v1alpha1.Resource``.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import grpc
import structlog
from envoy.config.core.v3.base_pb2 import Node
from envoy.service.discovery.v3.discovery_pb2 import DiscoveryRequest, DiscoveryResponse
from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status

from meltemi.config.kinds import KIND_BY_NAME
from meltemi.kernel.backoff import Backoff
from meltemi.kernel.names import Epoch
from meltemi.pilot.adapters.told_ledger import ToldLedger
from meltemi.pilot.mcp.held import Held
from meltemi.pilot.mcp.numbers import KINDS

if TYPE_CHECKING:
    from random import Random

    from meltemi.runtime.settings import Address

METHOD: Final = (
    "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources"
)
OPTIONS: Final = (("grpc.max_receive_message_length", -1),)
PAUSE: Final = Backoff(first=0.2, ceiling=5.0)
INVALID_ARGUMENT: Final = 3
CORE: Final = "Internal error from Core"
ENDED: Final = "the server ended the call"

log = structlog.get_logger("meltemi.pilot")


class McpLedger(ToldLedger):
    """What the server at ``address`` says, as one mesh's part of a ledger."""

    def __init__(self, address: Address, mesh: str, rng: Random) -> None:
        self._address, self._rng = str(address), rng
        super().__init__(Epoch(f"xds://{self._address}"), self.lacking)
        self._held = {_type_url(kind): Held(kind, mesh) for kind in KINDS}
        self._told: set[str] = set()
        self._fresh: set[str] = set()
        self._trouble = ""

    async def run(self) -> None:
        """Follow the server until cancelled; without it what it said last holds."""
        attempt = 0
        said: set[str] = set()
        async with grpc.aio.insecure_channel(self._address, options=OPTIONS) as channel:
            while True:
                self._fresh.clear()
                trouble = await self._follow(channel)
                if self._fresh == self._held.keys():
                    attempt = 0
                    said.clear()
                if trouble not in said:
                    log.warning("mcp.away", server=self._address, error=trouble)
                said.add(trouble)
                self._trouble = trouble
                await asyncio.sleep(PAUSE.delay(attempt, self._rng))
                attempt += 1

    async def _follow(self, channel: grpc.aio.Channel) -> str:
        """Follow the server for one call; return why it ended."""
        # Parsed here: of what a deserialiser of gRPC's cannot read comes None.
        call = channel.stream_stream(
            METHOD,
            request_serializer=DiscoveryRequest.SerializeToString,
            response_deserializer=bytes,
        )()
        node = Node(id="meltemi-pilot")
        try:
            for type_url in self._held:
                await call.write(DiscoveryRequest(node=node, type_url=type_url))
            async for data in call:
                await call.write(self._answer(DiscoveryResponse.FromString(data)))
        except DecodeError as error:
            call.cancel()
            return f"expected a DiscoveryResponse, found what is none: {error}"
        except grpc.aio.AioRpcError as error:
            # This, and the next, are what gRPC makes of writing to an ended call.
            if error.details() != CORE:
                return f"{error.code().name}: {error.details()}"
        except asyncio.InvalidStateError:
            pass
        return ENDED

    def _answer(self, response: DiscoveryResponse) -> DiscoveryRequest:
        """Take a response; return what to say to it: an ACK, or a NACK with why."""
        problems = self._take(response)
        answer = DiscoveryRequest(
            type_url=response.type_url,
            version_info=response.version_info,
            response_nonce=response.nonce,
        )
        if problems:
            message = "; ".join(problems)
            answer.error_detail.CopyFrom(Status(code=INVALID_ARGUMENT, message=message))
        return answer

    def _take(self, response: DiscoveryResponse) -> tuple[str, ...]:
        """Take all objects of a kind; return what is wrong with some of them."""
        held = self._held.get(response.type_url)
        if held is None:
            return (f"{response.type_url} was not asked for",)
        found = held.replace(each.value for each in response.resources)
        for problem in found.unreadable:
            log.warning("mcp.unreadable", server=self._address, error=problem)
        self._told.add(response.type_url)
        self._fresh.add(response.type_url)
        self.take(found.mutations)
        if len(self._told) == len(self._held):
            self.complete()
        return found.unreadable

    def lacking(self) -> str:
        """Return why nothing is known yet: what was not told, and why not."""
        missing = ", ".join(sorted(self._held.keys() - self._told))
        why = f" ({self._trouble})" if self._trouble else ""
        return f"xds://{self._address} has not told {missing} yet{why}"


def _type_url(kind: type) -> str:
    """Return the name a server of configuration knows ``kind`` by."""
    api = KIND_BY_NAME[kind.__name__].api_version
    return f"{api}/{kind.__name__}"
