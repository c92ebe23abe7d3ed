"""What carries calls: gRPC's own server, or ours over HTTP/2."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from meltemi.credentials.mutual import server_credentials
from meltemi.pilot.adapters.allowance import MESSAGE_BYTES
from meltemi.pilot.adapters.call import GrpcHandlers
from meltemi.pilot.adapters.http2_server import serving_http2
from meltemi.pilot.adapters.http2_tls import HeldContext
from meltemi.pilot.settings import Carrier
from meltemi.runtime.grpc_server import serving

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    import grpc

    from meltemi.identity.credential import Credential
    from meltemi.pilot.adapters.call import Handlers
    from meltemi.runtime.settings import Address

GRACE_SECONDS: Final = 0.5
"""Streams never end by themselves, and a proxy that loses one finds another Pilot."""


class Transport(Protocol):
    """Serves calls on an address while a context lasts; `AddressInUseError`."""

    def plain(self, address: Address) -> AbstractAsyncContextManager[None]:
        """Serve whoever comes, in plain text."""
        ...

    def secure(
        self, address: Address, held: Callable[[], Credential]
    ) -> AbstractAsyncContextManager[None]:
        """Serve who shows a certificate; ``held`` is asked at each handshake."""
        ...


@dataclass(frozen=True, slots=True)
class GrpcTransport:
    """gRPC's own server."""

    handlers: Handlers
    new_server: Callable[[], grpc.aio.Server]

    def plain(self, address: Address) -> AbstractAsyncContextManager[None]:
        """Serve in plain text."""
        return serving(self._answering(), address, grace=GRACE_SECONDS)

    def secure(
        self, address: Address, held: Callable[[], Credential]
    ) -> AbstractAsyncContextManager[None]:
        """Serve who proves who it is."""
        shown = server_credentials(held)
        server = self._answering()
        return serving(server, address, credentials=shown, grace=GRACE_SECONDS)

    def _answering(self) -> grpc.aio.Server:
        server = self.new_server()
        server.add_generic_rpc_handlers((GrpcHandlers(self.handlers),))
        return server


@dataclass(frozen=True, slots=True)
class Http2Transport:
    """Our own server: it sends what proxies share without copying it for each."""

    handlers: Handlers

    def plain(self, address: Address) -> AbstractAsyncContextManager[None]:
        """Serve in plain text."""
        return serving_http2(self.handlers, address, largest_message=MESSAGE_BYTES)

    def secure(
        self, address: Address, held: Callable[[], Credential]
    ) -> AbstractAsyncContextManager[None]:
        """Serve who proves who it is."""
        tls = HeldContext.of(held)
        return serving_http2(
            self.handlers, address, largest_message=MESSAGE_BYTES, tls=tls
        )


def transport(
    carrier: Carrier, handlers: Handlers, new_server: Callable[[], grpc.aio.Server]
) -> Transport:
    """Return the transport that ``carrier`` names; ``new_server`` makes gRPC's."""
    if carrier is Carrier.HTTP2:
        return Http2Transport(handlers)
    return GrpcTransport(handlers, new_server)
