"""Servers of configuration that stumble, refuse, or speak nonsense."""

from __future__ import annotations

import asyncio
import contextlib
from random import Random
from typing import TYPE_CHECKING

import grpc
import pytest
from envoy.service.discovery.v3.discovery_pb2 import DiscoveryRequest, DiscoveryResponse
from google.protobuf.any_pb2 import Any
from structlog.testing import capture_logs

from meltemi.kernel.clock import SystemClock
from meltemi.pilot.adapters.mcp_ledger import ENDED, PAUSE, McpLedger
from meltemi.runtime.settings import Address
from meltemi.store.ports import LedgerUnavailableError
from meltemi.testkit.corpus.wire import msg, num
from meltemi.testkit.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    Context = grpc.aio.ServicerContext[bytes, bytes]
    Behaviour = Callable[[Context], Awaitable[None]]

CLOCK = SystemClock()
KINDS = 5
SEED = 1
VIRTUAL_SERVICE = "networking.istio.io/v1/VirtualService"
URL = "type.googleapis.com/istio.networking.v1alpha3.VirtualService"


class Server(grpc.GenericRpcHandler):
    """A server that does with its n-th call what the n-th behaviour says."""

    def __init__(self, *behaviours: Behaviour) -> None:
        self._behaviours = behaviours
        self.calls: list[float] = []
        """When each began."""

    def service(
        self, _details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[bytes, bytes]:
        return grpc.stream_stream_rpc_method_handler(self._serve)

    async def _serve(self, _requests: object, context: Context) -> None:
        self.calls.append(CLOCK.monotonic())
        at = min(len(self.calls), len(self._behaviours)) - 1
        await self._behaviours[at](context)


@contextlib.asynccontextmanager
async def followed(server: Server) -> AsyncIterator[McpLedger]:
    running = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    running.add_generic_rpc_handlers((server,))
    port = running.add_insecure_port("127.0.0.1:0")
    await running.start()
    ledger = McpLedger(Address("127.0.0.1", port), "default", Random(SEED))  # noqa: S311 - any will do
    try:
        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(ledger.run())
            yield ledger
            assert not following.done(), "it follows the server, whatever that says"
            following.cancel()
    finally:
        await running.stop(0)


async def tell(context: Context, *objects: bytes) -> None:
    """Answer the first request for each kind; with ``objects`` for VirtualServices."""
    for _ in range(KINDS):
        asked = DiscoveryRequest.FromString(await context.read())
        await answer(context, asked.type_url, *objects)


async def answer(context: Context, kind: str, *objects: bytes) -> None:
    found = objects if kind == VIRTUAL_SERVICE else ()
    resources = [Any(value=each) for each in found]
    made = DiscoveryResponse(type_url=kind, nonce="n", resources=resources)
    await context.write(made.SerializeToString())


async def good(context: Context) -> None:
    await tell(context, virtual_service("shop/a"))
    await asyncio.Event().wait()


def virtual_service(name: str, body: bytes = b"") -> bytes:
    body = msg(1, "a.example.com") + body
    return msg(1, msg(1, name)) + msg(2, msg(1, URL), msg(2, body))


async def refuse_at_once(context: Context) -> None:
    await context.abort(grpc.StatusCode.UNAVAILABLE, "warming up")


async def refuse_the_first(context: Context) -> None:
    await context.read()
    await context.abort(grpc.StatusCode.UNAVAILABLE, "warming up")


async def say_it_was_cancelled(context: Context) -> None:
    await context.read()
    await context.abort(grpc.StatusCode.CANCELLED, "warming up")


async def leave_in_the_middle(context: Context) -> None:
    for _ in range(3):
        asked = DiscoveryRequest.FromString(await context.read())
        await answer(context, asked.type_url)
    await context.abort(grpc.StatusCode.UNAVAILABLE, "warming up")


async def end(context: Context) -> None:
    await context.read()


async def babble(context: Context) -> None:
    await context.read()
    await context.write(b"\xff\xff\xff")
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("stumble", "words"),
    [
        (refuse_at_once, "warming up"),
        (refuse_the_first, "warming up"),
        (say_it_was_cancelled, "warming up"),
        (leave_in_the_middle, "warming up"),
        (end, ENDED),
        (babble, "expected a DiscoveryResponse"),
    ],
)
async def test_a_server_that_stumbles_is_asked_again_and_each_reason_said_once(
    stumble: Behaviour, words: str
) -> None:
    server = Server(stumble, stumble, stumble, good)
    with capture_logs() as lines:
        async with followed(server) as ledger:
            await until(lambda: len(server.calls) == 4)
            async with asyncio.timeout(20):
                (entry,) = (await ledger.list("/")).entries
            assert entry.key.endswith("/shop/a")
    told = [each for each in lines if each["event"] == "mcp.away"]
    errors = [each["error"] for each in told]
    assert sorted(set(errors)) == sorted(errors), "each is said once"
    assert all(words in each or each == ENDED for each in errors), errors
    assert told[0]["server"].startswith("127.0.0.1:")


async def test_before_a_server_told_all_it_is_said_why_not() -> None:
    async with followed(Server(babble)) as ledger:
        with pytest.raises(LedgerUnavailableError, match="expected a Discovery"):
            await ledger.list("/")


async def test_what_a_server_said_holds_while_it_speaks_nonsense() -> None:
    async def once(context: Context) -> None:
        await tell(context, virtual_service("shop/a"))
        for _ in range(KINDS):
            await context.read()

    server = Server(once, babble)
    async with followed(server) as ledger:
        await until(lambda: len(server.calls) == 3)
        assert len((await ledger.list("/")).entries) == 1


async def test_a_server_that_stays_away_is_asked_less_and_less() -> None:
    tries = 5
    server = Server(refuse_the_first)
    async with followed(server):
        await until(lambda: len(server.calls) == tries, seconds=60)
    rng = Random(SEED)  # noqa: S311 - the same as above
    least = sum(PAUSE.delay(each, rng) for each in range(tries - 1))
    assert server.calls[-1] - server.calls[0] >= 0.9 * least


async def test_a_server_is_told_which_object_was_refused_and_which_response_taken() -> (
    None
):
    said: list[DiscoveryRequest] = []

    async def listen(context: Context) -> None:
        await tell(context, virtual_service("shop/a"))
        bad = virtual_service("shop/a", num(99, 1))
        await answer(context, VIRTUAL_SERVICE, bad)
        while True:
            said.append(DiscoveryRequest.FromString(await context.read()))

    async with followed(Server(listen)) as ledger:
        await until(lambda: len(said) == KINDS + 1)
        assert len((await ledger.list("/")).entries) == 1, "it stays as it was"
    *accepted, refused = said
    assert not any(each.HasField("error_detail") for each in accepted)
    assert refused.response_nonce == "n"
    assert refused.type_url == VIRTUAL_SERVICE
    assert "shop/a" in refused.error_detail.message
