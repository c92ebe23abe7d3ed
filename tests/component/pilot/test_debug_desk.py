"""The state of the control plane over xDS, for administrators, on both transports."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import grpc
import pytest
from envoy.admin.v3.config_dump_shared_pb2 import ClustersConfigDump
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.service.discovery.v3.discovery_pb2 import DiscoveryRequest, DiscoveryResponse
from envoy.service.status.v3.csds_pb2 import ClientConfig, ConfigStatus

from meltemi.pilot.settings import Carrier
from meltemi.testkit.pilots import (
    ADS,
    CLUSTER,
    NODE,
    REVIEWS,
    PilotAlone,
    connected,
    delta_ack,
)
from meltemi.testkit.waiting import eventually
from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    from pathlib import Path

SYNCZ, DUMP = "istio.io/debug/syncz", "istio.io/debug/config_dump"
TOKEN = "secret"  # noqa: S105 - of a test
CARRIERS = pytest.mark.parametrize("carrier", list(Carrier))


def plane(carrier: Carrier, folder: Path | None) -> PilotAlone:
    made = PilotAlone(carrier)
    if folder is not None:
        token = folder / "token"
        token.write_text(f"{TOKEN}\n")
        update = {"admin_token_file": token}
        made.settings = made.settings.model_copy(update=update)
    return made


async def said(
    channel: grpc.aio.Channel, type_url: str, *names: str, token: str = TOKEN
) -> DiscoveryResponse | grpc.StatusCode:
    """Return the answer to one request, as istioctl makes it, or why there is none."""
    method: grpc.aio.StreamStreamMultiCallable[DiscoveryRequest, DiscoveryResponse] = (
        channel.stream_stream(
            f"{ADS}/StreamAggregatedResources",
            request_serializer=DiscoveryRequest.SerializeToString,
            response_deserializer=DiscoveryResponse.FromString,
        )
    )
    call = method(metadata=(("authorization", f"Bearer {token}"),))
    try:
        await call.write(DiscoveryRequest(type_url=type_url, resource_names=names))
        async with asyncio.timeout(10):
            answer = await call.read()
    except grpc.aio.AioRpcError as error:
        return error.code()
    if isinstance(answer, DiscoveryResponse):
        call.cancel()
        return answer
    return await call.code()


async def asked(
    channel: grpc.aio.Channel, type_url: str, *names: str
) -> DiscoveryResponse:
    """Return the answer to an administrator's request."""
    answer = await said(channel, type_url, *names)
    assert isinstance(answer, DiscoveryResponse), answer
    return answer


@CARRIERS
async def test_an_administrator_is_told_how_far_each_proxy_has_come(
    tmp_path: Path, carrier: Carrier
) -> None:
    made = plane(carrier, tmp_path)
    await made.write(REVIEWS)
    async with made.running() as channel:
        stream = await connected(channel)
        answer = await stream.read()

        async def status() -> int:
            (one,) = (await asked(channel, SYNCZ)).resources
            told = ClientConfig.FromString(one.value)
            assert told.node.id == NODE
            (only,) = told.generic_xds_configs
            assert only.type_url == TypeUrl.CLUSTER
            return only.config_status

        assert await status() == ConfigStatus.STALE
        await stream.call.write(delta_ack(answer))

        async def arrived() -> bool:
            return await status() == ConfigStatus.SYNCED

        await eventually(arrived)


@CARRIERS
async def test_an_administrator_is_shown_what_a_proxy_holds(
    tmp_path: Path, carrier: Carrier
) -> None:
    made = plane(carrier, tmp_path)
    await made.write(REVIEWS)
    async with made.running() as channel:
        stream = await connected(channel)
        await stream.read()
        shown = (await asked(channel, DUMP, "reviews-v1.default")).resources
        dump = ClustersConfigDump()
        assert shown[0].Unpack(dump)
        (one,) = dump.dynamic_active_clusters
        assert Cluster.FromString(one.cluster.value).name == CLUSTER
        assert await said(channel, DUMP) is grpc.StatusCode.NOT_FOUND
        odd = await said(channel, "istio.io/debug/else")
        assert odd is grpc.StatusCode.INVALID_ARGUMENT


@CARRIERS
async def test_nobody_else_is_told_anything(tmp_path: Path, carrier: Carrier) -> None:
    made = plane(carrier, tmp_path)
    async with made.running() as channel:
        await connected(channel)
        for token in ("", "guessed"):
            why = await said(channel, SYNCZ, token=token)
            assert why is grpc.StatusCode.UNAUTHENTICATED


async def test_without_a_token_file_nobody_is_told_anything() -> None:
    made = plane(Carrier.HTTP2, None)
    async with made.running() as channel:
        await connected(channel)
        assert await said(channel, SYNCZ) is grpc.StatusCode.PERMISSION_DENIED
