"""An agent that tells Pilots what its Envoy counted, whoever of them lives."""

from __future__ import annotations

import asyncio
import contextlib
from random import Random
from typing import TYPE_CHECKING

import grpc
import pytest
from envoy.config.core.v3.base_pb2 import Node
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from meltemi.proxy.adapters import envoy_admin, stats_reporter
from meltemi.proxy.adapters.dial import dial_plain
from meltemi.proxy.adapters.envoy_admin import (
    LARGEST,
    EnvoyAdmin,
    EnvoyAwayError,
    PageTooLargeError,
)
from meltemi.proxy.adapters.following import Pilots
from meltemi.proxy.adapters.stats_reporter import StatsReporter
from meltemi.proxy.ring import PilotRing
from meltemi.stats.counts import number
from meltemi.stats.report import METHOD, decoded
from meltemi.testkit.agents import NOWHERE, local
from meltemi.testkit.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from meltemi.runtime.settings import Address

ODD = b'envoy_istio_requests_total{reporter="source",destination_service="\xff\xc2\x85"} 2\n'
LINE = 'envoy_istio_requests_total{{reporter="source",response_code="200",request_protocol="http"}} {}\n'


class Admin(EnvoyAdmin):
    """An Envoy that has counted so many requests; None: it is away."""

    requests: int | None = None
    too_large = False
    more = b""

    async def traffic(self) -> bytes:
        if self.too_large:
            raise PageTooLargeError("over 16777216 bytes")
        if self.requests is None:
            raise EnvoyAwayError("it starts")
        return LINE.format(self.requests).encode() + self.more


class Desk(grpc.GenericRpcHandler):
    """A Pilot's, which adds what it hears."""

    def __init__(self) -> None:
        self.heard = 0.0

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        assert handler_call_details.method == METHOD
        return grpc.unary_unary_rpc_method_handler(self._take)

    async def _take(self, raw: bytes, _: object) -> bytes:
        for each in decoded(raw).edges:
            self.heard += number(each.counts, "requests")
        return b""


@contextlib.asynccontextmanager
async def pilot(address: Address, desk: Desk) -> AsyncIterator[None]:
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((desk,))
    server.add_insecure_port(str(address))
    await server.start()
    yield
    await server.stop(0)


@contextlib.asynccontextmanager
async def reporting(admin: Admin, *pilots: Address) -> AsyncIterator[CollectorRegistry]:
    ring = PilotRing(pilots, "x")
    ring.prefer(pilots[0])
    asked = Pilots(ring, dial_plain, Node(), Random(1))  # noqa: S311 - a jitter
    registry = CollectorRegistry()
    part = StatsReporter(admin, asked, registry)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(part.run())
        yield registry
        running.cancel()
    await admin.close()


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stats_reporter, "PERIOD_SECONDS", 0.05)


async def test_each_request_is_told_once_whichever_pilot_is_there() -> None:
    admin, desk, other = Admin(NOWHERE), Desk(), Desk()
    one, two = local(), local()
    async with reporting(admin, NOWHERE, one, two):
        async with pilot(one, desk):
            admin.requests = 3
            await until(lambda: desk.heard == 3)
            admin.requests = 10
            await until(lambda: desk.heard == 10)
        admin.requests = 15
        async with pilot(two, other):
            await until(lambda: other.heard == 5)
            admin.requests = 17
            await until(lambda: other.heard == 7)
    assert desk.heard == 10


async def test_what_nobody_heard_is_told_when_somebody_does() -> None:
    admin, desk, late = Admin(NOWHERE), Desk(), local()
    async with reporting(admin, late):
        admin.requests = 40
        async with pilot(late, desk):
            await until(lambda: desk.heard == 40)


async def test_an_envoy_that_began_anew_is_counted_from_nothing() -> None:
    admin, desk, place = Admin(NOWHERE), Desk(), local()
    async with pilot(place, desk), reporting(admin, place):
        admin.requests = 9
        await until(lambda: desk.heard == 9)
        admin.requests = None
        admin.requests = 4
        await until(lambda: desk.heard == 13)


async def test_a_label_may_be_made_of_any_bytes() -> None:
    admin, desk, place = Admin(NOWHERE), Desk(), local()
    async with pilot(place, desk), reporting(admin, place):
        admin.more = ODD
        admin.requests = 9
        await until(lambda: desk.heard == 11)


async def test_a_page_that_is_too_large_is_warned_of_once_and_counted() -> None:
    admin, desk, place = Admin(NOWHERE), Desk(), local()
    admin.too_large = True
    with capture_logs() as logs:
        async with pilot(place, desk), reporting(admin, place) as registry:

            def unread() -> float:
                name = "meltemi_agent_stats_reports_total"
                return registry.get_sample_value(name, {"result": "too_large"}) or 0

            await until(lambda: unread() >= 3)
            admin.too_large, admin.requests = False, 4
            await until(lambda: desk.heard == 4)
    told = [each for each in logs if each["event"] != "stats.lost"]
    assert [(each["event"], each["log_level"]) for each in told] == [
        ("stats.too_large", "warning"),
        ("stats.readable", "info"),
    ]
    assert "AGENT_STATS_EVICTION_SECONDS" in told[0]["do"]
    assert (told[0]["limit"], told[0]["error"]) == (LARGEST, "over 16777216 bytes")


async def test_envoys_page_is_read_up_to_a_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def answer(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n" + b"x" * 1000)
        await writer.drain()
        writer.close()

    place = local()
    async with await asyncio.start_server(answer, place.host, place.port):
        admin = EnvoyAdmin(place)
        assert len(await admin.traffic()) == 1000
        monkeypatch.setattr(envoy_admin, "LARGEST", 999)
        with pytest.raises(PageTooLargeError, match="999 bytes: 1000 were read"):
            await admin.traffic()
        await admin.close()
