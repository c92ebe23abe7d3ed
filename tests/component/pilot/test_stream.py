"""A Pilot in one process, with a ledger and a bell in memory and a real gRPC stream."""

from __future__ import annotations

import asyncio

import grpc
import httpx2
import pytest
from envoy.service.discovery.v3.discovery_pb2 import (
    DeltaDiscoveryRequest,
    DeltaDiscoveryResponse,
    DiscoveryRequest,
    DiscoveryResponse,
)

from meltemi.pilot.settings import Carrier
from meltemi.testkit.pilots import (
    CLUSTER,
    METADATA,
    NODE,
    REVIEWS,
    PilotAlone,
    Stream,
    connected,
    delta_ack,
)
from meltemi.xds.types import TypeUrl


@pytest.fixture(params=Carrier)
async def plane(request: pytest.FixtureRequest) -> PilotAlone:
    made = PilotAlone(request.param)
    await made.write(REVIEWS)
    return made


async def test_a_proxy_is_sent_the_clusters_of_its_mesh(plane: PilotAlone) -> None:
    async with plane.running() as channel:
        stream = await connected(channel)
        answer = await stream.read()
        assert [each.name for each in answer.resources] == [CLUSTER]
        assert answer.system_version_info == f"cafe/{plane.ledger.head}"


async def test_endpoints_of_a_cluster_nobody_knows_are_answered_empty(
    plane: PilotAlone,
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


async def test_a_proxy_that_comes_back_is_sent_only_what_differs(
    plane: PilotAlone,
) -> None:
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


async def test_a_change_arrives_although_the_bell_never_rings(
    plane: PilotAlone,
) -> None:
    async with plane.running() as channel:
        stream = await connected(channel)
        await stream.call.write(delta_ack(await stream.read()))
        await plane.write(REVIEWS.replace("reviews", "ratings"))
        answer = await stream.read()
        assert [each.name for each in answer.resources] == [
            CLUSTER.replace("reviews", "ratings")
        ]


async def test_a_refusal_is_shown_with_the_object_that_caused_it(
    plane: PilotAlone,
) -> None:
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


async def test_a_state_of_the_world_response_keeps_what_stays(
    plane: PilotAlone,
) -> None:
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


async def test_a_node_that_does_not_say_who_it_is_is_refused(plane: PilotAlone) -> None:
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
