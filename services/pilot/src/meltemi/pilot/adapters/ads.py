"""Aggregated discovery: one stream a proxy, in either protocol variant.

::

    requests ──▶ Session.take ──▶ wake ──┐
    newest mesh ────────────────▶ wake ──┴─▶ Session.aim, pushes ──▶ responses
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeGuard

import grpc
import structlog
from envoy.service.discovery.v3.discovery_pb2 import DiscoveryRequest

from meltemi.identity.certificate import InvalidCertificateError
from meltemi.identity.trust import TYPE_URL
from meltemi.pilot.adapters.ads_codec import MalformedRequestError, known_type
from meltemi.pilot.adapters.ads_variant import Delta, Variant, WholeState
from meltemi.pilot.adapters.allowance import (
    FIRST_WORD_SECONDS,
    FLOOR_SECONDS,
    REFUSALS_AT_ONCE,
    REFUSALS_PER_SECOND,
    STRANGE_NAMES,
    Pace,
    Places,
    check_names,
    until_lost,
)
from meltemi.pilot.adapters.call import BegunCall
from meltemi.pilot.adapters.chunks import Chunks
from meltemi.pilot.adapters.debug_desk import DEBUG, DebugDesk, asks_for_state
from meltemi.pilot.adapters.door import DeniedError
from meltemi.pilot.adapters.endings import (
    MISCONDUCT,
    STATUS,
    AnotherNodeError,
    DebugTypeError,
    ended,
)
from meltemi.pilot.adapters.name_streams import NameStreams
from meltemi.pilot.adapters.said_names import Vocabulary
from meltemi.pilot.connections import Connection, Connections
from meltemi.pilot.hosts_apart import asks_apart, began_apart, in_class
from meltemi.pilot.name_tables import NameTables
from meltemi.pilot.scope.caller import ForbiddenNodeError
from meltemi.pilot.scope.node import InvalidNodeError
from meltemi.runtime.release import released
from meltemi.runtime.wake import Wake
from meltemi.xds import name_table
from meltemi.xds.differences import Differences
from meltemi.xds.floor import FLOOR_HEADER, Floor
from meltemi.xds.session import Session
from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from contextlib import AbstractContextManager

    from meltemi.kernel.errors import MeshError
    from meltemi.pilot.adapters.ads_variant import Message
    from meltemi.pilot.adapters.call import Call, Handlers
    from meltemi.pilot.adapters.door import Door
    from meltemi.pilot.adapters.trust_streams import TrustStreams
    from meltemi.pilot.latest import Latest
    from meltemi.pilot.model.mesh import Mesh
    from meltemi.pilot.push import Snapshots
    from meltemi.pilot.scope.proxy import Proxy
    from meltemi.runtime.admin_token import AdminToken
    from meltemi.xds.session import Request

SERVICE = "envoy.service.discovery.v3.AggregatedDiscoveryService"


log = structlog.get_logger("meltemi.pilot")


@dataclass(frozen=True, slots=True)
class Trust:
    """Who lets proxies in, and who tells them which roots to believe."""

    door: Door
    streams: TrustStreams
    admins: AdminToken | None = None
    """Who may ask for the state of the control plane; None: nobody."""


class Discovery:
    """Streams to every proxy what its class is to hold, and listens to its answers."""

    def __init__(
        self,
        mesh: Latest[Mesh],
        snapshots: Snapshots,
        connections: Connections,
        trust: Trust,
    ) -> None:
        self._mesh, self._snapshots, self._connections = mesh, snapshots, connections
        self._metrics = snapshots.metrics
        self._door, self._trust = trust.door, trust.streams
        self._names = NameStreams(mesh, NameTables(snapshots))
        self._debug = DebugDesk(connections, trust.admins)
        self._places = Places()
        self._chunks, self._differences = Chunks(), Differences()
        self._vocabulary, self._revision = Vocabulary(), 0

    @property
    def handlers(self) -> Handlers:
        """The two streaming methods, by their paths."""
        return {
            f"/{SERVICE}/DeltaAggregatedResources": self._delta,
            f"/{SERVICE}/StreamAggregatedResources": self._whole,
        }

    async def _delta(self, call: Call) -> None:
        await released(self._serve(Delta(self._chunks), call))

    async def _whole(self, call: Call) -> None:
        first = await first_word(call)
        if first is None:
            return
        begun = BegunCall(call, first)
        if asks_for_state(first):
            await self._debug.serve(first, call)
        else:
            await released(
                self._serve(WholeState(self._chunks, self._vocabulary), begun)
            )

    async def _serve(self, variant: Variant, call: Call) -> None:
        """Serve one stream from its first message to its end."""
        await self._reach(call)
        first = await first_word(call)
        if first is None:
            return
        try:
            message, peer = variant.parse(first), call.peer()
            proxy = self._door.proxy(message.node, peer)
        except (InvalidNodeError, MalformedRequestError) as error:
            await call.refuse(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except (ForbiddenNodeError, InvalidCertificateError, DeniedError) as error:
            self._metrics.strangers.inc()
            log.warning("proxy.forbidden", error=str(error))
            await call.refuse(grpc.StatusCode.PERMISSION_DENIED, str(error))
            raise
        # Headers tell the agent that it is served, even where nothing is to be sent.
        await call.accept()
        with self._places.place(peer.serial if peer else proxy.node_id) as lost:
            ends = (self._door.until_denied(peer), until_lost(lost))
            if message.type_url == TYPE_URL:
                why = await ended(self._trust.serve(first, call), *ends)
            elif asks_for_names(message):
                why = await ended(self._names.serve(proxy, message, call), *ends)
            else:
                session = Session(differences=self._differences)
                proxy = self._classed(proxy, variant)
                connection = Connection(proxy, session, proved=peer is not None)
                stream = _Stream(self, connection, variant, call, message)
                # Who comes back tells all it holds: not to be kept while it stays.
                del first, message
                why = await self._joined(connection, ended(stream.run(), *ends))
        if why is not None:
            await self._end(call, proxy, why)

    async def _end(self, call: Call, proxy: Proxy, why: MeshError) -> None:
        """Tell a caller why its stream ends."""
        self._metrics.ended.labels(why.code).inc()
        log.warning("proxy.ended", node=proxy.node_id, error=str(why))
        status = STATUS.get(type(why), grpc.StatusCode.PERMISSION_DENIED)
        await call.refuse(status, str(why))

    def _classed(self, proxy: Proxy, variant: Variant) -> Proxy:
        """Return ``proxy`` in the class of those that are sent tables as it is.

        Envoy can have virtual hosts apart on an incremental stream only.
        """
        apart = asks_apart(proxy.group, self._snapshots.newest())
        return in_class(proxy, hosts_apart=apart and isinstance(variant, Delta))

    def _go_on(self, connection: Connection, request: Request) -> None:
        """Have a proxy that comes back get tables as it has them: `began_apart`."""
        proxy, apart = connection.proxy, began_apart(request.initial.values())
        if TypeUrl.ROUTE in connection.session.watches or apart is None:
            return
        moved = in_class(proxy, hosts_apart=apart)
        if moved is not proxy and self._connections.moved(connection, moved):
            self._snapshots.forget(proxy.group)

    async def _reach(self, call: Call) -> None:
        """Wait until the mesh is as new as the caller had it, or refuse to serve it.

        It would be given what it had before (reliability F-24, guarantee G4).
        """
        if self._mesh.value.revision == 0:
            await call.refuse(
                grpc.StatusCode.UNAVAILABLE,
                "this Pilot has not read the configuration yet: try another",
            )
        floor = Floor.parse(call.header(FLOOR_HEADER))
        generation = self._mesh.generation
        try:
            async with asyncio.timeout(FLOOR_SECONDS):
                while not floor.met(self._mesh.value.epoch, self._mesh.value.revision):
                    generation = await self._mesh.newer(generation)
        except TimeoutError:
            self._metrics.below_floor.inc()
            await call.refuse(
                grpc.StatusCode.UNAVAILABLE,
                f"this Pilot is at revision {self._mesh.value.revision}, and you had "
                f"{floor.revision} already: try another",
            )

    async def _joined(
        self, connection: Connection, serving: Coroutine[None, None, MeshError | None]
    ) -> MeshError | None:
        """Count ``connection`` among the proxies while it is served."""
        proxy = connection.proxy
        self._connections.joined(connection)
        self._metrics.streams.inc()
        log.info("proxy.connected", node=proxy.node_id)
        try:
            return await serving
        finally:
            self._metrics.streams.dec()
            if self._metrics.trail:
                self._metrics.trail.left(connection)
            if self._connections.left(connection):
                self._snapshots.forget(connection.proxy.group)
            log.info("proxy.left", node=proxy.node_id)

    async def push(self, connection: Connection, variant: Variant, call: Call) -> None:
        """Send ``connection`` everything that is due now, in order."""
        snapshot = self._snapshots.of(connection.proxy.group)
        if snapshot is None:
            return
        connection.snapshot = snapshot
        self._turn(snapshot.revision)
        session = connection.session
        versions = snapshot.versions
        if not connection.proved and versions[TypeUrl.SECRET]:
            self._metrics.withheld.inc()
            versions = {**versions, TypeUrl.SECRET: {}}
        session.aim(versions, snapshot.revision, snapshot.retired)
        system = f"{self._mesh.value.epoch}/{snapshot.revision}"
        due = session.pushes()
        for kind, push in due:
            sent = variant.response(kind, push, snapshot, system)
            size = sum(map(len, sent))
            connection.sent_bytes += size
            self._metrics.sent_bytes[kind].inc(size)
            await call.write(sent)
        self._connections.progressed(connection)
        self._metrics.progressed(connection)
        if self._metrics.trail:
            self._metrics.trail.progressed(connection, sent=bool(due))

    def _turn(self, revision: int) -> None:
        """Have what is kept for sending forget what no revision needs any more."""
        if revision != self._revision:
            self._revision = revision
            self._chunks.turn()
            self._differences.turn()

    def take(self, connection: Connection, variant: Variant, message: Message) -> None:
        """Take one message of the proxy; raise `TooMuchError`."""
        kind = known_type(message.type_url)
        if kind is None:
            return  # Envoy asks for types that nothing here configures
        if message.HasField("error_detail"):
            self._metrics.refusals.labels(kind.short).inc()
            log.warning(
                "proxy.refused",
                node=connection.proxy.node_id,
                type=kind.short,
                revision=connection.session.revision,
                error=message.error_detail.message,
            )
        request = variant.request(message, kind)
        if kind is TypeUrl.ROUTE:
            self._go_on(connection, request)
        connection.session.take(request)
        variant.answered(kind, connection.session)
        named = connection.session.watches[kind].named
        if named > STRANGE_NAMES:
            snapshot = self._snapshots.of(connection.proxy.group)
            check_names(named, len(snapshot.versions[kind]) if snapshot else 0)

    def waking(self, wake: Wake) -> AbstractContextManager[None]:
        """Set ``wake`` whenever there is a newer mesh, while the context lasts."""
        return self._mesh.waking(wake)


class _Stream:
    """The two tasks of one stream: one reads, one writes."""

    def __init__(
        self,
        discovery: Discovery,
        connection: Connection,
        variant: Variant,
        call: Call,
        first: Message,
    ) -> None:
        self._discovery, self._connection = discovery, connection
        self._variant, self._call = variant, call
        self._first: Message | None = first
        self._wake = Wake()

    async def run(self) -> MeshError | None:
        """Serve until the proxy ends the stream, or says what ends it: that error."""
        async with asyncio.TaskGroup() as tasks:
            writing = tasks.create_task(self._write())
            with self._discovery.waking(self._wake):
                error = await self._until_left()
            writing.cancel()
        return error

    async def _until_left(self) -> MeshError | None:
        """Take what the proxy says, until it leaves or says what nobody may."""
        try:
            await self._read()
        except MISCONDUCT as error:
            return error
        return None

    async def _read(self) -> None:
        now = asyncio.get_running_loop().time
        pace, refusals = Pace(now), Pace(now, REFUSALS_AT_ONCE, REFUSALS_PER_SECOND)
        while (message := await self._next()) is not None:
            refused = self._take(message)
            del message  # while the next is waited for
            self._wake.set()
            wait = max(pace.wait(), refusals.wait() if refused else 0.0)
            if wait:
                await asyncio.sleep(wait)

    async def _next(self) -> Message | None:
        """Return what the proxy says next; None when it has left."""
        if (first := self._first) is not None:
            self._first = None
            return first
        data = await self._call.read()
        return None if data is None else self._variant.parse(data)

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            await self._discovery.push(self._connection, self._variant, self._call)

    def _take(self, message: Message) -> bool:
        """Take one message; tell whether it refuses something."""
        known = self._connection.proxy.node_id
        if message.node.id not in ("", known):
            raise AnotherNodeError(
                f"{known} says in mid-stream that it is {message.node.id[:200]}"
            )
        if message.type_url.startswith(DEBUG):
            raise DebugTypeError(
                f"{message.type_url} is not served to proxies: ask meltemi ps"
            )
        self._discovery.take(self._connection, self._variant, message)
        return message.HasField("error_detail")


def asks_for_names(message: Message) -> TypeGuard[DiscoveryRequest]:
    """Tell whether a stream is an agent's for the names of the mesh."""
    whole = isinstance(message, DiscoveryRequest)
    return whole and message.type_url == name_table.TYPE_URL


async def first_word(call: Call) -> bytes | None:
    """Return the first message; None from who leaves or says nothing for long."""
    while True:
        try:
            async with asyncio.timeout(FIRST_WORD_SECONDS):
                return await call.read()
        except TimeoutError:
            if not call.coming:
                return None
