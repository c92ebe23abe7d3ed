"""Large and hostile bodies: read elsewhere, given up in time."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING

import pytest

from meltemi.config.decode import TEXT_LIMIT
from meltemi.config.finding import InvalidConfigError
from meltemi.galley.adapters import decoding
from meltemi.galley.adapters.decoding import Decoder
from meltemi.galley.refusals import BusyError, TooCostlyError

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.timeout(60)
LARGEST_PAUSE = 0.1
"""Seconds the loop may be held up, on a machine that is busy with other tests."""


def rules(number: int) -> bytes:
    return "\n---\n".join(
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\n"
        f"metadata: {{name: rule-{each}, resourceVersion: '7'}}\n"
        "spec: {host: reviews, trafficPolicy: {connectionPool: {tcp: {connectTimeout: 1s}}}}"
        for each in range(number)
    ).encode()


HOSTILE: dict[str, Callable[[], bytes]] = {
    "many small items": lambda: b"- a\n" * (TEXT_LIMIT // 4),
    "deep brackets": lambda: b"[" * TEXT_LIMIT,
    "deep braces": lambda: b'{"a":' * (TEXT_LIMIT // 5),
    "many keys": lambda: b"".join(b"k%d: 1\n" % n for n in range(90_000)),
    "an alias bomb": lambda: b"a: &a [x]\n" + b"b: [*a,*a,*a]\n" * 70_000,
    "one long word": lambda: b"a: " + b"x" * (TEXT_LIMIT - 3),
    "many documents": lambda: b"---\na: 1\n" * (TEXT_LIMIT // 9),
    "many comments": lambda: b"#\n" * (TEXT_LIMIT // 2),
    "quotes": lambda: b'"\\x' + b"41" * 500_000,
}


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


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_text_is_refused_and_does_not_hold_up_the_loop(
    name: str,
) -> None:
    pauses: list[float] = []

    async def beat() -> None:
        last = perf_counter()
        while True:
            await asyncio.sleep(0.001)
            now = perf_counter()
            pauses.append(now - last)
            last = now

    async with Decoder() as decoder:
        await read(decoder, rules(200))  # the process is up
        async with asyncio.TaskGroup() as tasks:
            beating = tasks.create_task(beat())
            with pytest.raises((InvalidConfigError, TooCostlyError)):
                await read(decoder, HOSTILE[name]())
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
