"""Connections that the packet filter's rules know for the proxy's own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meltemi.runtime.settings import Address


async def connected(
    there: Address,
    *,
    kind: socket.SocketKind = socket.SOCK_STREAM,
    mark: int | None = None,
) -> socket.socket:
    """Return a socket that is connected to ``there``, whose host is numeric.

    Args:
        there: Where to.
        kind: Datagrams or a stream.
        mark: Set on what is sent, so as not to be captured (SO_MARK of socket(7));
            needs CAP_NET_ADMIN.

    Raises:
        OSError: If there is no way, or the mark may not be set.

    """
    family, _, _, _, where = socket.getaddrinfo(
        there.host, there.port, type=kind, flags=socket.AI_NUMERICHOST
    )[0]
    made = socket.socket(family, kind | socket.SOCK_NONBLOCK)
    with contextlib.ExitStack() as undoing:
        undoing.callback(made.close)
        if mark is not None:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
        await asyncio.get_running_loop().sock_connect(made, where)
        undoing.pop_all()
    return made
