"""The agent's side of a state-of-the-world stream for one type: what it says."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from envoy.service.discovery.v3.discovery_pb2 import DiscoveryRequest, DiscoveryResponse
from google.protobuf.any_pb2 import Any
from google.protobuf.message import DecodeError

from meltemi.pilot.adapters.allowance import Pace

if TYPE_CHECKING:
    from collections.abc import Callable

    from meltemi.pilot.adapters.call import Call


async def listen(
    first: bytes, call: Call, take: Callable[[DiscoveryRequest], None]
) -> None:
    """Give ``first`` and what follows to ``take`` until the agent leaves."""
    raw: bytes | None = first
    pace = Pace(asyncio.get_running_loop().time)
    while raw is not None:
        request = _read(raw)
        if request is not None:
            take(request)
        await asyncio.sleep(pace.wait())
        raw = await call.read()


def _read(raw: bytes) -> DiscoveryRequest | None:
    try:
        return DiscoveryRequest.FromString(raw)
    except DecodeError:
        return None


def whole(type_url: str, version: str, body: bytes) -> bytes:
    """Return the response that holds the one resource there is of a type."""
    response = DiscoveryResponse(
        version_info=version,
        type_url=type_url,
        nonce=version,
        resources=[Any(type_url=type_url, value=body)],
    )
    return response.SerializeToString()
