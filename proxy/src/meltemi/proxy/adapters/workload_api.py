"""The SPIFFE Workload API on the agent's socket: applications use their identity.

::

    keeper ── credential ──▶ show ──▶ every open stream hears of it, the newest wins
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import grpc

from meltemi.proxy.workload_api import HEADER, SERVICE, x509_bundles, x509_svids

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from meltemi.identity.credential import Credential

    Context = grpc.aio.ServicerContext[bytes, bytes]
    Spelling = Callable[[Credential], bytes]

MOST_STREAMS = 100
"""Open at once: an application needs one or two (case 35)."""


class WorkloadApi:
    """Streams that follow the credential for as long as applications listen."""

    def __init__(self) -> None:
        self._held: Credential | None = None
        self._changed = asyncio.Event()
        self._streams = 0

    async def show(self, credential: Credential) -> None:
        """Hand out ``credential`` from now on."""
        self._held = credential
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def handler(self) -> grpc.GenericRpcHandler:
        """Return the gRPC handler, to add to a server."""
        return grpc.method_handlers_generic_handler(
            SERVICE,
            {
                "FetchX509SVID": self._method(x509_svids),
                "FetchX509Bundles": self._method(x509_bundles),
            },
        )

    def _method(self, spelled: Spelling) -> grpc.RpcMethodHandler[bytes, bytes]:
        async def stream(_: bytes, context: Context) -> AsyncIterator[bytes]:
            await self._admit(context)
            self._streams += 1
            try:
                async for credential in self._newest():
                    yield spelled(credential)
            finally:
                self._streams -= 1

        return grpc.unary_stream_rpc_method_handler(stream)

    async def _admit(self, context: Context) -> None:
        """End a call that may not be answered.

        Source:
            SPIFFE Workload Endpoint §4 (the header), §6 (InvalidArgument without it).

        """
        shown = [
            (str(key), value) for key, value in context.invocation_metadata() or ()
        ]
        if (HEADER, "true") not in shown:
            await context.abort(
                grpc.StatusCode.INVALID_ARGUMENT,
                f"security header missing: send metadata {HEADER}: true",
            )
        if self._streams >= MOST_STREAMS:
            await context.abort(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"{MOST_STREAMS} streams are open on this socket already",
            )
        if self._held is None:
            await context.abort(
                grpc.StatusCode.UNAVAILABLE, "there is no certificate yet: try again"
            )

    async def _newest(self) -> AsyncIterator[Credential]:
        while True:
            changed = self._changed
            if self._held is not None:
                yield self._held
            await changed.wait()
