"""A server that does not wait for ever: deadlines and limits of each connection.

A client that dribbles its header, opens connections without end or sends headers
without end (slowloris, header flood) is cut; everybody else does not notice.
"""

from __future__ import annotations

import ssl
from collections import Counter
from typing import TYPE_CHECKING, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    import asyncio

HEADER_SECONDS = 10.0
"""From the first byte, or from the connection, to the end of the header."""
HEADERS = 100
HEADER_BYTES = 32 * 1024
CONNECTIONS = 512
"""Connections of one address. The parts of a mesh on one machine share one."""

TOO_MANY = (
    b"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)


class _HeaderTooLargeError(ValueError):
    """Ends the parsing; the client is answered 400."""


class PatientProtocol(HttpToolsProtocol):
    """One connection, as uvicorn serves it, with an end to its patience."""

    _open: ClassVar[Counter[str]] = Counter()
    _counted = ""
    _deadline: asyncio.TimerHandle | None = None
    _size = 0
    _came = 0
    _shown: tuple[str, ...] = ()
    """The client's certificate, PEM, believed by the handshake; or nothing."""

    def connection_made(  # type: ignore[override] # as uvicorn's own
        self, transport: asyncio.Transport
    ) -> None:
        """Count the connection, and start waiting for its first header."""
        super().connection_made(transport)
        address = self.client[0] if self.client else ""
        if self._open[address] >= CONNECTIONS:
            transport.write(TOO_MANY)
            transport.close()
            return
        self._counted = address
        self._open[address] += 1
        secured = transport.get_extra_info("ssl_object")
        shown = secured.getpeercert(binary_form=True) if secured else None
        if shown:
            self._shown = (ssl.DER_cert_to_PEM_cert(shown),)
        self._await_header()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._settle()
        if self._counted:
            self._open[self._counted] -= 1
            if not self._open[self._counted]:
                del self._open[self._counted]
            self._counted = ""
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse ``data``, unless too much of a header came already.

        The parser keeps a header's value until its end, however long that is.
        """
        if self._deadline is not None:
            if self._came > HEADER_BYTES:
                self._give_up()
                return
            self._came += len(data)
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Wait for the rest of the header, and tell the application who is there.

        Source:
            The TLS extension of ASGI (``client_cert_chain``).

        """
        self._size = self._came = 0
        if self._deadline is None:
            self._await_header()
        super().on_message_begin()
        if self.scheme == "https":
            self.scope["extensions"] = {"tls": {"client_cert_chain": self._shown}}

    def on_url(self, url: bytes) -> None:
        """Count the bytes of the request line."""
        self._grow(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count the headers and their bytes."""
        self._grow(len(name) + len(value))
        super().on_header(name, value)
        if len(self.headers) > HEADERS:
            raise _HeaderTooLargeError(f"over {HEADERS} headers")

    def on_headers_complete(self) -> None:
        """Stop the clock: the body has its own."""
        self._settle()
        super().on_headers_complete()

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > HEADER_BYTES:
            raise _HeaderTooLargeError(f"over {HEADER_BYTES} bytes of headers")

    def _await_header(self) -> None:
        self._deadline = self.loop.call_later(HEADER_SECONDS, self._give_up)

    def _settle(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        self.transport.close()
