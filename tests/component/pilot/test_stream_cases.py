"""Adversarial case 43 and threat T11: who asks for too much pays for it alone."""

from __future__ import annotations

import asyncio
import contextlib
from itertools import count
from typing import TYPE_CHECKING

import grpc
import pytest
from envoy.service.discovery.v3.discovery_pb2 import (
    DeltaDiscoveryRequest,
)

from meltemi.pilot.adapters.allowance import (
    MESSAGES_AT_ONCE,
    REFUSALS_AT_ONCE,
    STRANGE_NAMES,
    STREAMS,
)
from meltemi.pilot.settings import Carrier
from meltemi.testkit.pilots import (
    ADS,
    CLUSTER,
    METADATA,
    NODE,
    REVIEWS,
    PilotAlone,
    Stream,
    connected,
    delta_ack,
)
from meltemi.testkit.waiting import until
from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

METHOD = f"{ADS}/DeltaAggregatedResources"
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED
INVALID = grpc.StatusCode.INVALID_ARGUMENT
OTHERS = 100
CHANGES = 5
HUNDRED_MIB = 100 << 20


@pytest.fixture(params=Carrier)
async def plane(request: pytest.FixtureRequest) -> PilotAlone:
    made = PilotAlone(request.param)
    await made.write(REVIEWS)
    return made


@contextlib.asynccontextmanager
async def stranger(plane: PilotAlone) -> AsyncIterator[grpc.aio.Channel]:
    """Yield a connection of its own, on which anything can be sent."""
    options = [
        ("grpc.max_send_message_length", -1),
        ("grpc.use_local_subchannel_pool", 1),
    ]
    target = str(plane.settings.xds_address)
    async with grpc.aio.insecure_channel(target, options) as channel:
        yield channel


def hello(**metadata: object) -> DeltaDiscoveryRequest:
    request = DeltaDiscoveryRequest(type_url=TypeUrl.CLUSTER)
    request.node.id = NODE.replace("reviews-v1", "hostile")
    request.node.metadata.update(METADATA | metadata)
    return request


def names(number: int) -> bytes:
    asked = hello()
    asked.type_url = TypeUrl.ENDPOINT
    asked.resource_names_subscribe.extend(str(each) for each in range(number))
    return asked.SerializeToString()


def deep() -> bytes:
    value: object = 1
    for _ in range(20):
        value = [value]
    return hello(DEEP=value).SerializeToString()


ABUSES: dict[str, tuple[Callable[[], bytes], grpc.StatusCode]] = {
    "a million names": (lambda: names(1_000_000), EXHAUSTED),
    "more names than there can be": (lambda: names(STRANGE_NAMES + 100), EXHAUSTED),
    "100 MiB": (lambda: bytes(HUNDRED_MIB), EXHAUSTED),
    "large metadata": (lambda: hello(X="x" * 70_000).SerializeToString(), INVALID),
    "deep metadata": (deep, INVALID),
    "no request": (lambda: b"\xff" * 100, INVALID),
}


async def abuse(
    channel: grpc.aio.Channel, message: bytes, packing: grpc.Compression | None = None
) -> grpc.StatusCode:
    """Say ``message`` on a new stream; return what that ends with."""
    method: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(
        METHOD
    )
    call = method(wait_for_ready=True, compression=packing)
    with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
        await call.write(message)
    async with asyncio.timeout(20):
        return await call.code()


@pytest.mark.parametrize("what", ABUSES)
async def test_case_43_too_much_ends_the_stream(plane: PilotAlone, what: str) -> None:
    made, status = ABUSES[what]
    async with plane.running() as channel, stranger(plane) as other:
        stream = await connected(channel)
        assert await abuse(other, made()) is status
        await stream.call.write(delta_ack(await stream.read()))
        await plane.write(REVIEWS.replace("reviews", "ratings"))
        assert (await stream.read()).resources, "nobody else noticed"


async def test_case_43_a_bomb_is_not_unpacked(plane: PilotAlone) -> None:
    async with plane.running() as channel, stranger(plane) as other:
        await connected(channel)
        bomb = bytes(HUNDRED_MIB)
        ours = plane.settings.transport is Carrier.HTTP2  # it unpacks nothing at all
        refused = grpc.StatusCode.UNIMPLEMENTED if ours else EXHAUSTED
        assert await abuse(other, bomb, grpc.Compression.Gzip) is refused


async def test_case_43_unknown_types_and_old_answers_change_nothing(
    plane: PilotAlone,
) -> None:
    async with plane.running() as channel:
        stream = await connected(channel)
        answer = await stream.read()
        for odd in (
            DeltaDiscoveryRequest(type_url="type.googleapis.com/no.such.Type"),
            DeltaDiscoveryRequest(type_url=answer.type_url, response_nonce="wrong"),
        ):
            await stream.call.write(odd)
        await plane.write(REVIEWS.replace("reviews", "ratings"))
        await stream.call.write(delta_ack(answer))
        (fresh,) = (await stream.read()).resources
        assert fresh.name == CLUSTER.replace("reviews", "ratings"), "the next, once"


FLOODS = {
    "answers": (int(MESSAGES_AT_ONCE) + 50, False),
    "refusals": (int(REFUSALS_AT_ONCE) + 2, True),
}
"""Some more than may come at once, and whether they refuse."""


@pytest.mark.parametrize("what", FLOODS)
async def test_case_43_a_flood_is_read_at_a_measured_pace(
    plane: PilotAlone, what: str
) -> None:
    number, refuse = FLOODS[what]
    async with plane.running() as channel:
        stream = await connected(channel)
        await stream.read()
        loop = asyncio.get_running_loop()
        begun = loop.time()
        said = DeltaDiscoveryRequest(type_url=TypeUrl.CLUSTER, response_nonce="old")
        if refuse:
            said.error_detail.message = "no"
        for _ in range(number):
            await stream.call.write(said)
        endpoint = DeltaDiscoveryRequest(type_url=TypeUrl.ENDPOINT)
        endpoint.resource_names_subscribe.append("ghost")
        await stream.call.write(endpoint)
        (ghost,) = (await stream.read()).resources
        assert ghost.name == "ghost"
        assert loop.time() - begun > 0.4, "those too many take their time"


async def test_t11_who_refuses_everything_is_left_alone_soon(
    plane: PilotAlone,
) -> None:
    await plane.write("---".join(REVIEWS.replace("reviews", f"s{n}") for n in range(8)))
    async with plane.running() as channel:
        stream = await connected(channel)
        refused = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(3):
                while True:
                    answer = await stream.read()
                    refused += 1
                    assert refused < 40, "a loop"
                    nack = delta_ack(answer)
                    nack.error_detail.message = "no"
                    await stream.call.write(nack)
        assert refused >= 9, "each was tried by itself"


async def test_t11_one_caller_has_four_streams_and_the_newest_ones(
    plane: PilotAlone,
) -> None:
    async with plane.running() as channel:
        streams = [await connected(channel) for _ in range(STREAMS + 3)]
        answers = {each: await each.read() for each in streams}
        for each in streams[:3]:
            async with asyncio.timeout(10):
                assert await each.call.code() is EXHAUSTED
        await plane.write(REVIEWS.replace("reviews", "ratings"))
        for each in streams[3:]:
            await each.call.write(delta_ack(answers[each]))
            assert (await each.read()).resources


async def test_t11_a_hundred_others_get_their_changes_in_time(
    plane: PilotAlone,
) -> None:
    stop = asyncio.Event()

    async def keep_abusing() -> None:
        async with stranger(plane) as channel:
            messages = [made() for made, _ in ABUSES.values()]
            for turn in count():
                if stop.is_set():
                    return
                await abuse(channel, messages[turn % len(messages)])

    async with plane.running() as channel, asyncio.TaskGroup() as tasks:
        others = [
            await connected(channel, node=NODE.replace("reviews-v1", f"other-{number}"))
            for number in range(OTHERS - 1)
        ]
        for each in others:
            await each.call.write(delta_ack(await each.read()))
        tasks.create_task(keep_abusing())
        took = [
            seconds
            for change in range(CHANGES)
            for seconds in await delays(plane, others, f"change-{change}")
        ]
        stop.set()
    assert sorted(took)[int(len(took) * 0.99)] < 1


async def delays(plane: PilotAlone, streams: list[Stream], name: str) -> list[float]:
    """Write a service; return after how many seconds each proxy had its cluster."""
    loop = asyncio.get_running_loop()
    had: list[float] = []

    async def take(stream: Stream) -> None:
        answer = await stream.read()
        had.append(loop.time() - begun)
        await stream.call.write(delta_ack(answer))

    begun = loop.time()
    async with asyncio.TaskGroup() as tasks:
        await plane.write(REVIEWS.replace("reviews", name))
        for each in streams:
            tasks.create_task(take(each))
    await until(lambda: len(had) == len(streams))
    return had
