"""Envoy's configuration stream, passed to a Pilot byte for byte.

The one thing Envoy does not tell a new Pilot is added: what it refused of the last.

Envoy ──unix──▶ inbox ──▶ Pilot          one fresh upstream for each stream
      ◀──────── recorder ◀──             what Envoy acknowledges is remembered
      ◀── lane ◀── modules ◀──           extensions go their own way (`ExtensionLane`)
      ◀──────── replay                   when no Pilot answers
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import grpc
import structlog
from envoy.service.discovery.v3.discovery_pb2 import (
    DeltaDiscoveryRequest,
    DeltaDiscoveryResponse,
)
from google.protobuf.message import DecodeError
from prometheus_client import Counter

from meltemi.kernel.backoff import Backoff
from meltemi.proxy.adapters.extension_lane import ExtensionLane
from meltemi.proxy.replay import Replay
from meltemi.xds.floor import FLOOR_HEADER
from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from random import Random

    from prometheus_client import CollectorRegistry

    from meltemi.proxy.adapters.checkpoint_file import CheckpointFile
    from meltemi.proxy.adapters.module_desk import ModuleDesk
    from meltemi.proxy.checkpoint import Recorder
    from meltemi.proxy.ring import PilotRing
    from meltemi.runtime.settings import Address

    Context = grpc.aio.ServicerContext[bytes, bytes]
    Dial = Callable[[Address], grpc.aio.Channel | None]

SERVICE = "envoy.service.discovery.v3.AggregatedDiscoveryService"
METHOD = "DeltaAggregatedResources"

CONNECT_SECONDS = 1.0
FIRST_ANSWER_SECONDS = 5.0
"""A Pilot may wait 2 s for the newest configuration before its first answer."""

SETTLE_SECONDS = 1.0
"""A Pilot that will not serve a stream ends it sooner."""

LOOKING = Backoff(first=0.5, ceiling=5.0)
"""How often to look for a Pilot while Envoy lives on its checkpoint."""

Envelope = TypeVar("Envelope", DeltaDiscoveryRequest, DeltaDiscoveryResponse)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Memory:
    """What Envoy holds: in memory, and as it outlives the agent."""

    recorder: Recorder
    file: CheckpointFile
    modules: ModuleDesk


class Inbox:
    """What Envoy said on one stream, kept until somebody has answered it.

    ``cold`` tells of an Envoy that holds nothing yet; it is known once ``opened``.
    ``held`` tells that a Pilot serves the stream; extensions go by the ``lane``.

    The queue has no bound of its own: Envoy acknowledges and subscribes, it does not
    flood, and a bound would stop both directions at once.
    """

    def __init__(self, lane: ExtensionLane) -> None:
        self.lane = lane
        self.cold = True
        self.opened = asyncio.Event()
        self.held = False
        self._early: list[bytes] = []
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()

    def put(self, raw: bytes | None) -> None:
        """Take a message; None when Envoy has ended the stream."""
        self._queue.put_nowait(raw)
        self.opened.set()

    def say(self, request: DeltaDiscoveryRequest) -> None:
        """Tell Pilot something that Envoy did not say."""
        self._queue.put_nowait(request.SerializeToString())

    def answered(self) -> None:
        """Forget what was said so far: an answer to it went out."""
        self.held = True
        self._early.clear()

    async def pour(self, write: Callable[[bytes], Awaitable[object]]) -> None:
        """Give everything unanswered, then what comes, to ``write``."""
        for early in self._early:
            await write(early)
        while (raw := await self._queue.get()) is not None:
            if not self.held:
                self._early.append(raw)
            await write(raw)


class Outlet:
    """What goes to Envoy on one stream; one message at a time, as gRPC wants it."""

    def __init__(self, recorder: Recorder, context: Context) -> None:
        self._recorder, self._context = recorder, context
        self._turn = asyncio.Lock()

    async def give(self, response: DeltaDiscoveryResponse) -> None:
        """Send a response that was made here."""
        await self.pass_on(response, response.SerializeToString())

    async def pass_on(self, response: DeltaDiscoveryResponse, raw: bytes) -> None:
        """Send ``raw``, which ``response`` was read from."""
        async with self._turn:
            self._recorder.sent(response)
            await self._context.write(raw)


class XdsRelay:
    """Serves Envoy's stream from a Pilot, or from what Envoy held last."""

    def __init__(
        self,
        ring: PilotRing,
        dial: Dial,
        memory: Memory,
        rng: Random,
        registry: CollectorRegistry,
    ) -> None:
        self._ring, self._dial, self._rng = ring, dial, rng
        self._recorder, self._checkpoint = memory.recorder, memory.file
        self._modules = memory.modules
        self.served: list[Callable[[], None]] = []
        """Called whenever a Pilot has begun to serve a stream."""
        self._lost = False
        self._source = "nothing yet"
        self._streams = Counter(
            "meltemi_agent_xds_streams",
            "Configuration streams by who answered: a Pilot, the checkpoint, nobody.",
            ["answered_by"],
            registry=registry,
        )

    def handler(self) -> grpc.GenericRpcHandler:
        """Return the gRPC handler, to add to a server."""
        method: grpc.RpcMethodHandler[bytes, bytes] = (
            grpc.stream_stream_rpc_method_handler(self.serve)
        )
        return grpc.method_handlers_generic_handler(SERVICE, {METHOD: method})

    async def serve(self, requests: AsyncIterator[bytes], context: Context) -> None:
        """Answer one stream. It always ends UNAVAILABLE: then Envoy tries again."""
        if self._lost:
            # A Pilot has just died for everybody: its proxies arrive spread out.
            await asyncio.sleep(self._rng.random())
            self._lost = False
        inbox = Inbox(ExtensionLane(self._modules))
        self._recorder.begin()
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(self._read(requests, inbox))
            await inbox.opened.wait()
            who = await self._answer(inbox, context)
            reading.cancel()
        self._streams.labels(who).inc()
        await context.abort(
            grpc.StatusCode.UNAVAILABLE, f"answered by {who}: try again"
        )

    async def _read(self, requests: AsyncIterator[bytes], inbox: Inbox) -> None:
        first = True
        async for raw in requests:
            request = _parsed(DeltaDiscoveryRequest, raw)
            if first:
                inbox.cold = not request.initial_resource_versions
                first = False
            retold = self._recorder.retold(request) or inbox.lane.retold(request)
            if self._recorder.heard(request):
                self._checkpoint.changed.set()
            inbox.put(retold.SerializeToString() if retold else raw)
        inbox.put(None)

    async def _answer(self, inbox: Inbox, context: Context) -> str:
        for pilot in self._ring.order():
            if await self._through(pilot, inbox, context):
                self._lost = True
                self._ring.avoid(pilot)
                return "pilot"
        if self._recorder.empty:
            self._note("nothing: no Pilot answers")
            return "nobody"
        self._note("its checkpoint: no Pilot answers")
        await self._replay(inbox, context)
        return "checkpoint"

    async def _through(self, pilot: Address, inbox: Inbox, context: Context) -> bool:
        """Relay through ``pilot`` to the end; return whether it ever held the stream.

        It holds it once it has answered. An Envoy that lacks nothing may hear nothing
        for hours: there, keeping the stream open for a second is answer enough.
        """
        dialled = self._dial(pilot)
        if dialled is None:
            return False
        async with dialled as channel:
            if not await connected(channel):
                return False
            method: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = (
                channel.stream_stream(f"/{SERVICE}/{METHOD}")
            )
            call = method(metadata=((FLOOR_HEADER, self._recorder.floor),))
            outlet = Outlet(self._recorder, context)
            async with asyncio.TaskGroup() as tasks:
                parts = [
                    tasks.create_task(_pour(inbox, call)),
                    tasks.create_task(inbox.lane.run(outlet.give)),
                    tasks.create_task(inbox.lane.retry(inbox.say)),
                ]
                if not inbox.cold:
                    parts.append(tasks.create_task(self._settle(pilot, inbox)))
                limit = FIRST_ANSWER_SECONDS if inbox.cold else None
                while (raw := await _next(call, limit)) is not None:
                    limit = None
                    self._hold(pilot, inbox)
                    response = _parsed(DeltaDiscoveryResponse, raw)
                    if response.type_url == TypeUrl.EXTENSION:
                        await inbox.lane.put(response)
                    else:
                        await outlet.pass_on(response, raw)
                for part in parts:
                    part.cancel()
        return inbox.held

    async def _settle(self, pilot: Address, inbox: Inbox) -> None:
        await asyncio.sleep(SETTLE_SECONDS)
        self._hold(pilot, inbox)

    def _hold(self, pilot: Address, inbox: Inbox) -> None:
        """Note that ``pilot`` serves the stream."""
        if not inbox.held:
            inbox.answered()
            self._ring.prefer(pilot)
            self._note(f"pilot {pilot}")
            for each in self.served:
                each()

    def _note(self, source: str) -> None:
        """Say where Envoy's configuration comes from, when that changes."""
        if source != self._source:
            log.info("xds.source", source=source, before=self._source)
        self._source = source

    async def _replay(self, inbox: Inbox, context: Context) -> None:
        """Serve the checkpoint until a Pilot can be reached."""
        replay = Replay(self._recorder.checkpoint())

        async def reply(raw: bytes) -> None:
            for answer in replay.answers(_parsed(DeltaDiscoveryRequest, raw)):
                await context.write(answer.SerializeToString())

        async with asyncio.TaskGroup() as tasks:
            replaying = tasks.create_task(inbox.pour(reply))
            await self._until_reachable()
            replaying.cancel()

    async def _until_reachable(self) -> None:
        attempt = 0
        while True:
            await asyncio.sleep(LOOKING.delay(attempt, self._rng))
            attempt += 1
            for pilot in self._ring.order():
                dialled = self._dial(pilot)
                if dialled is None:
                    continue
                async with dialled as channel:
                    if await connected(channel):
                        self._ring.prefer(pilot)
                        return


async def connected(channel: grpc.aio.Channel) -> bool:
    """Tell whether the other end takes the connection within a second."""
    state = channel.get_state(try_to_connect=True)
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            while state is not grpc.ChannelConnectivity.READY:
                if state is grpc.ChannelConnectivity.TRANSIENT_FAILURE:
                    return False
                await channel.wait_for_state_change(state)
                state = channel.get_state(try_to_connect=True)
    except TimeoutError:
        return False
    return True


async def _pour(inbox: Inbox, call: grpc.aio.StreamStreamCall[bytes, bytes]) -> None:
    """Send what Envoy says. A call that has ended says so on its reading side."""
    try:
        await inbox.pour(call.write)
        await call.done_writing()
    except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
        return


async def _next(
    call: grpc.aio.StreamStreamCall[bytes, bytes], limit: float | None
) -> bytes | None:
    """Return the next answer, or None when there will be none."""
    try:
        async with asyncio.timeout(limit):
            raw = await call.read()
    except (TimeoutError, grpc.aio.AioRpcError) as error:
        log.debug("xds.ended", error=str(error) or "no first answer in time")
        call.cancel()
        return None
    return raw if isinstance(raw, bytes) else None


def _parsed(kind: type[Envelope], raw: bytes) -> Envelope:
    """Read an envelope. One that cannot be read is recorded as empty, and passed on."""
    try:
        return kind.FromString(raw)
    except DecodeError:
        return kind()
