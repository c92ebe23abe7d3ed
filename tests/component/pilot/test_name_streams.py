"""Names of the mesh on a stream of an agent's own: Istio's NDS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from envoy.service.discovery.v3.discovery_pb2 import DiscoveryRequest, DiscoveryResponse

from meltemi.pilot.settings import Carrier
from meltemi.testkit.pilots import NODE, REVIEWS, PilotAlone, Stream, connected
from meltemi.xds.name_table import TYPE_URL, decode

if TYPE_CHECKING:
    import grpc

HOST = "reviews.default.svc.cluster.local"


async def asking(channel: grpc.aio.Channel, held: str = "") -> Stream:
    """Return a stream that has asked for names, once the Pilot serves."""
    await connected(channel)
    stream = Stream(channel, "StreamAggregatedResources", DiscoveryResponse)
    first = DiscoveryRequest(type_url=TYPE_URL, version_info=held)
    first.node.id = NODE
    first.node.metadata.update({"DNS_CAPTURE": "true"})
    await stream.call.write(first)
    return stream


def hosts(answer: DiscoveryResponse) -> list[str]:
    (one,) = answer.resources
    return sorted(decode(one.value))


@pytest.fixture(params=Carrier)
async def plane(request: pytest.FixtureRequest) -> PilotAlone:
    """Return a Pilot that is not running, whose ledger knows of reviews."""
    made = PilotAlone(request.param)
    await made.write(REVIEWS)
    return made


async def test_an_agent_is_told_the_names_and_what_changes(plane: PilotAlone) -> None:
    async with plane.running() as channel:
        stream = await asking(channel)
        answer = await stream.read_whole()
        assert answer.type_url == TYPE_URL
        assert hosts(answer) == [HOST]
        ack = DiscoveryRequest(
            type_url=TYPE_URL,
            version_info=answer.version_info,
            response_nonce=answer.nonce,
        )
        await stream.call.write(ack)
        await plane.write(REVIEWS.replace("reviews", "ratings"))
        more = await stream.read_whole()
        assert hosts(more) == [HOST.replace("reviews", "ratings"), HOST]


async def test_an_agent_that_comes_back_is_not_told_what_it_holds(
    plane: PilotAlone,
) -> None:
    async with plane.running() as channel:
        held = (await (await asking(channel)).read_whole()).version_info
        again = await asking(channel, held)
        await again.call.initial_metadata()
        await plane.write(REVIEWS.replace("reviews", "ratings"))
        assert len(hosts(await again.read_whole())) == 2, "the first word is news"
