"""F-24, G4: a proxy that was ahead is not given what it had before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc
import pytest
from envoy.service.discovery.v3.discovery_pb2 import (
    DeltaDiscoveryRequest,
    DeltaDiscoveryResponse,
)

from meltemi.pilot.settings import Carrier
from meltemi.testkit.pilots import (
    ADS,
    METADATA,
    NODE,
    REVIEWS,
    PilotAlone,
    connected,
)
from meltemi.testkit.waiting import eventually
from meltemi.xds.floor import FLOOR_HEADER
from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    from google.protobuf.message import Message


def encoded(message: Message) -> bytes:
    return message.SerializeToString()


async def came(
    channel: grpc.aio.Channel, floor: str
) -> DeltaDiscoveryResponse | grpc.StatusCode:
    """Ask for clusters as one who had ``floor``; return the answer, or the refusal."""
    method = channel.stream_stream(
        f"{ADS}/DeltaAggregatedResources",
        request_serializer=encoded,
        response_deserializer=DeltaDiscoveryResponse.FromString,
    )
    call = method(metadata=((FLOOR_HEADER, floor),), timeout=20)
    first = DeltaDiscoveryRequest(type_url=TypeUrl.CLUSTER)
    first.node.id = NODE
    first.node.metadata.update(METADATA)
    try:
        await call.write(first)
        answer = await call.read()
    except grpc.aio.AioRpcError as error:
        return error.code()
    assert isinstance(answer, DeltaDiscoveryResponse)
    return answer


@pytest.mark.parametrize("carrier", Carrier)
async def test_f_24_a_pilot_that_is_behind_serves_nobody_who_was_ahead(
    carrier: Carrier,
) -> None:
    plane = PilotAlone(carrier)
    await plane.write(REVIEWS)
    async with plane.running() as channel:
        told = (await (await connected(channel)).read()).system_version_info
        epoch, _, revision = told.rpartition("/")
        ahead = f"{epoch}/{int(revision) + 1}"
        assert await came(channel, ahead) is grpc.StatusCode.UNAVAILABLE
        assert isinstance(await came(channel, told), DeltaDiscoveryResponse)
        elsewhere = f"other/{int(revision) + 1}"
        assert isinstance(await came(channel, elsewhere), DeltaDiscoveryResponse)
        await plane.write(REVIEWS.replace("reviews", "ratings"))

        async def caught_up() -> bool:
            answer = await came(channel, ahead)
            if isinstance(answer, grpc.StatusCode):
                return False
            return answer.system_version_info == ahead

        await eventually(caught_up)
