"""The SPIFFE Workload API on the agent's socket: applications use their identity.

::

    keeper ── credential ──▶ show ──▶ every open stream hears of it, the newest wins
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import grpc

from meltemi.proxy.workload_api import SERVICE, x509_bundles, x509_svids

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from meltemi.identity.credential import Credential
    from meltemi.proxy.adapters.workload_door import Context, WorkloadDoor

    Spelling = Callable[[Credential], bytes]


class WorkloadApi:
    """Streams that follow the credential for as long as applications listen."""

    def __init__(self, door: WorkloadDoor) -> None:
        self._door = door
        self._held: Credential | None = None
        self._changed = asyncio.Event()

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
            async with self._door.entered(context):
                if self._held is None:
                    await context.abort(
                        grpc.StatusCode.UNAVAILABLE,
                        "there is no certificate yet: try again",
                    )
                async for credential in self._newest():
                    yield spelled(credential)

        return grpc.unary_stream_rpc_method_handler(stream)

    async def _newest(self) -> AsyncIterator[Credential]:
        while True:
            changed = self._changed
            if self._held is not None:
                yield self._held
            await changed.wait()
