"""Our own server of gRPC streams: it listens, and shuts down in order."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from meltemi.pilot.adapters.http2_call import Http2Protocol
from meltemi.runtime.http import AddressInUseError

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

    from meltemi.pilot.adapters.call import Handlers
    from meltemi.runtime.settings import Address

BACKLOG: Final = 4096


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
    open_: set[Http2Protocol] = set()
    tasks = asyncio.TaskGroup()  # owns every call; nothing is begun before it is open

    def made() -> Http2Protocol:
        protocol = _Counted(handlers, tasks, largest_message, open_)
        open_.add(protocol)
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
            for each in list(open_):
                each.close()


class _Counted(Http2Protocol):
    """A connection that says when it is gone."""

    def __init__(
        self,
        handlers: Handlers,
        tasks: asyncio.TaskGroup,
        largest_message: int,
        among: set[Http2Protocol],
    ) -> None:
        super().__init__(handlers, tasks, largest_message)
        self._among = among

    def connection_lost(self, exc: Exception | None) -> None:
        """Be counted no more."""
        super().connection_lost(exc)
        self._among.discard(self)
