"""F-34: what a stream held is free when it ends, and not when the collector comes."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from typing import TYPE_CHECKING

import grpc
import pytest

from meltemi.pilot.settings import Carrier
from meltemi.testkit.pilots import NODE, REVIEWS, PilotAlone, connected, delta_ack
from meltemi.testkit.waiting import until
from meltemi.xds.differences import Difference
from meltemi.xds.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

PROXIES = 5
REVISIONS = 20


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Have no circle of objects found while the context lasts."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def differences() -> int:
    gc.collect()
    return sum(isinstance(each, Difference) for each in gc.get_objects())


def sessions() -> int:
    return sum(isinstance(each, Session) for each in gc.get_objects())


@pytest.mark.parametrize("carrier", Carrier)
@pytest.mark.parametrize("how", ["leaves", "is lost"])
async def test_f_34_a_stream_that_ended_holds_nothing_any_more(
    carrier: Carrier, how: str
) -> None:
    plane = PilotAlone(carrier)
    await plane.write(REVIEWS)
    async with plane.running() as channel:
        with uncollected():
            streams = [
                await connected(channel, node=NODE.replace("reviews-v1", f"it-{each}"))
                for each in range(PROXIES)
            ]
            for each in streams:
                await each.call.write(delta_ack(await each.read()))
            assert sessions() == PROXIES
            for each in streams:
                if how == "leaves":
                    await each.call.done_writing()
                    with contextlib.suppress(grpc.aio.AioRpcError):
                        async with asyncio.timeout(10):
                            while await each.call.read() is not grpc.aio.EOF:
                                pass
                else:
                    each.call.cancel()
            await until(lambda: sessions() == 0)


async def test_f_34_what_no_revision_needs_any_more_is_free() -> None:
    plane = PilotAlone(Carrier.HTTP2)
    await plane.write(REVIEWS)
    async with plane.running() as channel:
        stream = await connected(channel)
        await stream.call.write(delta_ack(await stream.read()))
        before = differences()
        for number in range(REVISIONS):
            await plane.write(REVIEWS.replace("9080", f"{9081 + number}"))
            while (answer := await stream.read()).removed_resources == []:
                await stream.call.write(delta_ack(answer))
            await stream.call.write(delta_ack(answer))
        assert differences() - before < REVISIONS // 2
