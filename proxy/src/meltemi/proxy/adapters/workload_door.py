"""Who may speak on the Workload API's socket, and how many at once."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import grpc

from meltemi.proxy.workload_api import HEADER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    Context = grpc.aio.ServicerContext[bytes, bytes]

MOST_CALLS = 100
"""Open at once: an application needs one or two (case 35)."""


class WorkloadDoor:
    """Lets calls in."""

    def __init__(self) -> None:
        self._calls = 0

    @contextlib.asynccontextmanager
    async def entered(self, context: Context) -> AsyncIterator[None]:
        """Be in a call while the context lasts; one that may not be is ended.

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
        if self._calls >= MOST_CALLS:
            await context.abort(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"{MOST_CALLS} calls are open on this socket already",
            )
        self._calls += 1
        try:
            yield
        finally:
            self._calls -= 1
