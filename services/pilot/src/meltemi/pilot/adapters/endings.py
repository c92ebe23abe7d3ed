"""How a proxy's stream ends, and with which word to it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import grpc

from meltemi.kernel.errors import Blame, MeshError
from meltemi.pilot.adapters.ads_codec import MalformedRequestError
from meltemi.pilot.adapters.allowance import TooMuchError
from meltemi.pilot.scope.node import InvalidNodeError
from meltemi.runtime.release import released

if TYPE_CHECKING:
    from collections.abc import Coroutine


class AnotherNodeError(MeshError):
    """A stream that began as one proxy goes on as another."""

    code = "xds.another-node"
    blame = Blame.CALLER


class DebugTypeError(MeshError):
    """Somebody asks for the control plane's own state, as ``istioctl`` would."""

    code = "xds.debug-type"
    blame = Blame.CALLER


STATUS: dict[type[MeshError], grpc.StatusCode] = {
    InvalidNodeError: grpc.StatusCode.INVALID_ARGUMENT,
    MalformedRequestError: grpc.StatusCode.INVALID_ARGUMENT,
    TooMuchError: grpc.StatusCode.RESOURCE_EXHAUSTED,
}
"""What a stream ends with; with PERMISSION_DENIED for any other reason."""

MISCONDUCT = (AnotherNodeError, DebugTypeError, MalformedRequestError, TooMuchError)
"""What a proxy says that ends its stream."""


async def ended(
    serving: Coroutine[None, None, MeshError | None],
    *ends: Coroutine[None, None, MeshError],
) -> MeshError | None:
    """Run ``serving`` until it is done, or one of ``ends``; return what it ended by."""
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(released(each)) for each in (serving, *ends)]
        done, others = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for task in others:
            task.cancel()
    return next((task.result() for task in done if task.result()), None)
