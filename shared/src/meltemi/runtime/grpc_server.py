"""A gRPC server's life: bound before it is announced, drained before it ends."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from meltemi.runtime.http import AddressInUseError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import grpc

    from meltemi.runtime.settings import Address

GRACE_SECONDS = 5.0


@contextlib.asynccontextmanager
async def serving(
    server: grpc.aio.Server,
    address: Address,
    *,
    credentials: grpc.ServerCredentials | None = None,
    grace: float = GRACE_SECONDS,
) -> AsyncIterator[None]:
    """Serve on ``address`` while the context lasts.

    At its end no new call is taken and running ones get ``grace`` seconds. Create
    the server with ``("grpc.so_reuseport", 0)``, or two processes share a port.

    Raises:
        AddressInUseError: If the address cannot be had.

    """
    try:
        if credentials is None:
            server.add_insecure_port(str(address))
        else:
            server.add_secure_port(str(address), credentials)
    except RuntimeError as error:
        raise AddressInUseError(address, str(error)) from None
    await server.start()
    try:
        yield
    finally:
        await server.stop(grace)
