"""A Pilot in one process, with a ledger and a bell in memory and a real gRPC stream."""

from __future__ import annotations

import asyncio
import contextlib
from random import Random
from typing import TYPE_CHECKING, Any

import grpc
import httpx2
import pytest
from envoy.service.discovery.v3.discovery_pb2 import (
    DeltaDiscoveryRequest,
    DeltaDiscoveryResponse,
    DiscoveryRequest,
    DiscoveryResponse,
)

from meltemi.config.canonical import stored
from meltemi.config.ledger_keys import ledger_key
from meltemi.kernel.clock import SystemClock
from meltemi.pilot.service import Pilot
from meltemi.pilot.settings import PilotSettings
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


class Plane:
    """A Pilot and what it reads from."""

    def __init__(self) -> None:
        self.ledger, self.bus = MemoryLedger(), MemoryBus()
        self.settings = PilotSettings(
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
        pilot = Pilot(self.settings, self.ledger, self.bus, SystemClock(), Random(1))  # noqa: S311 - any will do
        async with asyncio.TaskGroup() as tasks:
            options = [("grpc.so_reuseport", 0)]
            running = pilot.run(lambda: grpc.aio.server(options=options), stopping)
            tasks.create_task(running)
            target = str(self.settings.xds_address)
            async with grpc.aio.insecure_channel(target) as channel:
                yield channel
            stopping.set()


@pytest.fixture
async def plane() -> Plane:
    made = Plane()
    await made.write(REVIEWS)
    return made


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
    channel: grpc.aio.Channel, held: Mapping[str, str] | None = None
) -> Stream:
    """Open a stream once the Pilot has read the ledger, and ask for clusters."""
    async with asyncio.timeout(10):
        while True:
            stream = Stream(channel, "DeltaAggregatedResources", DeltaDiscoveryResponse)
            first = DeltaDiscoveryRequest(
                type_url=TypeUrl.CLUSTER, initial_resource_versions=held
            )
            first.node.id = NODE
            first.node.metadata.update(METADATA)
            try:
                await stream.call.write(first)
                await stream.call.initial_metadata()
            except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
                continue
            return stream


def delta_ack(answer: DeltaDiscoveryResponse) -> DeltaDiscoveryRequest:
    return DeltaDiscoveryRequest(type_url=answer.type_url, response_nonce=answer.nonce)


async def test_a_proxy_is_sent_the_clusters_of_its_mesh(plane: Plane) -> None:
    async with plane.running() as channel:
        stream = await connected(channel)
        answer = await stream.read()
        assert [each.name for each in answer.resources] == [CLUSTER]
        assert answer.system_version_info == f"cafe/{plane.ledger.head}"


async def test_endpoints_of_a_cluster_nobody_knows_are_answered_empty(
    plane: Plane,
) -> None:
    async with plane.running() as channel:
        stream = await connected(channel)
        await stream.call.write(delta_ack(await stream.read()))
        await stream.call.write(
            DeltaDiscoveryRequest(
                type_url=TypeUrl.ENDPOINT, resource_names_subscribe=["ghost"]
            )
        )
        (ghost,) = (await stream.read()).resources
        assert ghost.name == "ghost"
        assert b"ghost" in ghost.resource.value


async def test_a_proxy_that_comes_back_is_sent_only_what_differs(plane: Plane) -> None:
    async with plane.running() as channel:
        stream = await connected(channel)
        held = {each.name: each.version for each in (await stream.read()).resources}
        stream.call.cancel()

        again = await connected(channel, held)
        await plane.write(REVIEWS.replace("reviews", "ratings"))
        fresh = await again.read()
        assert [each.name for each in fresh.resources] == [
            CLUSTER.replace("reviews", "ratings")
        ], "what it held was not sent again"


async def test_a_change_arrives_although_the_bell_never_rings(plane: Plane) -> None:
    async with plane.running() as channel:
        stream = await connected(channel)
        await stream.call.write(delta_ack(await stream.read()))
        await plane.write(REVIEWS.replace("reviews", "ratings"))
        answer = await stream.read()
        assert [each.name for each in answer.resources] == [
            CLUSTER.replace("reviews", "ratings")
        ]


async def test_a_refusal_is_shown_with_the_object_that_caused_it(plane: Plane) -> None:
    await plane.write(
        """
        apiVersion: networking.istio.io/v1
        kind: DestinationRule
        metadata: {name: reviews}
        spec:
          host: reviews
          trafficPolicy: {loadBalancer: {consistentHash: {useSourceIp: true}}}
        """
    )
    async with plane.running() as channel, httpx2.AsyncClient() as http:
        stream = await connected(channel)
        answer = await stream.read()
        refusal = delta_ack(answer)
        refusal.error_detail.message = "table size must be prime"
        await stream.call.write(refusal)

        url = f"http://{plane.settings.http_address}/api/v1"
        async with asyncio.timeout(10):
            while not (refused := (await http.get(f"{url}/refusals")).json()):
                pass
        assert refused == [
            {
                "proxy": "reviews-v1.default",
                "type": "cds",
                "resource": CLUSTER,
                "object": "DestinationRule/default/reviews",
                "path": "spec",
                "message": "table size must be prime",
            }
        ]
        (row,) = (await http.get(f"{url}/proxies")).json()
        assert row["proxy"] == "reviews-v1.default"
        assert row["connected"] is True
        assert row["types"]["cds"]["error"] == "table size must be prime"


async def test_a_state_of_the_world_response_keeps_what_stays(plane: Plane) -> None:
    async with plane.running() as channel:
        await connected(channel)
        stream = Stream(channel, "StreamAggregatedResources", DiscoveryResponse)
        request = DiscoveryRequest(type_url=TypeUrl.CLUSTER)
        request.node.id = NODE
        request.node.metadata.update(METADATA)
        await stream.call.write(request)
        first = await stream.read_whole()
        assert len(first.resources) == 1
        await stream.call.write(
            DiscoveryRequest(
                type_url=TypeUrl.CLUSTER,
                version_info=first.version_info,
                response_nonce=first.nonce,
            )
        )
        await plane.write(REVIEWS.replace("reviews", "ratings"))
        second = await stream.read_whole()
        assert len(second.resources) == 2, "a response must hold all that stays"
        assert second.version_info != first.version_info


async def test_a_node_that_does_not_say_who_it_is_is_refused(plane: Plane) -> None:
    async with plane.running() as channel:
        await connected(channel)
        stream = Stream(channel, "DeltaAggregatedResources", DeltaDiscoveryResponse)
        request = DeltaDiscoveryRequest(type_url=TypeUrl.CLUSTER)
        request.node.id = "who?"
        await stream.call.write(request)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stream.read()
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "expected TYPE~IP~NAME.NAMESPACE~DNS-DOMAIN" in str(refused.value)
