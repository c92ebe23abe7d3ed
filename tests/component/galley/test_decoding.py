"""Large and hostile bodies: read elsewhere, given up in time."""

from __future__ import annotations

import asyncio
from time import perf_counter

import pytest

from meltemi.config.finding import InvalidConfigError
from meltemi.galley.adapters import decoding
from meltemi.galley.adapters.decoding import SMALL, Decoder
from meltemi.galley.refusals import BusyError, TooCostlyError
from meltemi.testkit.hostile import HOSTILE, rules

pytestmark = pytest.mark.timeout(60)
LARGEST_PAUSE = 0.1
"""Seconds the loop may be held up, on a machine that is busy with other tests."""


async def read(decoder: Decoder, data: bytes) -> object:
    return await decoder.decode(data, file="a", default_namespace="default")


async def test_a_large_text_reads_as_a_small_one_does() -> None:
    async with Decoder() as decoder:
        large = await decoder.decode(rules(300), file="a", default_namespace="default")
        (small,) = await decoder.decode(rules(1), file="a", default_namespace="default")
        assert len(large) == 300
        assert large[0] == small
        with pytest.raises(InvalidConfigError) as caught:
            await read(decoder, rules(300).replace(b"host: reviews", b"hst: reviews"))
    place = caught.value.findings[1].source
    assert (place.file, place.document) == ("a", 1)


LARGE = [name for name, make in HOSTILE.items() if len(make().body) > SMALL]


@pytest.mark.parametrize("name", LARGE)
async def test_a_hostile_text_is_refused_and_does_not_hold_up_the_loop(
    name: str,
) -> None:
    pauses: list[float] = []
    beaten = asyncio.Event()

    async def beat() -> None:
        last = perf_counter()
        while True:
            await asyncio.sleep(0.001)
            now = perf_counter()
            pauses.append(now - last)
            beaten.set()
            last = now

    async with Decoder() as decoder:
        await read(decoder, rules(200))  # the process is up
        async with asyncio.TaskGroup() as tasks:
            beating = tasks.create_task(beat())
            with pytest.raises((InvalidConfigError, TooCostlyError)):
                await read(decoder, HOSTILE[name]().body)
            await beaten.wait()  # also where it was refused within a beat
            beating.cancel()
    assert max(pauses) < LARGEST_PAUSE


async def test_a_text_that_takes_too_long_is_given_up_and_the_next_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Decoder() as decoder:
        await read(decoder, rules(200))
        monkeypatch.setattr(decoding, "SECONDS", 0.001)
        with pytest.raises(TooCostlyError, match="one by one"):
            await read(decoder, rules(2_000))
        monkeypatch.setattr(decoding, "SECONDS", 20)
        assert await read(decoder, rules(200))


async def test_only_so_many_large_texts_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "MOST_WAITING", 1)
    async with Decoder() as decoder, asyncio.TaskGroup() as tasks:
        first = tasks.create_task(read(decoder, rules(200)))
        await asyncio.sleep(0)
        with pytest.raises(BusyError):
            await read(decoder, rules(200))
        assert await first
