"""What only a real NATS can show: a server that is away at the start, or frozen."""

from __future__ import annotations

import asyncio
import signal
from contextlib import aclosing

import pytest

from meltemi.bus.nats import NatsBus
from meltemi.bus.ports import Message
from meltemi.testkit.processes import free_port, nats_server
from meltemi.testkit.waiting import until

pytestmark = pytest.mark.timeout(60)


async def test_a_server_that_is_away_at_the_start_hinders_nobody() -> None:
    clock = asyncio.get_running_loop().time
    started = clock()
    async with NatsBus(f"nats://127.0.0.1:{free_port()}") as bus:
        assert await bus.publish(Message("mesh.a")) is False
        async with aclosing(bus.subscribe("mesh.>")) as listening:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await anext(listening)
    assert clock() - started < 2


async def test_a_frozen_server_makes_nobody_wait() -> None:
    with nats_server() as server:
        async with NatsBus(server.url) as bus:
            await until(lambda: bus.connected)
            process = server.program.process
            assert process is not None
            process.send_signal(signal.SIGSTOP)
            clock = asyncio.get_running_loop().time
            started = clock()
            sent = [
                await bus.publish(Message("mesh.a", body=b"x" * 100_000))
                for _ in range(200)
            ]
            assert clock() - started < 2
            assert sent[0] is True
            assert sent[-1] is False, "dropped, not kept"
            process.send_signal(signal.SIGCONT)


async def test_an_error_inside_the_context_leaves_it_as_it_is() -> None:
    with pytest.raises(LookupError):
        async with NatsBus(f"nats://127.0.0.1:{free_port()}"):
            raise LookupError
