"""HTTP inside our own event loop: uvicorn without its signal handlers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

import uvicorn

from meltemi.kernel.errors import Blame, MeshError
from meltemi.runtime.own_hosts import OwnHosts
from meltemi.runtime.patience import PatientProtocol
from meltemi.runtime.tls import ReloadingContext

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import ASGIApp

    from meltemi.runtime.settings import Address
    from meltemi.runtime.tls import TlsFiles

GRACE_SECONDS = 5
BACKLOG = 2048
NEVER_GUESSED = ("x-content-type-options", "nosniff")
"""Names that users choose stand in answers: no browser may take one for a page."""


class AddressInUseError(MeshError):
    """We cannot listen where we are told to."""

    code = "address.in-use"
    blame = Blame.CALLER

    def __init__(self, address: Address, reason: str) -> None:
        super().__init__(
            f"cannot listen on {address}: {reason}; stop what holds it, or choose "
            "another address"
        )
        self.address = address


class _Server(uvicorn.Server):
    """Leaves signals to `meltemi.runtime.service`, and says when it answers."""

    def __init__(self, config: uvicorn.Config, answers: asyncio.Event) -> None:
        super().__init__(config)
        self._answers = answers

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._answers.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve_http(
    app: ASGIApp,
    address: Address,
    *,
    stopping: asyncio.Event,
    started: asyncio.Event | None = None,
    tls: TlsFiles | None = None,
) -> None:
    """Serve ``app`` on ``address`` until ``stopping``, then let requests finish.

    The socket listens before anything is awaited, so a client that connects early
    is kept waiting, not refused. Stragglers are cut after 5 s. In the clear and on a
    loopback address only requests for this machine are answered
    (`meltemi.runtime.own_hosts`).

    Args:
        app: Any ASGI application.
        address: Where to listen.
        stopping: Set when the service is to end.
        started: Set by us once requests are answered.
        tls: What to show to clients; None: plain text.

    Raises:
        AddressInUseError: If the address cannot be had.
        TlsFilesError: If the files make no TLS.

    """
    secured = None if tls is None else ReloadingContext.of(tls)
    listener = listen(address)
    server = _Server(
        uvicorn.Config(
            OwnHosts(app) if address.is_loopback and tls is None else app,
            http=PatientProtocol,
            headers=[NEVER_GUESSED],
            ws="none",
            proxy_headers=False,  # or a client could pose as another
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
            ssl_context_factory=(lambda *_: secured) if secured else None,
        ),
        started or asyncio.Event(),
    )
    try:
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(_stop(server, stopping))
            await server.serve(sockets=[listener])
            watching.cancel()
    finally:
        listener.close()


async def _stop(server: uvicorn.Server, stopping: asyncio.Event) -> None:
    await stopping.wait()
    server.should_exit = True


def listen(address: Address) -> socket.socket:
    """Return a TCP socket listening on ``address``.

    Raises:
        AddressInUseError: If the address cannot be had.

    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where the protocol is named: without,
    # a client's delayed acknowledgement holds every answer back by 40 ms
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address.host, address.port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise AddressInUseError(address, error.strerror or str(error)) from None
    listener.setblocking(False)  # noqa: FBT003 - the socket API has no keyword
    return listener
