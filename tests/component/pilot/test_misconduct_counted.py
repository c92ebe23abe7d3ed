"""F-28: what bad proxies cost the good ones, counted and not timed: nothing."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from envoy.service.discovery.v3.discovery_pb2 import (
    DeltaDiscoveryRequest,
    DeltaDiscoveryResponse,
)

from meltemi.pilot.settings import Carrier
from meltemi.testkit.pilots import (
    ADS,
    NODE,
    REVIEWS,
    PilotAlone,
    Stream,
    connected,
    delta_ack,
)
from meltemi.testkit.waiting import until
from meltemi.xds.session import Session
from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

GOOD = 6
CHANGES = 5
SECONDS = 60.0
OWN = [("grpc.use_local_subchannel_pool", 1)]
"""A connection of its own."""
STALE = DeltaDiscoveryRequest(type_url=TypeUrl.CLUSTER, response_nonce="old")

Acts = Counter[str]


async def refusing(channel: grpc.aio.Channel, acts: Acts) -> None:
    """Refuse everything, and say of each response that an older one was meant."""
    stream = await connected(channel, node=node("refusing"))
    while isinstance(answer := await stream.call.read(), DeltaDiscoveryResponse):
        nack = delta_ack(answer)
        nack.error_detail.message = "no"
        for said in (STALE, nack, STALE):
            await stream.call.write(said)
        acts["refusing"] += 1


async def silent(channel: grpc.aio.Channel, acts: Acts) -> None:
    """Take the first response, answer nothing and read no more."""
    stream = await connected(channel, node=node("silent"))
    await stream.read()
    acts["silent"] += 1
    await asyncio.Event().wait()


async def flapping(channel: grpc.aio.Channel, acts: Acts) -> None:
    """Come, take everything, and be gone."""
    while True:
        stream = await connected(channel, node=node("flapping"))
        await stream.read()
        stream.call.cancel()
        acts["flapping"] += 1


async def garbage(channel: grpc.aio.Channel, acts: Acts) -> None:
    """Say what no proxy says."""
    method: Any = channel.stream_stream(f"{ADS}/DeltaAggregatedResources")
    while True:
        call = method(wait_for_ready=True)
        with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
            await call.write(b"\xff" * 100)
        assert await call.code() is grpc.StatusCode.INVALID_ARGUMENT
        acts["garbage"] += 1


BAD: tuple[Callable[[grpc.aio.Channel, Acts], Awaitable[None]], ...] = (
    refusing,
    silent,
    flapping,
    garbage,
)


def node(name: str) -> str:
    return NODE.replace("reviews-v1", name)


@contextlib.asynccontextmanager
async def misbehaving(plane: PilotAlone) -> AsyncIterator[Acts]:
    """Have one of each kind do its worst while the context lasts; count what they do."""
    acts: Acts = Counter()
    target = str(plane.settings.xds_address)

    async def one(worst: Callable[[grpc.aio.Channel, Acts], Awaitable[None]]) -> None:
        async with grpc.aio.insecure_channel(target, OWN) as channel:
            await worst(channel, acts)

    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(one(each)) for each in BAD]
        yield acts
        for each in running:
            each.cancel()


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> Counter[int]:
    """How often each stream was asked what it is to be sent, by its session."""
    counted: Counter[int] = Counter()
    kept: list[Session] = []  # so that no other gets the number of one that is gone
    pushes = Session.pushes

    def counting(session: Session) -> Any:
        counted[id(session)] += 1
        kept.append(session)
        return pushes(session)

    monkeypatch.setattr(Session, "pushes", counting)
    return counted


async def changed(plane: PilotAlone, good: list[Stream], name: str) -> list[int]:
    """Have a service appear; return the bytes of what each good proxy is sent for it."""
    await plane.write(REVIEWS.replace("reviews", name))
    sizes: list[int] = []
    for each in good:
        answer = await each.read()
        (found,) = answer.resources
        assert name in found.name, "this change, and not one before it once more"
        sizes.append(len(found.resource.value))
        await each.call.write(delta_ack(answer))
    return sizes


def worse(acts: Acts, before: Acts) -> bool:
    """Tell whether each has done its worst, and those that can do it anew have."""
    again = ("refusing", "flapping", "garbage")
    return acts["silent"] > 0 and all(acts[each] > before[each] for each in again)


@pytest.mark.parametrize("carrier", Carrier)
async def test_f_28_bad_proxies_cost_the_good_no_turn_and_no_byte(
    carrier: Carrier, turns: Counter[int]
) -> None:
    plane = PilotAlone(carrier)
    await plane.write(REVIEWS)
    async with plane.running() as channel:
        good = [await connected(channel, node=node(f"it-{n}")) for n in range(GOOD)]
        for each in good:
            await each.call.write(delta_ack(await each.read()))
        alone = [await changed(plane, good, f"alone-{n}") for n in range(CHANGES)]
        theirs, taken = set(turns), Counter(turns)
        async with misbehaving(plane) as acts:
            among, before = [], Counter[str]()
            for number in range(CHANGES):
                await until(partial(worse, acts, before), seconds=SECONDS)
                before = Counter(acts)
                among.append(await changed(plane, good, f"among-{number}"))
    assert among == alone, "the same bytes, in one response each"
    for one in theirs:
        assert turns[one] - taken[one] <= 2 * CHANGES + 1, "a change, and its answer"
    assert turns.keys() - theirs, "the bad had turns of their own"
