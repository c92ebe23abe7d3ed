"""Our own server of gRPC streams: it listens, and shuts down in order."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from meltemi.pilot.adapters.http2_call import Http2Protocol
from meltemi.pilot.adapters.intake import Intake
from meltemi.runtime.http import AddressInUseError
from meltemi.runtime.wake import Wake

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

    from meltemi.pilot.adapters.call import Handlers
    from meltemi.runtime.settings import Address

BACKLOG: Final = 4096
GRACE_SECONDS: Final = 0.5
"""For what was written last to reach its client, when the server ends."""


@contextlib.asynccontextmanager
async def serving_http2(
    handlers: Handlers,
    address: Address,
    *,
    largest_message: int,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[None]:
    """Serve ``handlers`` on ``address`` while the context lasts.

    Raises:
        AddressInUseError: If the address cannot be had.

    """
    loop = asyncio.get_running_loop()
    open_, intake = Open(), Intake(largest_message)
    tasks = asyncio.TaskGroup()  # owns every call; nothing is begun before it is open

    def made() -> Http2Protocol:
        protocol = _Counted(handlers, tasks, intake, open_)
        open_.among.add(protocol)
        return protocol

    host, port = address.host, address.port
    try:
        server = await loop.create_server(
            made, host, port, backlog=BACKLOG, ssl=tls, start_serving=False
        )
    except OSError as error:
        raise AddressInUseError(address, str(error)) from None
    async with tasks:
        await server.start_serving()
        try:
            yield
        finally:
            server.close()
            await open_.close()


@dataclass(slots=True)
class Open:
    """The connections of a server."""

    among: set[Http2Protocol] = field(default_factory=set["Http2Protocol"])
    gone: Wake = field(default_factory=Wake)

    def without(self, protocol: Http2Protocol) -> None:
        """Take note that a connection is gone."""
        self.among.discard(protocol)
        self.gone.set()

    async def close(self) -> None:
        """End them all; one whose client takes nothing more is cut off."""
        for each in list(self.among):
            each.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE_SECONDS):
                await self._empty()
        for each in list(self.among):
            each.abort()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE_SECONDS):
                await self._empty()

    async def _empty(self) -> None:
        while self.among:
            await self.gone.wait()


class _Counted(Http2Protocol):
    """A connection that says when it is gone."""

    def __init__(
        self,
        handlers: Handlers,
        tasks: asyncio.TaskGroup,
        intake: Intake,
        open_: Open,
    ) -> None:
        super().__init__(handlers, tasks, intake)
        self._open = open_

    def connection_lost(self, exc: Exception | None) -> None:
        """Be counted no more."""
        super().connection_lost(exc)
        self._open.without(self)
