"""A Pilot in the test's own process, and a proxy's side of its streams."""

from __future__ import annotations

import asyncio
import contextlib
from random import Random
from typing import TYPE_CHECKING, Any

import grpc
from envoy.service.discovery.v3.discovery_pb2 import (
    DeltaDiscoveryRequest,
    DeltaDiscoveryResponse,
    DiscoveryResponse,
)

from meltemi.config.canonical import stored
from meltemi.config.ledger_keys import ledger_key
from meltemi.kernel.clock import SystemClock
from meltemi.pilot.__main__ import OPTIONS
from meltemi.pilot.service import Pilot
from meltemi.pilot.settings import Carrier, PilotSettings
from meltemi.pilot.upstream import Upstream
from meltemi.runtime.settings import Address
from meltemi.store.ports import Write
from meltemi.testkit.fakes.bus import MemoryBus
from meltemi.testkit.fakes.ledger import MemoryLedger
from meltemi.testkit.mesh import resources
from meltemi.testkit.processes import free_port
from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from google.protobuf.message import Message as ProtoMessage

ADS = "/envoy.service.discovery.v3.AggregatedDiscoveryService"
NODE = "sidecar~127.0.0.1~reviews-v1.default~default.svc.cluster.local"
REVIEWS = """
    apiVersion: networking.istio.io/v1
    kind: ServiceEntry
    metadata: {name: reviews}
    spec:
      hosts: [reviews.default.svc.cluster.local]
      location: MESH_INTERNAL
      resolution: STATIC
      ports: [{number: 9080, name: http, protocol: HTTP}]
      endpoints: [{address: 127.0.0.1, ports: {http: 21100}}]
    """
METADATA: dict[str, Any] = {
    "NAMESPACE": "default",
    "MELTEMI_EXPLICIT": {"http_proxy": "127.0.0.1:15080"},
}
CLUSTER = "outbound|9080||reviews.default.svc.cluster.local"


class PilotAlone:
    """A Pilot and what it reads from."""

    def __init__(self, carrier: Carrier = Carrier.GRPC) -> None:
        self.ledger, self.bus = MemoryLedger(), MemoryBus()
        self.settings = PilotSettings(
            transport=carrier,
            xds_address=Address("127.0.0.1", free_port()),
            http_address=Address("127.0.0.1", free_port()),
            etcd_endpoints=(Address("127.0.0.1", 1),),
            nats_url="nats://127.0.0.1:1",
            heartbeat_silence=0.2,
        )

    async def write(self, text: str) -> None:
        """Store the objects of ``text`` in one revision."""
        await self.ledger.commit(
            [
                Write(ledger_key("default", each.key), stored(each))
                for each in resources(text)
            ]
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[grpc.aio.Channel]:
        """Run the Pilot; yield a channel to it."""
        stopping = asyncio.Event()
        upstream = Upstream(self.ledger, self.bus, self.ledger)
        pilot = Pilot(self.settings, upstream, SystemClock(), Random(1))  # noqa: S311 - any will do
        async with asyncio.TaskGroup() as tasks:
            running = pilot.run(lambda: grpc.aio.server(options=OPTIONS), stopping)
            tasks.create_task(running)
            target = str(self.settings.xds_address)
            async with grpc.aio.insecure_channel(target) as channel:
                yield channel
            stopping.set()


class Stream:
    """A proxy's side of a stream, which says only what it is told to."""

    def __init__(
        self,
        channel: grpc.aio.Channel,
        method: str,
        response: type[DeltaDiscoveryResponse | DiscoveryResponse],
    ) -> None:
        def encode(message: ProtoMessage) -> bytes:
            return message.SerializeToString()

        self.call = channel.stream_stream(
            f"{ADS}/{method}",
            request_serializer=encode,
            response_deserializer=response.FromString,
        )(wait_for_ready=True)

    async def read(self) -> DeltaDiscoveryResponse:
        async with asyncio.timeout(10):
            answer = await self.call.read()
        assert isinstance(answer, DeltaDiscoveryResponse), answer
        return answer

    async def read_whole(self) -> DiscoveryResponse:
        async with asyncio.timeout(10):
            answer = await self.call.read()
        assert isinstance(answer, DiscoveryResponse), answer
        return answer


async def connected(
    channel: grpc.aio.Channel,
    held: Mapping[str, str] | None = None,
    *,
    node: str = NODE,
) -> Stream:
    """Open a stream once the Pilot has read the ledger, and ask for clusters."""
    async with asyncio.timeout(10):
        while True:
            stream = Stream(channel, "DeltaAggregatedResources", DeltaDiscoveryResponse)
            first = DeltaDiscoveryRequest(
                type_url=TypeUrl.CLUSTER, initial_resource_versions=held
            )
            first.node.id = node
            first.node.metadata.update(METADATA)
            try:
                await stream.call.write(first)
                await stream.call.initial_metadata()
            except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
                continue
            return stream


def delta_ack(answer: DeltaDiscoveryResponse) -> DeltaDiscoveryRequest:
    return DeltaDiscoveryRequest(type_url=answer.type_url, response_nonce=answer.nonce)
