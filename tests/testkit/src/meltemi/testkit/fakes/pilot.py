"""A Pilot that says what a test tells it to, over the incremental protocol."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import grpc
from envoy.service.discovery.v3.discovery_pb2 import (
    DeltaDiscoveryRequest,
    DeltaDiscoveryResponse,
)
from google.protobuf.any_pb2 import Any as Packed

from meltemi.kernel.digest import content_version

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from google.protobuf.message import Message

    Context = grpc.aio.ServicerContext[DeltaDiscoveryRequest, DeltaDiscoveryResponse]

SERVICE = "envoy.service.discovery.v3.AggregatedDiscoveryService"
PREFIX = "type.googleapis.com/"


class _Stream:
    """What one Envoy wants and has, by type."""

    def __init__(self) -> None:
        self.bell = asyncio.Event()
        self.wanted: dict[str, set[str] | None] = {}
        self.has: dict[str, dict[str, str]] = {}
        self.owed: set[str] = set()

    def hear(self, request: DeltaDiscoveryRequest) -> None:
        url, names = request.type_url, set(request.resource_names_subscribe)
        if url not in self.wanted:
            self.wanted[url] = names or None
            self.has[url] = dict(request.initial_resource_versions)
            self.owed.add(url)
        elif names:
            self.wanted[url] = (self.wanted[url] or set()) | names
        self.bell.set()


class FakePilot:
    """Serves ``resources``, and remembers what it heard.

    Attributes:
        requests: Every request, in order.
        sent: Names of the resources sent, in order.
        silent: Take streams but never answer.

    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.requests: list[DeltaDiscoveryRequest] = []
        self.sent: list[str] = []
        self.metadata: list[dict[str, str]] = []
        """What each stream began with."""
        self.silent = False
        self._resources: dict[str, dict[str, Packed]] = {}
        self._streams: set[_Stream] = set()

    def publish(self, name: str, message: Message) -> None:
        """Add or replace a resource, and tell every stream."""
        raw = message.SerializeToString(deterministic=True)
        url = PREFIX + message.DESCRIPTOR.full_name
        self._resources.setdefault(url, {})[name] = Packed(type_url=url, value=raw)
        for stream in self._streams:
            stream.bell.set()

    def drop_streams(self) -> None:
        """End every stream, as a Pilot does that is about to stop."""
        for stream in self._streams:
            stream.owed.add("")
            stream.bell.set()

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Listen while the context lasts."""
        server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
        method = grpc.stream_stream_rpc_method_handler(
            self._serve,
            DeltaDiscoveryRequest.FromString,
            DeltaDiscoveryResponse.SerializeToString,
        )
        handlers = {"DeltaAggregatedResources": method}
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(SERVICE, handlers),)
        )
        server.add_insecure_port(self.address)
        await server.start()
        try:
            yield
        finally:
            await server.stop(None)

    async def _serve(
        self, requests: AsyncIterator[DeltaDiscoveryRequest], context: Context
    ) -> None:
        stream = _Stream()
        shown = context.invocation_metadata() or ()
        self.metadata.append({str(name): str(value) for name, value in shown})
        self._streams.add(stream)
        try:
            async with asyncio.TaskGroup() as tasks:
                telling = tasks.create_task(self._tell(stream, context))
                reading = tasks.create_task(self._read(stream, requests))
                await asyncio.wait(
                    {telling, reading}, return_when=asyncio.FIRST_COMPLETED
                )
                telling.cancel()
                reading.cancel()
        finally:
            self._streams.discard(stream)

    async def _read(
        self, stream: _Stream, requests: AsyncIterator[DeltaDiscoveryRequest]
    ) -> None:
        async for request in requests:
            self.requests.append(request)
            stream.hear(request)

    async def _tell(self, stream: _Stream, context: Context) -> None:
        while True:
            await stream.bell.wait()
            stream.bell.clear()
            if "" in stream.owed:
                return
            if self.silent:
                continue
            for url in list(stream.wanted):
                answer = self._answer(stream, url)
                if answer is not None:
                    await context.write(answer)

    def _answer(self, stream: _Stream, url: str) -> DeltaDiscoveryResponse | None:
        wanted, has = stream.wanted[url], stream.has[url]
        answer = DeltaDiscoveryResponse(type_url=url, nonce=f"{len(self.sent)}-{url}")
        for name, body in self._resources.get(url, {}).items():
            version = content_version(body.value)
            if (wanted is None or name in wanted) and has.get(name) != version:
                answer.resources.add(name=name, version=version, resource=body)
                has[name] = version
                self.sent.append(name)
        owed = url in stream.owed
        stream.owed.discard(url)
        return answer if answer.resources or owed else None
