from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import grpc
import psutil
import pytest
from google.protobuf.wrappers_pb2 import Int32Value, StringValue

from meltemi.config.probe_text import read_probe
from meltemi.proxy.adapters.probing import Answer, Prober
from meltemi.proxy.health.probe import places
from meltemi.testkit.processes import free_port
from meltemi.testkit.shop import open_shop
from meltemi.testkit.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    Context = grpc.aio.ServicerContext[StringValue, Int32Value]

SERVING, NOT_SERVING = 1, 2


async def asked(probe: object) -> Answer:
    prober = Prober(places(None))
    try:
        return await prober.ask(read_probe(probe))
    finally:
        await prober.close()


@contextlib.asynccontextmanager
async def health_service(states: dict[str, int]) -> AsyncIterator[int]:
    """Serve grpc.health.v1."""

    async def check(request: StringValue, context: Context) -> Int32Value:
        if request.value not in states:
            await context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return Int32Value(value=states[request.value])

    method = grpc.unary_unary_rpc_method_handler(
        check, StringValue.FromString, Int32Value.SerializeToString
    )
    server = grpc.aio.server()
    service = grpc.method_handlers_generic_handler(
        "grpc.health.v1.Health", {"Check": method}
    )
    server.add_generic_rpc_handlers((service,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)


async def test_http_is_well_from_200_to_399_and_a_redirect_elsewhere_is_not_followed() -> (
    None
):
    with open_shop() as shop:
        seen = {}
        for path in ("/health", "/away", "/elsewhere", "/round", "/missing", "health"):
            get = {"httpGet": {"path": path, "port": shop.server_port}}
            answer = await asked(get)
            seen[path] = (answer.status, answer.trouble is None)
    assert seen == {
        "/health": (200, True),
        "/away": (200, True),
        "/elsewhere": (302, True),
        "/round": (500, False),
        "/missing": (404, False),
        "health": (200, True),
    }


async def test_http_sends_the_headers_it_is_told_and_reads_only_so_much() -> None:
    with open_shop() as shop:
        named = {"name": "User-Agent", "value": "checker"}
        get = {"path": "/health", "port": shop.server_port, "httpHeaders": [named]}
        assert (await asked({"httpGet": get})).text == b"well, checker\n"
        endless = {"httpGet": {"path": "/endless", "port": shop.server_port}}
        assert len((await asked(endless)).text) == 10 * 1024


async def test_silence_is_no_health() -> None:
    with open_shop() as shop:
        answer = await asked({"httpGet": {"path": "/never", "port": shop.server_port}})
    assert answer.trouble == "500 no answer within 1 s"


async def test_tcp_is_well_while_somebody_listens() -> None:
    with open_shop() as shop:
        socket = {"tcpSocket": {"port": shop.server_port}}
        assert (await asked(socket)).trouble is None
    assert (await asked(socket)).trouble


async def test_grpc_is_well_while_it_says_serving() -> None:
    async with health_service({"": SERVING, "shop": NOT_SERVING}) as port:
        probe = {"port": port}
        assert (await asked({"grpc": probe})).trouble is None
        sick = await asked({"grpc": {**probe, "service": "shop"}})
        unknown = await asked({"grpc": {**probe, "service": "other"}})
    assert "its status is 2" in str(sick.trouble)
    assert "NOT_FOUND" in str(unknown.trouble)
    assert (await asked({"grpc": {"port": free_port()}})).trouble


async def test_a_command_is_well_if_it_ends_with_0() -> None:
    assert (await asked({"exec": {"command": ["true"]}})).trouble is None
    failed = await asked({"exec": {"command": ["sh", "-c", "exit 3"]}})
    assert failed.trouble == "500 it ended with 3"
    assert (await asked({"exec": {"command": ["no-such-program"]}})).trouble


async def test_a_command_that_hangs_is_ended_with_all_it_started(
    tmp_path: Path,
) -> None:
    file = tmp_path / "pid"
    script = f"sleep 60 & echo $! > {file}; wait"
    answer = await asked({"exec": {"command": ["sh", "-c", script]}})
    assert answer.trouble == "500 no answer within 1 s"
    pid = int(file.read_text())

    def is_over() -> bool:
        try:
            return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    await until(is_over, seconds=5)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_host_may_be_named(host: str) -> None:
    with open_shop() as shop:
        get = {"path": "/health", "port": shop.server_port, "host": host}
        assert (await asked({"httpGet": get})).trouble is None
